--- Scores, flags and positions as tensors, from tensors or lists, with errors that name the measure.
local lunette = require "lunette"

local arguments = {}

local function vector(who, what, value, dtype)
  local t = value
  if type(value) == "table" then
    t = #value == 0 and lunette.zeros(0, { dtype = dtype }) or lunette.tensor(value, { dtype = dtype })
  elseif not lunette.is_tensor(value) then
    error(("%s: %s must be a tensor or a list, got a %s"):format(who, what, type(value)), 0)
  end
  if t:ndim() ~= 1 then error(("%s: %s must have one axis, got (%s)"):format(who, what, table.concat(t:shape(), ",")), 0) end
  return t:detach()
end

--- -> f32 or f64 (n)
function arguments.scores(who, value)
  local t = vector(who, "scores", value, "f64")
  local d = t:dtype()
  return (d == "f32" or d == "f64") and t or t:to("f64")
end

--- -> bool or u8 (n)
function arguments.flags(who, value)
  if type(value) == "table" then
    local list = {}
    for i, v in ipairs(value) do
      if v ~= true and v ~= false and v ~= 0 and v ~= 1 then
        error(("%s: positive[%d] must be true, false, 1 or 0, got %s"):format(who, i, tostring(v)), 0)
      end
      list[i] = (v == true or v == 1) and 1 or 0
    end
    value = list
  end
  local t = vector(who, "positive", value, "u8")
  local d = t:dtype()
  if d == "bool" or d == "u8" then return t end
  return t:to("bool")
end

--- -> i64 (n)
function arguments.positions(who, value)
  local t = vector(who, "labels", value, "i64")
  return t:dtype() == "i64" and t or t:to("i64")
end

--- -> scores and flags of equal length, both on the scores' device
function arguments.pair(who, scores, positive)
  local s, p = arguments.scores(who, scores), arguments.flags(who, positive)
  if s:numel() ~= p:numel() then error(("%s: %d scores for %d labels"):format(who, s:numel(), p:numel()), 0) end
  return s, p:to(s:device())
end

return arguments
