-- monitor_figures.lua: what the monitor measures, that it changes no number of the training, and that a stopped run has the
-- same figures and warnings.
local lunette = require "lunette"
local t = require "tap"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local embeddings = require "lunette.monitor.embeddings"
local ssl = require "ssl_support"

local set = lunette.data.shapes{n = 60, size = 16, classes = 4, seed = 1}

-- Two epochs of BYOL; returns its state and the rows.
local function train(monitor)
  local method = ssl.method("byol")
  local loader = lunette.data.loader{dataset = set, batch = 16, augment = lunette.augment "weak", seed = 1}
  local rows = {}
  lunette.train{method = method, loader = loader, epochs = 3, monitor = monitor,
                optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05},
                on_epoch = function(row) rows[#rows + 1] = row end}
  loader:close()
  return ssl.copies(method:state()), rows, method
end

t.case("spread and rank of embeddings, by hand", function()
  local spread = embeddings.figures(lunette.tensor{{3, 0}, {-1, 0}, {0, 2}, {0, -7}})
  t.equal({spread.embedding_width, ("%.6f %.6f"):format(spread.embedding_std, spread.embedding_rank)}, {2, "0.707107 2.000000"})
  local one = embeddings.figures(lunette.ones(8, 4))
  t.ok(one.embedding_std < 1e-6 and math.abs(one.embedding_rank - 1) < 1e-3, "the same embedding for all")
  t.equal({embeddings.figures(lunette.zeros(8, 4)).embedding_rank}, {})
  local many = embeddings.figures(lunette.randn({2000, 16}, {seed = 1}))
  t.ok(math.abs(many.embedding_std - 0.25) < 0.01 and many.embedding_rank > 15, "evenly spread")
end)

t.case("the figures are those of the library on the first images", function()
  local _, rows, method = train(lunette.monitor{dataset = set, images = 30, epsilon = 1, every = 2})
  t.equal({rows[1].rankme, rows[1].knn_top1}, {})
  t.ok(rows[1].embedding_std > 0 and rows[2].rankme, "every second epoch")
  local row = rows[3] -- the last epoch is always measured
  local h = lunette.no_grad(function() return method.encoder(lunette.ops.normalize_images(set.images)) end)
  local first, next_ = h:narrow(1, 1, 30), h:narrow(1, 31, 45)
  t.equal(row.rankme, lunette.metrics.rankme(first))
  t.equal(row.alpha_req, lunette.metrics.alpha_req(first))
  local q, count = lunette.qscore.score(first, {epsilon = 1, features = lunette.qscore.discriminative(first, {epsilon = 1})})
  local empty = 0
  for _, c in ipairs(count:totable()) do empty = empty + (c == 0 and 1 or 0) end
  local mean = q:mean():item() -- f32, where the monitor sums in double
  t.ok(math.abs(row.qscore - mean) < 1e-6 * mean, "mean Q-Score")
  t.ok(math.abs(row.qscore_empty - empty / 30) < 1e-9, "empty ones")
  local given = {features = first, labels = set.labels:narrow(1, 1, 30), test_features = next_, test_labels = set.labels:narrow(1, 31, 45),
                 classes = 4}
  t.equal(row.knn_top1, lunette.probe.knn(given).top1)
  given.max_iter, given.tol = 100, 1e-3
  t.equal(row.probe_top1, lunette.probe.linear(given).top1)
end)

t.case("weights are the same bits with and without; everything can be switched off", function()
  local plain, without = train(nil)
  local watched, with = train(lunette.monitor{dataset = set, images = 30})
  t.equal(ssl.differs(plain, watched), nil, "first tensor that differs")
  for i, row in ipairs(without) do t.equal(with[i].loss, row.loss, "loss") end
  local off = lunette.monitor{dataset = set, images = 30, knn = false, probe = false, spectrum = false, qscore = false, collapse = false,
                              plateau = false}
  local _, rows = train(off)
  t.equal(rows, without)
  local _, unlabelled = train(lunette.monitor{dataset = {images = set.images}, images = 30})
  t.ok(unlabelled[1].rankme and not unlabelled[1].knn_top1 and not unlabelled[1].probe_top1, "without labels")
  t.raises(function() lunette.monitor{every = 0} end, "monitor: every must be a whole number of at least 1, got 0")
  t.raises(function() lunette.monitor{imges = 3} end, "images")
end)

t.case("a NaN names the op that made it first, or the parameters that hold one", function()
  local method = ssl.method("simclr")
  local loader = lunette.data.loader{dataset = set, batch = 16, augment = lunette.augment "weak", seed = 1}
  local function fails()
    local ok, problem = pcall(lunette.train, {method = method, loader = loader, epochs = 1,
      optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05}})
    t.equal({ok, problem.code}, {false, "nan"})
    return problem.message
  end
  local forward = method.loss
  function method:loss(views)
    local l, h, z = forward(self, views)
    return l + (z * 0 - 1):sqrt():mean(), h, z
  end
  local said = fails()
  t.contains(said, "the loss of epoch 1, batch 1 is NaN: ")
  t.contains(said, "sqrt: output")
  method.loss = nil
  local heads = method.projector:parameters()
  -- The first layer, behind which a ReLU comes that must let NaN through.
  lunette.no_grad(function() lunette.ops.assign(heads[1], heads[1] * (0 / 0)) end)
  t.contains(fails(), "1 parameters hold NaN or infinity, first projector.")
  loader:close()
end)

local RECIPE = [[
return { format = 1, name = "m", seed = 1,
  data = { s = { kind = "shapes", n_train = 96, n_test = 20, size = 16, classes = 4 } },
  model = { backbone = "resnet18", width = 4 },
  stages = { { name = "p", task = "byol", data = "s:train", epochs = 7, batch = 32, augment = "weak",
    optim = { lr = 0.1 }, schedule = { kind = "constant" }, projector = { 32, 16 }, predictor = 0%s } } }
]]

local function config(more)
  local found, errors = recipe.load(t.write(t.folder() .. "/r.lua", RECIPE:format(more)))
  return found and found.stages[1].monitor, tostring(errors)
end

t.case("the recipe's monitor: a number, a table or false", function()
  local all = config ""
  t.equal({all.images, all.every, all.knn, all.probe, all.spectrum, all.qscore, all.collapse, all.plateau, all.epsilon},
    {1000, 1, true, true, true, true, true, true, 4.0})
  local few = config ", monitor = 60"
  t.equal({few.images, few.every, few.probe}, {60, 1, true})
  t.equal(config ", monitor = false", false)
  local some = config ", monitor = { every = 5, probe = false }"
  t.equal({some.images, some.every, some.probe}, {1000, 5, false})
  local _, said = config ", monitor = true"
  t.contains(said, "'stages.p.monitor' must be a table with named keys, a number or false, got true")
  _, said = config ", monitor = 1.5"
  t.contains(said, "'stages.p.monitor' must be an integer, got 1.5")
  _, said = config ", monitor = { image = 5 }"
  t.contains(said, "unknown key 'stages.p.monitor.image' (did you mean 'images'?)")
end)

-- Runs the recipe; `stops`: after how many polls of the interrupt it is stopped and resumed, one after the other.
local function run(more, stops)
  local folder = t.folder()
  local out, lines = folder .. "/run", {}
  local options = {out = out, report = false, program = {version = "0", commit = "0", dirty = false},
                   progress_object = require("lunette.recipe.progress").new{mode = "plain", tty = false, stream = {
                     write = function(_, ...) lines[#lines + 1] = table.concat{...} end, flush = function() end}}}
  local code, info
  for i = 1, #(stops or {}) + 1 do
    local polls = 0
    options.interrupted = function()
      polls = polls + 1
      return stops and stops[i] and polls > stops[i] and 2 or nil
    end
    if i == 1 then code, info = runner.run(t.write(folder .. "/m.lua", RECIPE:format(more)), options)
    else code, info = runner.resume(out, options) end
    t.equal(code, stops and stops[i] and 130 or 0, info.message)
  end
  return rundir.open(out), out, table.concat(lines)
end

local function warned(dir) return dir:read_json("results.json").p.warnings end

t.case("warnings of a run: said once, kept in status and results; a resumed run has the same ones and the same rows", function()
  local dir, out, output = run(", monitor = { images = 30, every = 2 }")
  local warnings = warned(dir)
  t.equal({#warnings, warnings[1].kind}, {1, "collapse"})
  t.equal(dir:read_json("status.json").stages[1].warnings, warnings)
  local line = ("warning: p, epoch %d: the embeddings have collapsed"):format(warnings[1].epoch)
  t.contains(t.read(out .. "/log.txt"), line)
  t.contains(output, line)
  t.contains(t.read(out .. "/log.txt"), "1 warning")
  -- The first poll is that before the stage; then one after every step, of which an epoch has 3. Stopped right after the last
  -- step of an epoch, within one, and after the warning.
  local last = warnings[1].epoch * 3
  local again, resumed, text = run(", monitor = { images = 30, every = 2 }", {6, 5, last + 2 - 10})
  t.equal(t.read(resumed .. "/metrics.jsonl"), t.read(out .. "/metrics.jsonl"))
  t.equal(warned(again), warnings)
  t.equal(select(2, text:gsub("warning: p", "")), 1, "times it was said")
  t.equal(t.read(resumed .. "/checkpoints/p/weights.safetensors"), t.read(out .. "/checkpoints/p/weights.safetensors"))
  local bare, plain = run(", monitor = false")
  t.equal(warned(bare), nil)
  t.equal(t.read(plain .. "/checkpoints/p/weights.safetensors"), t.read(out .. "/checkpoints/p/weights.safetensors"), "weights without")
end)

t.finish()
