-- options.lua: named options are checked wherever a table of them is taken: an unknown key is an error with a suggestion.
local suggest = require "lunette.suggest"

local options = {}

-- The name in `names` (a set or a list) nearest to `word`, or nil if none is near.
function options.suggest(word, names)
  local list = {}
  for k, v in pairs(names) do list[#list + 1] = type(k) == "string" and k or v end
  return suggest.nearest(word, list)
end

-- Every key of `given` must be in the set `allowed`. level counts from the caller of check, 1 by default.
function options.check(who, given, allowed, level)
  if type(given) ~= "table" then error(who .. ": expected a table of options, got " .. type(given), (level or 1) + 2) end
  for k in pairs(given) do
    if not allowed[k] then
      local near = type(k) == "string" and options.suggest(k, allowed)
      error(("%s: unknown option '%s'%s"):format(who, tostring(k), near and (" (did you mean '" .. near .. "'?)") or ""), (level or 1) + 2)
    end
  end
end

-- The option `limit` of data sets: how many images at most, or nil for all.
function options.check_limit(who, limit, level)
  if limit ~= nil and (math.type(limit) ~= "integer" or limit < 1) then
    error(("%s: limit must be a whole number of images from 1 on, got %s"):format(who, tostring(limit)), (level or 1) + 2)
  end
end

return options
