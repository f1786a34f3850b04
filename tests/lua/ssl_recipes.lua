-- ssl_recipes.lua: every method as a stage of a recipe, with and without Q-Score regularization; views and heads in recipes.
local lunette = require "lunette"
local t = require "tap"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local ssl = require "ssl_support"

local HEAD = [[
return {
  format = 1, name = "tiny", seed = 7,
  data = { s = { kind = "shapes", n_train = 40, n_test = 20, size = 16, classes = 4 } },
  model = { backbone = "resnet18", width = 4 },
  stages = {
    %s
  },
}
]]

local function text_of(value)
  if type(value) == "table" then return "{ " .. table.concat(value, ", ") .. " }" end
  return tostring(value)
end

-- A recipe of stages given as text; settings of a method as in ssl_support.
local function stages(list) return HEAD:format(table.concat(list, "\n    ")) end

local function pretrain(name, task, more)
  local settings = {}
  for key, value in pairs(ssl.settings(task)) do settings[#settings + 1] = key .. " = " .. text_of(value) end
  table.sort(settings)
  return ([[{ name = "%s", task = "%s", data = "s:train", epochs = 2, batch = 16, optim = { lr = 0.02 }, monitor = 0, %s, %s },]])
    :format(name, task, table.concat(settings, ", "), more or "")
end

local function run(text)
  local folder = t.folder()
  local path, out = t.write(folder .. "/tiny.lua", text), folder .. "/run"
  local code, info = runner.run(path, {out = out, progress = "none", report = false,
                                       program = {version = "0", commit = "0", dirty = false}})
  t.equal({code, info.message}, {0, nil})
  return rundir.open(out), out
end

for _, row in ipairs(lunette.ssl.methods) do
  local name = row.name
  t.case(name .. " in a recipe, then with the regularizer", function()
    local views = row.multicrop and 'augment = { "weak", "weak", { preset = "weak", size = 8 } }' or 'augment = "weak"'
    local dir, out = run(stages{pretrain("first", name, views),
      [[{ name = "second", like = "first", from = "first", epochs = 1,
          regularize = { epsilon = 1, features = "all", low_weight = 0.1 } },]]})
    local results, rows = dir:read_json "results.json", rundir.read_metrics(out)
    t.equal({#rows, rows[1].regularizer, rows[3].stage}, {3, nil, "second"})
    for _, r in ipairs(rows) do t.ok(r.loss == r.loss, "loss") end
    t.ok(rows[3].regularizer ~= 0, "regularizer")
    t.ok(results.first.parameters == results.second.parameters and results.first.parameters > 0, "parameters")
    local a = lunette.weights.load(out .. "/checkpoints/first/weights.safetensors")
    local b = lunette.weights.load(out .. "/checkpoints/second/weights.safetensors")
    local names = {}
    for key in pairs(a) do names[#names + 1] = b[key] and key end
    local count = 0
    for _ in pairs(b) do count = count + 1 end
    t.equal(#names, count, "the same tensors in both")
    t.ok(ssl.differs(a, b), "the second stage changed something")
  end)
end

t.case("a stage goes on with the encoder alone after another method, with everything after its own", function()
  local dir, out = run(stages{pretrain("a", "byol"), pretrain("b", "simclr", 'from = "a"'),
    [[{ name = "c", like = "a", from = "a", epochs = 1, optim = { lr = 1e-30 } },]]})
  t.contains(t.read(out .. "/log.txt"), "the encoder is that of a (byol); the heads of simclr begin anew")
  t.equal(dir:read_json("status.json").state, "finished")
  local a = lunette.weights.load(out .. "/checkpoints/a/weights.safetensors")
  local c = lunette.weights.load(out .. "/checkpoints/c/weights.safetensors")
  for _, name in ipairs{"predictor.0.weight", "projector.0.weight", "encoder.conv1.weight"} do
    t.equal(c[name]:tobytes(), a[name]:tobytes(), name)
  end
end)

local function config(text)
  local found, errors = recipe.load(t.write(t.folder() .. "/r.lua", text))
  return found, tostring(errors)
end

t.case("the projector is the stage's, else the model's, else the method's", function()
  local function projectors(model)
    local text = stages{pretrain("a", "simclr"), (pretrain("b", "byol"):gsub("projector = [^}]*}, ", ""))}
    local c = assert(config((text:gsub("width = 4", "width = 4" .. model))))
    return c.stages[1].projector, c.stages[2].projector
  end
  t.equal({projectors ""}, {{16, 8}, {4096, 256}})
  t.equal({projectors ", projector = { 32, 4 }"}, {{16, 8}, {32, 4}})
end)

t.case("a warm-up begins at start_lr", function()
  for _, kind in ipairs{"cosine", "constant"} do
    local schedule = ("schedule = { kind = '%s', warmup_epochs = 2, start_lr = 0.01 }"):format(kind)
    local _, out = run(stages{pretrain("first", "simclr", "augment = 'weak', " .. schedule)})
    local rows = rundir.read_metrics(out)
    -- Four steps from 0.01 to 0.02, two an epoch; a row has the rate of its last step.
    t.ok(math.abs(rows[1].lr - 0.0125) < 1e-12 and math.abs(rows[2].lr - 0.0175) < 1e-12, kind .. ": " .. rows[1].lr .. ", " .. rows[2].lr)
  end
end)

t.case("a queue smaller than the batch", function()
  local _, said = config(stages{(pretrain("a", "moco"):gsub("queue = 48", "queue = 15"))})
  t.contains(said, "'stages.a.queue' is 15, less than the batch of 16; set it to several batches")
end)

t.case("views in recipes: as many as the preset or the list has, each with its size; two for methods that compare two", function()
  local function views(task, value) return config(stages{pretrain("a", task, "augment = " .. value)}) end
  local _, said = views("simclr", "'multicrop'")
  t.contains(said, "'stages.a.augment' makes 8 views, but 'simclr' compares two")
  _, said = views("simclr", "{ 'weak' }")
  t.contains(said, "'stages.a.augment' must have 2 to 64 views, got 1")
  _, said = views("simclr", "{ 'weak', { preset = 'weak', size = 12 } }")
  t.contains(said, "'stages.a.augment' makes views of 16 and 12 pixels; 'simclr' compares views of one size")
  local c = assert(views("swav", "{ 'weak', 'weak', { preset = 'weak', size = 12 } }"))
  t.equal({c.stages[1].augment[1].size, c.stages[1].augment[3].size}, {nil, 12})
  for name, preset in pairs(lunette.augment.presets) do
    local policy = lunette.augment{views = name}
    t.equal(#policy.views, #preset, name)
    for k, view in ipairs(preset) do
      for key, value in pairs(view) do t.equal(policy.views[k][key], value, name .. " " .. key) end
    end
  end
end)

t.case("multi-crop: views of their own sizes come out of the loader", function()
  local set = lunette.data.shapes{n = 8, size = 32, seed = 1}
  local loader = lunette.data.loader{dataset = set, batch = 4, augment = lunette.augment "multicrop"}
  for batch in loader:epoch(1) do
    local sizes = {}
    for v, view in ipairs(batch.views) do sizes[v] = view:shape()[3] end
    t.equal(sizes, {32, 32, 18, 18, 18, 18, 18, 18})
  end
  loader:close()
  t.raises(function() lunette.augment{views = {{size = 0}, "weak"}} end, "size must be a whole number of pixels, got 0")
end)

t.finish()
