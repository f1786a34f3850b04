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
