-- schedule.lua: a schedule is a function of the step, counted from 0, that returns a value (a learning rate, a momentum).
local options_of = require "lunette.options"

local schedule = {}

-- Linear warm-up from `start` to `value` over `warmup` steps, then half a cosine down to `final` at `steps`
-- (Loshchilov and Hutter 2017). At step = warmup the value is reached; at step = steps the end.
function schedule.cosine(given)
  options_of.check("schedule.cosine", given, {value = true, steps = true, warmup = true, start = true, final = true})
  local value, steps, warmup = given.value, given.steps, given.warmup or 0
  local start, final = given.start or 0, given.final or 0
  if not value or not steps then error("schedule.cosine: value and steps must be given", 2) end
  if warmup > steps then error(("schedule.cosine: warmup, %d, exceeds steps, %d"):format(warmup, steps), 2) end
  return function(step)
    if step < warmup then return start + (value - start) * step / warmup end
    if step >= steps then return final end
    return final + (value - final) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
  end
end

function schedule.constant(given)
  options_of.check("schedule.constant", given, {value = true, warmup = true, start = true, steps = true})
  local value, warmup, start = given.value, given.warmup or 0, given.start or 0
  return function(step) return step < warmup and start + (value - start) * step / warmup or value end
end

-- From one value to another over `steps` steps, after `delay` steps at the first; then it stays. shape: "cosine" (half a
-- period) or "linear". BYOL's momentum: {from = 0.99, to = 1, steps = all}; DINO's weight decay: {from = 0.04, to = 0.4,
-- steps = all}; its teacher temperature: {from = 0.04, to = 0.07, steps = warm-up, shape = "linear"}.
function schedule.ramp(given)
  options_of.check("schedule.ramp", given, {from = true, to = true, steps = true, delay = true, shape = true})
  local from, to, steps, delay, shape = given.from, given.to, given.steps, given.delay or 0, given.shape or "cosine"
  if not from or not to or not steps then error("schedule.ramp: from, to and steps must be given", 2) end
  if shape ~= "cosine" and shape ~= "linear" then
    error(("schedule.ramp: shape must be \"cosine\" or \"linear\", got %q"):format(tostring(shape)), 2)
  end
  return function(step)
    local t = step - delay
    if t < 0 then return from end
    if t >= steps then return to end
    return shape == "linear" and from + (to - from) * t / steps or to + (from - to) * 0.5 * (1 + math.cos(math.pi * t / steps))
  end
end

-- value times factor for every milestone (a step) passed.
function schedule.steps(given)
  options_of.check("schedule.steps", given, {value = true, milestones = true, factor = true})
  return function(step)
    local v = given.value
    for _, m in ipairs(given.milestones) do
      if step >= m then v = v * (given.factor or 0.1) end
    end
    return v
  end
end

return schedule
