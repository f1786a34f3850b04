-- recipe_examples.lua: examples/recipes: all of them there, valid with and without their trial settings, and alike where they
-- are to be alike.
local t = require "tap"
local presets = require "lunette.augment.presets"
local recipe = require "lunette.recipe"

local sets = { "cifar10", "cifar100", "stl10", "imagenet100" }
local methods = { "simclr", "swav", "moco", "mocov3", "byol", "dino", "simsiam", "vicreg", "barlow" }

local function each(f)
  for _, set in ipairs(sets) do
    for _, method in ipairs(methods) do
      local path = ("%s/examples/recipes/%s/%s.lua"):format(t.root, set, method)
      f(set, method, path)
    end
  end
end

local function loaded(path, smoke)
  local config, mistakes = recipe.load(path, nil, smoke)
  t.ok(config, tostring(mistakes))
  local stages = {}
  for i, stage in ipairs(config.stages) do stages[i], stages[stage.name] = stage.name, stage end
  return config, stages
end

t.case("every recipe: name, stages, Q-Score regularization after the paper", function()
  each(function(set, method, path)
    local config, stages = loaded(path)
    t.equal(config.name, set .. "-" .. method)
    t.equal({ table.unpack(stages) }, { "random_probe", "pretrain", "probe", "knn", "qscore", "regularized", "regularized_probe" })
    local pretrain, regularized = stages.pretrain, stages.regularized
    t.equal({ pretrain.task, pretrain.batch, pretrain.epochs }, { method, 256, set:find "cifar" and 1000 or 400 }, path)
    t.equal(pretrain.schedule, { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5, min_lr = 0 }, path)
    local r = regularized.regularize
    t.equal({ regularized.from, regularized.epochs, regularized.optim.lr, r.low_weight, r.over_weight, r.epsilon },
      { "pretrain", 50, 1e-5, 1e-4, 1e-4, 4 }, path)
    t.equal(config.report.compare, { "random_probe", "probe", "regularized_probe" }, path)
  end)
end)

t.case("views are those of the presets", function()
  local small = { simclr = "symmetric", swav = "symmetric", moco = "weak", simsiam = "weak", vicreg = "vicreg" }
  local large = { simclr = "symmetric", swav = "symmetric", moco = "weak", vicreg = "vicreg_imagenet" }
  each(function(set, method, path)
    local _, stages = loaded(path)
    local name = set:find "cifar" and (small[method] or "asymmetric") or not set:find "cifar" and (large[method] or "asymmetric_imagenet")
    t.equal(#stages.pretrain.augment, 2)
    for v, view in ipairs(presets[name]) do
      for key, value in pairs(view) do t.equal(stages.pretrain.augment[v][key], value, path .. ": " .. key) end
    end
  end)
end)

t.case("trial settings are small, whatever the recipe", function()
  each(function(_, _, path)
    local config, stages = loaded(path, true)
    t.ok(config.model.width == 4 and stages.pretrain.epochs == 1 and stages.regularized.epochs == 1, path)
    t.contains(config.report.title, "(smoke run)")
  end)
end)

t.case("ImageNet-100: one list of a hundred classes", function()
  local first
  for _, method in ipairs(methods) do
    local config = loaded(("%s/examples/recipes/imagenet100/%s.lua"):format(t.root, method))
    local classes = config.data.imagenet100.classes
    first = first or classes
    t.equal(#classes, 100)
    t.equal(classes, first)
    for i = 2, 100 do t.ok(classes[i - 1] < classes[i] and classes[i]:find "^n%d%d%d%d%d%d%d%d$", classes[i]) end
  end
end)

t.case("each file names its source and the published accuracy", function()
  each(function(set, _, path)
    local text = t.read(path)
    t.contains(text, "solo-learn (github.com/vturrisi/solo-learn)")
    t.contains(text, "-- Published accuracy: ")
    if set == "stl10" then t.contains(text, "No recipe with published figures is known for it") end
  end)
end)

t.finish()
