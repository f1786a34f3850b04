-- tasks/pretrain.lua: the stage that trains an encoder with a self-supervised method: the task of every method.
local lunette = require "lunette"
local groups = require "lunette.optim.groups"
local setup = require "lunette.tasks.setup"

local pretrain = {}

-- The stage's optimizer over the method's parameters.
function pretrain.optimizer_of(stage, method)
  local o, given = stage.optim, {params = method:named_parameters()}
  for key, value in pairs(o) do
    if key ~= "kind" and key ~= "final_weight_decay" then given[key] = value end
  end
  if o.kind == "adamw" and given.betas then
    given.beta1, given.beta2, given.betas = given.betas[1], given.betas[2], nil
  end
  return lunette.optim[o.kind](given)
end

local function schedule_of(stage, per_epoch)
  local s, steps = stage.schedule, stage.epochs * per_epoch
  local warmup = math.min(math.floor((s.warmup_epochs or 0) * per_epoch), steps)
  local common = {value = stage.optim.lr, steps = steps, warmup = warmup, start = s.start_lr}
  if s.kind == "constant" then return lunette.schedule.constant(common) end
  common.final = s.min_lr
  return lunette.schedule.cosine(common)
end

-- Weight decay by step, or nil where it is constant.
local function decay_of(optim, steps)
  if not optim.final_weight_decay then return nil end
  return lunette.schedule.ramp{from = optim.weight_decay, to = optim.final_weight_decay, steps = steps}
end

-- The Q-Score regularizer as regularize(h, epoch), or nil. Discriminative features are those of the start weights over
-- the training images, and stay fixed during the stage.
local function regularizer_of(env, stage, method, dataset, norm)
  local r = stage.regularize
  if not r then return nil end
  local features
  if r.features == "discriminative" then
    method:eval()
    local h <close> = setup.features(method.encoder, dataset.images, {batch = stage.batch, norm = norm})
    features = lunette.qscore.discriminative(h, {epsilon = r.epsilon, low = r.low, high = r.high, over = r.over})
    lunette.keep(features)
    env.log("regularizer: %d of %d features are discriminative", features:numel(), h:shape()[2])
    if features:numel() == 0 then
      env.fail("error", "regularizer: no feature is discriminative at epsilon = %g; lower epsilon, or set features = \"all\"", r.epsilon)
    end
  end
  return function(h, epoch)
    if epoch < r.from_epoch then return nil end
    return lunette.qscore.regularizer(h, {low_weight = r.low_weight, over_weight = r.over_weight, epsilon = r.epsilon,
                                          features = features})
  end
end

-- The stage's monitor, or nil. What the epochs before a resumption warned of is known, not said again.
local function monitor_of(stage, env, dataset, norm)
  if not stage.monitor then return nil end
  local options = {dataset = dataset, norm = norm, batch = stage.batch, on_warning = env.warn}
  for name, value in pairs(stage.monitor) do options[name] = value end
  local monitor = lunette.monitor(options)
  monitor:replay(env.earlier_metrics())
  return monitor
end

-- Weights and optimizer buffers of a checkpoint folder; `info.extra` holds the rest of the progress.
local function write_checkpoint(method, optimizer)
  return function(folder)
    lunette.weights.save(folder .. "/weights.safetensors", method:state())
    lunette.weights.save(folder .. "/optimizer.safetensors", optimizer:state())
  end
end

-- Numbers as texts that hold every bit, and back.
local function texts_of(numbers)
  local texts = {}
  for name, value in pairs(numbers or {}) do texts[name] = ("%a"):format(value) end
  return next(texts) and texts
end

local function numbers_of(texts)
  local numbers = {}
  for name, text in pairs(texts or {}) do numbers[name] = tonumber(text) end
  return numbers
end

local function save(env, method, optimizer, p)
  env.save_checkpoint(p.epoch, write_checkpoint(method, optimizer),
    {batch = p.batch, step = p.step, loss_sum = ("%a"):format(p.loss_sum), extra_sum = ("%a"):format(p.extra_sum),
     seen = texts_of(p.seen)})
end

local function load(state, method, optimizer)
  local extra = state.info.extra
  method:load_state(lunette.weights.load(state.folder .. "/weights.safetensors"))
  optimizer:load_state(lunette.weights.load(state.folder .. "/optimizer.safetensors"), extra.step)
  return {epoch = state.epoch, batch = extra.batch, step = extra.step, loss_sum = tonumber(extra.loss_sum),
          extra_sum = tonumber(extra.extra_sum), seen = numbers_of(extra.seen)}
end

-- A row of the training loop as the progress line takes it.
local function shown(row, stage, loader)
  local memory = lunette.memory(loader.device)
  return {epoch = row.epoch, epochs = stage.epochs, step = row.step, steps = stage.epochs * loader.batches, loss = row.loss,
          memory = memory.live_bytes, values = {lr = row.lr, regularizer = row.regularizer, knn = row.knn_top1,
                                          gradient = row.grad_norm}}
end

-- The stage's method, lunette.ssl[stage.task] with those of the stage's settings that are the method's own.
function pretrain.method_of(stage, encoder, seed)
  local options = {encoder = encoder, seed = seed}
  for _, row in ipairs(lunette.ssl.methods) do
    for name in pairs(row.name == stage.task and row.settings or {}) do options[name] = stage[name] end
  end
  return lunette.ssl[stage.task](options)
end

-- What is wrong with a stage's groups of parameters, told before any stage has run, or nil: one that no parameter is in. A model
-- that cannot be built is for the stage to tell.
function pretrain.group_problem(config, stage)
  if not stage.optim.groups then return nil end
  local built, method = pcall(function()
    local encoder = setup.encoder({config = config, device = "cpu", load_stage_weights = function() return nil end}, "random")
    return pretrain.method_of(stage, encoder, 0)
  end)
  if not built then return nil end
  local fine, problem = pcall(groups.of, ("stages.%s.optim"):format(stage.name),
    {params = method:named_parameters(), groups = stage.optim.groups}, stage.optim)
  for _, tensor in pairs(method:state()) do tensor:free() end
  return not fine and problem or nil
end

-- Start weights: the whole method's where the earlier stage trained the same one, with its heads, teacher and queue; after
-- another method, the encoder alone, which it has already.
local function start_from(stage, env, method)
  if stage.from == "random" then return end
  for _, earlier in ipairs(env.config.stages) do
    if earlier.name == stage.from and earlier.task == stage.task then
      method:load_state(env.load_stage_weights(stage.from), {partial = true})
    elseif earlier.name == stage.from then
      env.log("the encoder is that of %s (%s); the heads of %s begin anew", earlier.name, earlier.task, stage.task)
    end
  end
end

-- Returns the stage's results.
function pretrain.run(stage, env)
  local dataset = setup.dataset(env, stage.data)
  local norm = setup.norm(env, stage.data)
  local encoder = setup.encoder(env, stage.from)
  local method = pretrain.method_of(stage, encoder, env.seed)
  start_from(stage, env, method)
  local optimizer = pretrain.optimizer_of(stage, method)
  local loader = lunette.data.loader{dataset = dataset, batch = stage.batch, views = #stage.augment,
                                     augment = lunette.augment{views = stage.augment, norm = norm, size = stage.size},
                                     seed = env.seed, device = env.device,
                                     threads = stage.loader_threads}
  local regularize = regularizer_of(env, stage, method, dataset, norm)
  local progress = env.resume_state and load(env.resume_state, method, optimizer) or nil
  local last
  lunette.train{
    method = method, loader = loader, optimizer = optimizer, epochs = stage.epochs, start = progress,
    learning_rate = schedule_of(stage, loader.batches), regularize = regularize,
    monitor = monitor_of(stage, env, dataset, norm),
    weight_decay = decay_of(stage.optim, stage.epochs * loader.batches),
    on_step = function(row) env.progress:update(shown(row, stage, loader)) end,
    on_epoch = function(row, p)
      last = row
      env.metrics(row)
      env.progress:epoch(shown(row, stage, loader))
      if p.epoch % stage.save.every_epochs == 0 and p.epoch < stage.epochs then save(env, method, optimizer, p) end
    end,
    interrupted = env.interrupted,
    on_interrupt = function(p) save(env, method, optimizer, p) end,
  }
  loader:close()
  lunette.weights.save(env.weights_path, method:state())
  return {loss = last and last.loss, epochs = stage.epochs, parameters = method:count()}
end

return pretrain
