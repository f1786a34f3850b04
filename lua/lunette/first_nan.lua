-- first_nan.lua: which op makes the first NaN, or if asked the first infinity, of a computation that is done once more for it.
local lunette = require "lunette"

-- first_nan(f [, infinities]) -> what the op's error says, without a place within this library; nil where f() runs through. All that
-- f makes is freed.
return function(f, infinities)
  lunette.debug.trace_nan(true, infinities)
  local ok, message = pcall(lunette.scope, f)
  lunette.debug.trace_nan(false)
  return not ok and (tostring(message):gsub("^%S*lunette/[%w_/]+%.lua:%d+: ", "")) or nil
end
