--- What a run will take, estimated before it: steps of the stages' own methods are done with few random pictures, in memory
--- alone, and what they took is scaled to the batch. Parameters are counted and exact; memory and time are rough.

local json = require "lunette.json"
local layers = require "lunette.recipe.layers"
local lunette = require "lunette"
local metrics = require "lunette.metrics"
local pretrain = require "lunette.tasks.pretrain"
local schema = require "lunette.recipe.schema"
local setup = require "lunette.tasks.setup"
local sys = require "lunette.sys"

local estimate = {}

local SIZE_OF = { f32 = 4, f64 = 8, bf16 = 2, i64 = 8, i32 = 4, u8 = 1, bool = 1 }

local function bytes_of(tensors)
  local total = 0
  for _, tensor in pairs(tensors) do total = total + tensor:numel() * (SIZE_OF[tensor:dtype()] or 8) end
  return total
end

-- ---- pictures like those of a data set ----

--- side(config, reference) -> height of its images in pixels
function estimate.side(config, reference)
  local spec = config.data[reference:match("^[^:]*")]
  return schema.data[spec.kind].side(spec)
end

local function pictures(n, side)
  local images = lunette.ops.random_uniform({ n, side, side, 3 }, { seed = 1, stream = "estimate" })
  return { images = (images * 255):to("u8"):permute(1, 4, 2, 3), n = n }
end

local function env_of(config, stage)
  return { config = config, stage = stage, precision = config.model.precision, seed = stage and stage.seed or config.seed,
    load_stage_weights = function() return nil end }
end

-- ---- measuring ----

-- stopwatch() -> elapsed(): seconds as an idle machine would take. Where others hold the processors, this process waits, and
-- its own processor time is nearer to that.
local function stopwatch(state)
  local wall, cpu = sys.monotonic(), os.clock()
  return function()
    local w, c = sys.monotonic() - wall, os.clock() - cpu
    if state then state.wall, state.cpu = state.wall + w, state.cpu + math.min(w, c) end
    return math.min(w, c)
  end
end

-- One epoch of `batches` batches: seconds of a step, and the most bytes that were live beyond what lives between steps.
local function trained(state, stage, made, side, batch, batches)
  local dataset = pictures(batch * batches, side)
  local loader = lunette.data.loader { dataset = dataset, batch = batch, views = #stage.augment,
    augment = lunette.augment { views = stage.augment, size = stage.size }, seed = 1, threads = stage.loader_threads }
  local before = lunette.memory().live_bytes
  lunette.reset_peak_memory()
  local times, elapsed = {}, stopwatch(state)
  -- A rate of 0: random pictures teach nothing, and nothing can diverge.
  local ok, problem = pcall(lunette.train, { method = made.method, loader = loader, optimizer = made.optimizer, epochs = 1,
    learning_rate = function() return 0 end, on_step = function()
      times[#times + 1] = elapsed()
      elapsed = stopwatch(state)
    end })
  local bytes = lunette.memory().peak_bytes - before
  loader:close()
  dataset.images:free()
  if not ok and #times == 0 then error(problem, 0) end
  -- The first step also sets up what later ones find ready.
  table.sort(times)
  return times[(#times + 1) // 2], bytes
end

local BUDGET = 0.12 -- seconds of one step that is measured

-- {step_seconds, activation_bytes} of the whole batch, from two small ones.
local function step_of(state, stage, made, side)
  local small = math.min(stage.batch, 4)
  local t1, m1 = trained(state, stage, made, side, small, 2)
  local large = small
  while large * 2 <= stage.batch and large < 32 and t1 / small * large * 2 < BUDGET do large = large * 2 end
  if large == small and small < stage.batch then large = math.min(stage.batch, small + 2) end
  local t2, m2 = t1, m1
  if large > small then t2, m2 = trained(state, stage, made, side, large, 3) end
  local more = stage.batch - large
  local by_image = large > small and math.max(0, m2 - m1) / (large - small) or 0
  local slope = large > small and (t2 - t1) / (large - small) or 0
  -- A step takes no less than half of what the images alone would, and no more.
  local per_image = t2 / large
  slope = math.max(per_image / 2, math.min(per_image, slope))
  return { seconds = t2 + slope * more, bytes = m2 + by_image * more, measured = large }
end

-- Seconds and bytes of a forward pass without gradient, for an image.
local function forward_of(encoder, side)
  local n = 4
  local norm <close> = lunette.tensor { { 0.5, 0.5, 0.5 }, { 0.25, 0.25, 0.25 } }
  local function once(count)
    local set = pictures(count, side)
    local before = lunette.memory().live_bytes
    lunette.reset_peak_memory()
    local elapsed = stopwatch()
    local h = setup.features(encoder, set.images, { batch = count, norm = norm })
    local seconds, bytes = elapsed(), lunette.memory().peak_bytes - before
    h:free()
    set.images:free()
    return seconds, bytes
  end
  local seconds, bytes = once(n)
  local single = seconds
  while n < 64 and seconds < BUDGET / 4 do
    n = n * 2
    seconds, bytes = once(n)
  end
  if n == 4 then seconds, bytes = once(n) end
  return { seconds = seconds / n, bytes = bytes / n, single = math.min(single, seconds / n * 4) }
end

-- Seconds of what the measuring tasks do, by the size of it; calibrated once, in a few milliseconds.
local function calibrated(width)
  local rates = {}
  lunette.scope(function()
    local n, d, k = 256, math.min(width, 256), 8
    local h = lunette.ops.random_normal({ n, d }, { seed = 1, stream = "estimate/features" })
    local labels = {}
    for i = 1, n do labels[i] = i % k + 1 end
    local elapsed = stopwatch()
    local r = lunette.probe.linear { features = h, labels = labels, test_features = h, test_labels = labels, classes = k,
      max_iter = 10 }
    rates.probe = elapsed() / (math.max(1, r.iterations) * n * d * k)
    elapsed = stopwatch()
    lunette.probe.knn { features = h, labels = labels, test_features = h, test_labels = labels, classes = k, k = 20 }
    rates.neighbour = elapsed() / (n * n * d)
    local scores = h:narrow(2, 1, 1):reshape(n)
    local flags = lunette.ops.lt(h:narrow(2, math.min(2, d), math.min(2, d)):reshape(n), 0)
    elapsed = stopwatch()
    metrics.bootstrap { metric = "auroc", scores = scores, positive = flags, draws = 20, seed = 1 }
    rates.draw = elapsed() / (20 * n)
  end)
  return rates
end

-- ---- the stages ----

local function key_of(stage, side)
  local settings = {}
  for key, value in pairs(stage) do settings[key] = value end
  for _, key in ipairs { "name", "from", "data", "epochs", "optim", "schedule", "save", "monitor", "seed", "regularize" } do
    settings[key] = nil
  end
  settings.kind, settings.side = stage.optim.kind, side
  return json.encode(settings)
end

-- Of a stage that trains: its layers, counts, and what a step takes; the regularizer's share of it is small and left out.
local function training(state, stage)
  local config, side = state.config, estimate.side(state.config, stage.data)
  local key = key_of(stage, side)
  if state.trainings[key] then return state.trainings[key] end
  local encoder = setup.encoder(env_of(config, stage), "random")
  local method = pretrain.method_of(stage, encoder, config.seed)
  local made = { method = method, optimizer = pretrain.optimizer_of(stage, method) }
  local result = { name = stage.name, parameters = method:count(), encoder_parameters = encoder:count(),
    parameter_bytes = 0, optimizer_bytes = bytes_of(made.optimizer:state()), state_bytes = bytes_of(method:state()) }
  for _, p in ipairs(method:named_parameters()) do result.parameter_bytes = result.parameter_bytes + bytes_of { p.tensor } end
  result.layers = layers.of(method, function()
    local views = {}
    for i, s in ipairs(schema.augment.sizes(stage, side)) do views[i] = lunette.zeros(2, 3, s, s) end
    method:loss(views)
  end)
  result.step = step_of(state, stage, made, side)
  for _, tensor in pairs(method:state()) do tensor:free() end
  for _, tensor in pairs(made.optimizer:state()) do tensor:free() end
  state.trainings[key] = result
  return result
end

local function forward(state, side)
  if not state.forwards[side] then
    local encoder = setup.encoder(env_of(state.config), "random")
    state.width = encoder.features_out
    state.forwards[side] = forward_of(encoder, side)
    if not state.encoder then
      state.encoder = { parameters = encoder:count(), layers = layers.of(encoder, function() encoder(lunette.zeros(2, 3, side, side)) end) }
    end
    for _, tensor in pairs(encoder:state()) do tensor:free() end
  end
  return state.forwards[side]
end

-- Features of a reference by a stage's encoder are made once.
local function features(state, add, from, reference, batch)
  local key, n = from .. " " .. reference, state.counts[reference]
  local side = estimate.side(state.config, reference)
  local f = forward(state, side)
  add.memory("features of " .. reference, f.bytes * math.min(batch or 256, n))
  if state.features[key] then return end
  state.features[key] = true
  state.resident = state.resident + n * state.width * 4
  add.seconds(n * f.seconds)
end

local function data_set(state, add, reference)
  if not reference or state.loaded[reference] then return end
  state.loaded[reference] = true
  local side, n = estimate.side(state.config, reference), state.counts[reference]
  local kind = state.config.data[reference:match("^[^:]*")].kind
  local image = 3 * side * side
  add.memory("reading " .. reference, n * image * (kind == "shapes" and 1 or 2))
  state.resident = state.resident + n * (image + (kind == "shapes" and 2 * side * side or 0))
  if kind == "shapes" then
    local elapsed = stopwatch()
    lunette.scope(function() lunette.ops.shapes(32, { size = side }) end)
    add.seconds(elapsed() / 32 * n)
  elseif kind == "folder" then
    add.seconds(n * 0.004) -- decoding a picture
  else
    add.seconds(n * image * 6e-9) -- hashed, then read
  end
end

-- The mean and deviation that images are normalised with, of the first 10,000 as f32, three times over.
local function norm(state, add, reference)
  local train = reference:match("^[^:]*") .. ":train"
  data_set(state, add, train)
  if state.normed[train] then return end
  state.normed[train] = true
  local numbers = math.min(state.counts[train], 10000) * 3 * estimate.side(state.config, train) ^ 2
  add.memory("mean and deviation of " .. train, 12 * numbers)
  add.seconds(numbers * 8e-9)
end

local tasks = {}

local function trains(state, add, stage)
  local t, n = training(state, stage), state.counts[stage.data]
  local f = forward(state, estimate.side(state.config, stage.data))
  local steps = n // stage.batch
  add.result.training, add.result.steps = t, steps
  add.memory("training", t.state_bytes + t.optimizer_bytes + t.step.bytes)
  add.seconds(stage.epochs * steps * t.step.seconds)
  local m = stage.monitor
  if m and m.images > 0 then
    local looked = math.min(m.images, n)
    local times = math.ceil(stage.epochs / m.every)
    local bank, classes = looked * 1.5, 10
    add.seconds(times * (bank * f.seconds + (m.probe and 100 * state.rates().probe * looked * state.width * classes or 0)
      + (m.knn and state.rates().neighbour * looked * looked / 2 * state.width or 0)))
  end
  local kept = math.min(stage.save.keep, math.max(0, (stage.epochs - 1) // stage.save.every_epochs))
  add.result.kept, add.result.checkpoint_bytes = kept, t.state_bytes + t.optimizer_bytes
  add.result.weights_bytes = t.state_bytes
  -- The one that is being written is there beside those that are kept.
  add.result.disk_bytes = t.state_bytes + (kept > 0 and (kept + 1) * add.result.checkpoint_bytes or 0)
  add.seconds((kept + 1) * t.state_bytes / 2e8)
end

local function both(state, add, stage)
  features(state, add, stage.from, stage.data, stage.batch)
  if stage.test then features(state, add, stage.from, stage.test, stage.batch) end
end

function tasks.linear_probe(state, add, stage)
  both(state, add, stage)
  local n = state.counts[stage.data]
  local passes = stage.solver == "sgd" and stage.epochs or stage.iterations
  add.seconds(passes * n * state.width * 10 * state.rates().probe)
  add.memory("the probe", 5 * 4 * (n + state.counts[stage.test]) * state.width)
  add.seconds(state.rates().draw / 10 * stage.resamples * state.counts[stage.test])
end

function tasks.knn(state, add, stage)
  both(state, add, stage)
  add.seconds(state.counts[stage.data] * state.counts[stage.test] * state.width * state.rates().neighbour)
  add.memory("nearest neighbours", 4 * 3 * math.min(state.counts[stage.test], 1024) * state.counts[stage.data])
end

function tasks.qscore(state, add, stage)
  both(state, add, stage)
  -- AUROC and AUPRC of six scores, of the sweep without intervals
  add.seconds(12 * stage.resamples * state.counts[stage.test] * state.rates().draw)
  add.seconds(state.counts[stage.data] * state.counts[stage.test] * state.width * state.rates().neighbour)
end

local function maps(state, add, stage)
  features(state, add, stage.from, stage.data, 256)
  local encoders = stage.against and 2 or 1
  if stage.against then features(state, add, stage.against, stage.data, 256) end
  local f = forward(state, estimate.side(state.config, stage.data))
  add.seconds(encoders * math.min(stage.images, state.counts[stage.data]) * (4 * f.single + 0.01))
end

tasks.heatmaps, tasks.interpretability = maps, maps

local REPORT_BYTES = 25e6 -- pictures, figures and the texts of the report, as small runs showed it

local function resident_set()
  local file = io.open("/proc/self/status", "r")
  if not file then return 0 end
  local kb = file:read("a"):match("VmRSS:%s*(%d+)")
  file:close()
  return (tonumber(kb) or 0) * 1024
end

-- One that measures what is common to all stages when the first asks.
local function state_of(config, counts)
  local state = { config = config, counts = counts, trainings = {}, forwards = {}, features = {}, loaded = {}, normed = {},
    resident = 0, wall = 0, cpu = 0 }
  function state.rates()
    state.known_rates = state.known_rates or calibrated(state.width)
    return state.known_rates
  end
  return state
end

--- run(config, counts) -> {stages = {{name, task, seconds, peak_bytes, peak_of = the phase that has it, training = {layers, parameters,
--- encoder_parameters, parameter_bytes, optimizer_bytes, state_bytes, step = {seconds, bytes, measured}}, steps, checkpoint_bytes, kept,
--- disk_bytes} ...}, encoder = {parameters, layers}, seconds, peak_bytes, peak_of, base_bytes,
--- complete = whether every stage could be estimated, busy = how many times longer the measured steps took than they computed}
--- counts: images by "set:split". A stage whose data has no count has neither time nor memory.
function estimate.run(config, counts)
  local state = state_of(config, counts)
  local result = { stages = {}, seconds = 0.2, peak_bytes = 0, complete = true }
  for i, stage in ipairs(config.stages) do
    local row = { name = stage.name, task = stage.task, seconds = 0.05, peak_bytes = 0 }
    result.stages[i] = row
    local known = counts[stage.data] and (not stage.test or counts[stage.test]) and counts[stage.data:match("^[^:]*") .. ":train"]
    if known then
      local add = { result = row }
      function add.seconds(s) row.seconds = row.seconds + s end
      function add.memory(what, bytes)
        bytes = bytes + state.resident
        if bytes > row.peak_bytes then row.peak_bytes, row.peak_of = bytes, what end
      end
      forward(state, estimate.side(config, stage.data))
      data_set(state, add, stage.data)
      data_set(state, add, stage.test)
      norm(state, add, stage.data)
      if schema.tasks[stage.task].trains then trains(state, add, stage) else tasks[stage.task](state, add, stage) end
      result.seconds = result.seconds + row.seconds
      if row.peak_bytes > result.peak_bytes then result.peak_bytes, result.peak_of = row.peak_bytes, row.name .. ", " .. row.peak_of end
    else
      row.seconds, result.complete = nil, false
    end
  end
  result.encoder = state.encoder
  result.busy = state.cpu > 0 and state.wall / state.cpu or 1
  -- The program itself and the libraries' own memory: what this process has now beside its tensors, and what a report takes.
  result.base_bytes = math.max(0, resident_set() - lunette.memory().live_bytes) + REPORT_BYTES
  return result
end

return estimate
