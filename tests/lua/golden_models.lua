-- golden_models.lua: whole encoders against PyTorch's, under the names that checkpoints have.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"

local models = {
  resnet18_imagenet = {"resnet18", {width = 2, stem = "imagenet"}},
  resnet34_cifar = {"resnet34", {width = 2}},
  resnet50_cifar = {"resnet50", {width = 2}},
  conv4 = {"conv4", {width = 6}},
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
    golden.near(y, file.y_train, 5e-5, "y")
    y:backward(file.dy)
    local gradients = {}
    for _, p in ipairs(model:named_parameters()) do gradients[p.name] = p.tensor.grad end
    local compared = 0
    for key, expected in pairs(file) do
      if key:find("^d%.") then
        golden.near(gradients[key:sub(3)], expected, 5e-4, key)
        compared = compared + 1
      end
    end
    t.ok(compared >= 4, "gradients compared")
  end)
end

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
  for _, name in ipairs{"resnet18", "conv4"} do
    local x = lunette.randn(4, 3, 32, 32, {seed = 1})
    local a = lunette.models[name]{width = 16}:eval()(x)
    local b = lunette.models[name]{width = 16, precision = "bf16"}:eval()(x)
    t.equal(b:dtype(), "f32")
    t.ok(golden.difference(b, a) < 0.05, name .. " is off by " .. golden.difference(b, a))
  end
end)

t.case("mistakes in a model's options are named", function()
  t.raises(function() lunette.models.conv4{widht = 3} end, "models.conv4: unknown option 'widht' (did you mean 'width'?)")
  t.raises(function() lunette.models.resnet18{width = 0} end, "models.resnet: width must be a whole number of at least 1, got 0")
  t.raises(function() lunette.models.resnet50{stem = "big"} end, [[models.resnet: stem must be "cifar" or "imagenet", got "big"]])
  t.raises(function() lunette.models.conv4{precision = "f16"} end, [[precision must be "f32" or "bf16", got "f16"]])
  t.raises(function() lunette.models.conv4{}(lunette.zeros(1, 3, 15, 32)) end, "images must be at least 16x16, got 15x32")
end)

t.finish()
