-- train.lua: the training loop: steps, learning rate, NaN check, interrupts. What to train, where rows go and when to save
-- is the caller's: a recipe's task or a script.
--
--   lunette.train{method = lunette.ssl.simclr{...}, loader = ..., optimizer = ..., epochs = 10, learning_rate = f(step)}
local lunette = require "lunette"
local first_nan = require "lunette.first_nan"
local options_of = require "lunette.options"

local allowed = {method = true, loader = true, optimizer = true, epochs = true, learning_rate = true, regularize = true,
                 on_step = true, on_epoch = true, interrupted = true, on_interrupt = true, start = true, weight_decay = true,
                 schedules = true, monitor = true}

-- What there must be, and whether a value is that.
local required = {
  {"method", "a method of lunette.ssl, e.g. lunette.ssl.simclr{...}", function(v) return v.loss and v.schedules end},
  {"loader", "a loader, e.g. lunette.data.loader{...}", function(v) return v.epoch and v.batches end},
  {"optimizer", "an optimizer, e.g. lunette.optim.sgd{...}", function(v) return v.step and v.zero_grad end},
}

local function check(t)
  options_of.check("train", t, allowed, 2)
  for _, r in ipairs(required) do
    local value = t[r[1]]
    if type(value) ~= "table" or not r[3](value) then
      error(("train: %s must be %s, got %s"):format(r[1], r[2], value == nil and "nothing" or type(value)), 3)
    end
  end
  for _, name in ipairs{"learning_rate", "weight_decay", "regularize", "on_step", "on_epoch", "interrupted", "on_interrupt"} do
    if t[name] ~= nil and type(t[name]) ~= "function" then
      error(("train: %s must be a function, got %s"):format(name, type(t[name])), 3)
    end
  end
  if t.monitor and (type(t.monitor) ~= "table" or not t.monitor.observe) then
    error(("train: monitor must be what lunette.monitor{...} returns, got %s"):format(type(t.monitor)), 3)
  end
  if t.schedules ~= nil and type(t.schedules) ~= "table" then
    error(("train: schedules must be a table of functions, got %s"):format(type(t.schedules)), 3)
  end
  for name, value in pairs(t.schedules or {}) do
    if type(value) ~= "function" then
      error(("train: schedules.%s must be a function of the step, got %s"):format(name, type(value)), 3)
    end
  end
  if math.type(t.epochs) ~= "integer" or t.epochs < 0 then
    error(("train: epochs must be a whole number from 0 on, got %s"):format(t.epochs == nil and "nothing" or tostring(t.epochs)), 3)
  end
end

-- What a function of the step gave for the rate or decay of one.
local function checked(name, value, step)
  if type(value) ~= "number" or not (value >= 0 and value < math.huge) then
    error(("train: %s(%d) must be a number from 0 on, got %s"):format(name, step, tostring(value)), 3)
  end
  return value
end

-- What a recipe takes for the exit code, and a script shows as a text.
local failure = {__tostring = function(e) return e.message end}

local function fail(e) error(setmetatable(e, failure), 0) end

-- "N parameters hold NaN or infinity, first NAME", or nil.
local function broken_parameters(method)
  local bad = {}
  for _, p in ipairs(method:named_parameters()) do
    local s <close> = p.tensor:sum()
    local v = s:item()
    if v - v ~= 0 then bad[#bad + 1] = p.name end
  end
  return #bad > 0 and ("%d parameters hold NaN or infinity, first %s"):format(#bad, bad[1]) or nil
end

-- What goes backward, its two parts (the method's loss; the regularizer's, or nil), and what came of the views on the way.
local function losses(t, views, epoch)
  local loss, h, z = t.method:loss(views)
  local extra = t.regularize and t.regularize(h, epoch) or nil
  return extra and loss + extra or loss, loss, extra, h, z
end

-- The first op whose output, in the loss of these views or its gradient, holds NaN, or if asked an infinity; or nil.
local function traced(t, views, epoch, infinities)
  local said = first_nan(function()
    local total = losses(t, views, epoch)
    total:backward()
  end, infinities)
  t.optimizer:zero_grad()
  return said
end

-- Why a step's loss or gradient is not finite: parameters that are not already, or the first op whose output is not.
local function explain(t, views, epoch, nan)
  local broken = broken_parameters(t.method)
  if broken then return broken .. ": an earlier step diverged" end
  local first = nan and traced(t, views, epoch, false)
  local infinite = traced(t, views, epoch, true)
  if not first then return infinite or "no op shows it alone" end
  local before = infinite and infinite ~= first:gsub(" holds NaN,", " holds NaN or infinity,")
  return before and ("%s. Before it: %s"):format(first, infinite) or first
end

-- Raises where a step's loss or gradient is not finite. Parameters are as before the step.
local function check_finite(t, what, value, batch, epoch)
  if value - value == 0 then return end
  t.optimizer:zero_grad()
  local nan = value ~= value
  fail{code = "nan", message = ("%s of epoch %d, batch %d is %s: %s"):format(what, epoch, batch.index, nan and "NaN" or "infinite",
    explain(t, batch.views, epoch, nan))}
end

-- One step. Returns the loss and the regularizer's share of it, as numbers, and what the monitor saw.
local function step(t, batch, lr, now, epoch)
  local l, r, seen = lunette.scope(function()
    local total, loss, extra, h, z = losses(t, batch.views, epoch)
    local figures = t.monitor and batch.index == t.loader.batches and t.monitor:observe(t.method, z, batch.views) or nil
    h:free()
    if z then z:free() end
    total:backward()
    return loss:detach(), extra and extra:detach() or nil, figures
  end)
  t.method:before_update()
  if t.loader.ahead then t.loader:ahead() end
  -- Gradients are measured before the loss is read: a device is waited for once.
  local length = t.optimizer.clip_gradients and t.optimizer:clip_gradients() or 0
  local loss, extra = l:item(), r and r:item() or nil
  l:free()
  if r then r:free() end
  check_finite(t, "the loss", loss + (extra or 0), batch, epoch)
  check_finite(t, "the gradient", length, batch, epoch)
  t.optimizer:step(lr, now)
  t.optimizer:zero_grad()
  lunette.scope(t.method.after_step, t.method)
  return loss, extra, seen
end

-- The values the method reads that change with the step: the method's own schedules, and those of the caller over them.
local function schedules_of(t)
  local n = t.loader.batches
  local schedules = t.method:schedules(t.epochs * n, n)
  for name, value in pairs(t.schedules or {}) do
    if type(t.method[name]) ~= "number" then
      error(("train: schedules.%s: the method has no such value"):format(name), 3)
    end
    schedules[name] = value
  end
  return schedules
end

-- Options: method, loader, optimizer, epochs; learning_rate(step) and weight_decay(step) with step from 0 (the optimizer's own
-- by default); schedules = {name = f(step)}, values of the method, e.g. {temperature = lunette.schedule.ramp{...}}, over its
-- own schedules; regularize(h, epoch) -> scalar tensor or nil; on_step(row), on_epoch(row), rows with epoch, step, batch,
-- batches, loss, regularizer, lr, and grad_norm where the optimizer clips (the last step's, before clipping); interrupted() ->
-- signal or nil, on_interrupt(progress); start = progress to go on from; monitor = lunette.monitor{...}, which adds figures to
-- the rows of on_epoch and warns.
-- progress: {epoch = finished epochs, batch = finished batches of the next one, step, loss_sum, extra_sum, seen = numbers by
-- name where the next epoch's last batch is finished}.
-- Raises {code = "nan"} where the loss or the gradient is not finite, with parameters as before that step, and
-- {code = "interrupt", signal =} after on_interrupt.
local function train(t)
  check(t)
  local p = t.start or {epoch = 0, batch = 0, step = 0, loss_sum = 0, extra_sum = 0}
  local lr_of = t.learning_rate or function() return t.optimizer.lr end
  local schedules = schedules_of(t)
  t.method:train()
  for epoch = p.epoch + 1, t.epochs do
    for batch in t.loader:epoch(epoch, p.batch + 1) do
      local lr = checked("learning_rate", lr_of(p.step), p.step)
      local now = t.weight_decay and {weight_decay = checked("weight_decay", t.weight_decay(p.step), p.step)}
      t.method.epoch, t.method.step = epoch, p.step
      for name, value in pairs(schedules) do t.method[name] = value(p.step) end
      local loss, extra
      loss, extra, p.seen = lunette.device_step(step, t, batch, lr, now, epoch)
      p.step, p.batch = p.step + 1, batch.index
      p.loss_sum, p.extra_sum = p.loss_sum + loss, p.extra_sum + (extra or 0)
      if t.on_step then
        t.on_step{epoch = epoch, step = p.step, batch = p.batch, batches = t.loader.batches, loss = loss, regularizer = extra,
                  lr = lr, grad_norm = t.optimizer.grad_norm}
      end
      local signal = t.interrupted and t.interrupted()
      if signal then
        if t.on_interrupt then t.on_interrupt(p) end
        fail{code = "interrupt", signal = signal, message = ("interrupted in epoch %d after batch %d"):format(epoch, p.batch)}
      end
    end
    -- The loss of a step is that of the weights before it: what the last one did shows in the weights alone.
    local broken = broken_parameters(t.method)
    if broken then fail{code = "nan", message = ("training diverged in epoch %d: %s"):format(epoch, broken)} end
    local n = t.loader.batches
    local row = {epoch = epoch, step = p.step, loss = p.loss_sum / n, lr = lr_of(p.step - 1), grad_norm = t.optimizer.grad_norm}
    if t.regularize then row.regularizer = p.extra_sum / n end
    for name, value in pairs(p.seen or {}) do row[name] = value end
    p.epoch, p.batch, p.loss_sum, p.extra_sum, p.seen = epoch, 0, 0, 0, nil
    if t.monitor then t.monitor:epoch(t.method, row, t.epochs) end
    if t.on_epoch then t.on_epoch(row, p) end
  end
  t.method:eval()
  return p
end

return train
