--- The encoder and its projector: a variant per backbone, told apart by `backbone`.

local t = require "lunette.recipe.schema.types"

local projector = t.list {
  of = t.integer { min = 1, max = 65536, doc = "width of a layer" },
  min_items = 1,
  max_items = 8,
  doc = "widths of the projector's layers, the last one its output; without it, those of each method",
}

local model = { precisions = { "auto", "f32", "bf16" } }

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

backbone("conv4", "four convolutions with pooling, of few-shot learning", {
  width = t.integer { default = 64, min = 4, max = 1024, doc = "channels of every block" },
})

model.type = t.variant {
  default = {},
  default_kind = "resnet18",
  tag = "backbone",
  doc = "the encoder and its projector",
  variants = variants,
}

return model
