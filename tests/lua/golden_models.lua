-- golden_models.lua: whole encoders against PyTorch's, under the names that checkpoints have.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"

local models = {
  resnet18_imagenet = {"resnet18", {width = 2, stem = "imagenet"}},
  resnet34_cifar = {"resnet34", {width = 2}},
  resnet50_cifar = {"resnet50", {width = 2}},
  conv4 = {"conv4", {width = 6}},
  vit = {"vit", {dim = 24, depth = 2, heads = 3, patch = 4, image = 16}},
}

-- The model with the file's state, whose names must be the model's own.
local function loaded(file, how)
  local model, state = lunette.models[how[1]](how[2]), {}
  for name, value in pairs(file) do
    if name:find("%.") and not name:find("^d%.") or name == "cls_token" or name == "pos_embed" then state[name] = value end
  end
  model:load_state(state)
  return model
end

for name, how in pairs(models) do
  t.case(name .. " in evaluation", function()
    local file = golden.load("model_" .. name)
    local model = loaded(file, how):eval()
    t.equal(model.features_out, file.y:shape()[2])
    golden.near(model(file.x), file.y, 2e-5, "y")
  end)
  t.case(name .. " in training, with gradients", function()
    local file = golden.load("model_" .. name)
    local model = loaded(file, how):train()
    local y = model(file.x)
    golden.near(y, file.y_train, name == "vit" and 1e-5 or 5e-5, "y")
    y:backward(file.dy)
    local gradients = {}
    for _, p in ipairs(model:named_parameters()) do gradients[p.name] = p.tensor.grad end
    local compared = 0
    for key, expected in pairs(file) do
      if key:find("^d%.") then
        golden.near(gradients[key:sub(3)], expected, name == "vit" and 1e-5 or 5e-4, key)
        compared = compared + 1
      end
    end
    t.ok(compared >= 4, "gradients compared")
  end)
end

t.case("vit on an image of another size: position embedding interpolated, with its gradient", function()
  local file = golden.load("model_vit")
  local model = loaded(file, models.vit)
  local y = model(file.x_other)
  golden.near(y, file.y_other, 1e-5, "y")
  y:backward(file.dy_other)
  golden.near(model.pos_embed.grad, file.dpos_other, 1e-5, "gradient of pos_embed")
end)

t.case("vit: features and head agree with the forward pass", function()
  local model = lunette.models.vit{dim = 12, depth = 2, heads = 2, patch = 4, image = 16}
  local x = lunette.randn(2, 3, 16, 24, {seed = 1})
  local h, a, class_token = model:features(x)
  t.equal(a:shape(), {2, 12, 4, 6})
  t.ok(golden.difference(h, model(x)) == 0, "features")
  t.ok(golden.difference(model:head(a, class_token), h) == 0, "head")
end)

t.case("vit_tiny and vit_small have DINO's sizes", function()
  local tiny, small = lunette.models.vit_tiny{}, lunette.models.vit_small{patch = 8}
  t.equal({tiny:count(), small:count()}, {5524416, 21670272})
  t.equal({tiny.features_out, small.features_out}, {192, 384})
  t.equal(tiny:state().pos_embed:shape(), {1, 197, 192})
  t.equal(small:state()["blocks.11.attn.qkv.weight"]:shape(), {1152, 384})
end)

t.case("zero_init_residual: the last batch norm of every block starts at 0, and no other", function()
  for model, last in pairs{resnet18 = "bn2", resnet50 = "bn3"} do
    local count = {}
    for _, zero in ipairs{true, false} do
      count[zero] = 0
      for name, value in pairs(lunette.models[model]{width = 4, zero_init_residual = zero}:state()) do
        if value:ndim() == 1 and name:find("%.weight$") and name:find("bn%d%.weight") then
          local is_last = name:find("layer%d%.%d%." .. last) ~= nil
          t.equal(value:abs():sum():item() == 0, zero and is_last, name)
          if is_last then count[zero] = count[zero] + 1 end
        end
      end
    end
    t.equal(count[true], model == "resnet18" and 8 or 16)
  end
end)

t.case("encoders in bf16 stay near those in f32", function()
  for name, given in pairs{resnet18 = {width = 16}, conv4 = {width = 16}, vit_tiny = {patch = 8, image = 32, depth = 2}} do
    local x = lunette.randn(4, 3, 32, 32, {seed = 1})
    local a = lunette.models[name](given):eval()(x)
    given.precision = "bf16"
    local b = lunette.models[name](given):eval()(x)
    t.equal(b:dtype(), "f32")
    t.ok(golden.difference(b, a) < 0.05, name .. " is off by " .. golden.difference(b, a))
  end
end)

t.case("mistakes in a model's options are named", function()
  t.raises(function() lunette.models.conv4{widht = 3} end, "models.conv4: unknown option 'widht' (did you mean 'width'?)")
  t.raises(function() lunette.models.resnet18{width = 0} end, "models.resnet: width must be a whole number of at least 1, got 0")
  t.raises(function() lunette.models.resnet50{stem = "big"} end, [[models.resnet: stem must be "cifar" or "imagenet", got "big"]])
  t.raises(function() lunette.models.conv4{precision = "f16"} end, [[precision must be "f32" or "bf16", got "f16"]])
  t.raises(function() lunette.models.vit_tiny{image = 30} end, "models.vit_tiny: image, 30, must be a multiple of patch, 16")
  t.raises(function() lunette.models.vit_tiny{dim = 64} end, "models.vit_tiny: unknown option 'dim'")
  t.raises(function() lunette.models.vit{dim = 64, heads = 3} end, "models.vit: dim, 64, must be a multiple of heads, 3")
  t.raises(function() lunette.models.vit{depth = 1}(lunette.zeros(1, 3, 30, 32)) end, "multiples of the patch size, 16, got (1,3,30,32)")
  t.raises(function() lunette.models.conv4{}(lunette.zeros(1, 3, 15, 32)) end, "images must be at least 16x16, got 15x32")
end)

t.finish()
