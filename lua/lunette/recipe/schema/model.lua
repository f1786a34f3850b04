--- The encoder and its projector: a variant per backbone, told apart by `backbone`.

local t = require "lunette.recipe.schema.types"

local projector = t.list {
  of = t.integer { min = 1, max = 65536, doc = "width of a layer" },
  min_items = 1,
  max_items = 8,
  doc = "widths of the projector's layers, the last one its output; without it, those of each method",
}

local model = { precisions = { "auto", "f32", "bf16" } }

--- What "auto" means for a backbone where it is not the machine's choice.
model.auto_precision = {}

local variants = {}

--- A further backbone is one call: its name in lunette.models, a line about it, the options its function takes.
local function backbone(name, doc, own)
  own.projector = projector
  own.precision = t.string { choices = model.precisions, doc = "precision of the encoder; without it, the recipe's" }
  variants[name] = { doc = doc, fields = own }
end

--- What setup hands to the model's function: everything but these.
model.not_options = { backbone = true, projector = true, precision = true }

for name, blocks in pairs { resnet18 = "18 layers", resnet34 = "34 layers", resnet50 = "50 layers in bottlenecks" } do
  backbone(name, "a residual network of " .. blocks, {
    stem = t.string { default = "cifar", choices = { "cifar", "imagenet" }, doc = "first layers, by image size" },
    width = t.integer { default = 64, min = 4, max = 1024, doc = "channels of the first stage" },
    zero_init_residual = t.boolean { default = false, doc = "blocks start as their shortcuts: the last batch norm's weight is 0" },
  })
end

--- Of a backbone that does not take images of every size: (settings, pixels) -> what is wrong with that many, or nil.
model.size_problem = {}

backbone("conv4", "four convolutions with pooling, of few-shot learning", {
  width = t.integer { default = 64, min = 4, max = 1024, doc = "channels of every block" },
})

function model.size_problem.conv4(_, pixels)
  return pixels < 16 and "less than the 16 that 'conv4' needs" or nil
end

local function whole_patches(own, pixels)
  return pixels % own.patch ~= 0 and ("no multiple of 'model.patch', %d"):format(own.patch) or nil
end

for name, what in pairs { vit_tiny = "192 features and 3 heads", vit_small = "384 features and 6 heads" } do
  backbone(name, "a vision transformer with " .. what .. "; its features can be negative, which the Q-Score's definition does not expect", {
    patch = t.integer { default = 16, min = 1, max = 256, doc = "height and width of a patch in pixels" },
    image = t.integer { default = 224, min = 1, max = 4096, doc = "size of the images that the position embedding is made for" },
    depth = t.integer { default = 12, min = 1, max = 64, doc = "number of blocks" },
  })
  -- Its products are f32 either way, so bf16 saves memory and costs time.
  model.auto_precision[name] = "f32"
  model.size_problem[name] = whole_patches
end

model.type = t.variant {
  default = {},
  default_kind = "resnet18",
  tag = "backbone",
  doc = "the encoder and its projector",
  variants = variants,
}

return model
