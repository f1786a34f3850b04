--- misspelt(message, line): for an error about a global or field that does not exist, " (did you mean 'x'?)" with the nearest name
--- that does; "" where none is near. line: the source that the message is of; without it, of fields nothing is said, for they may
--- be those of anything.
local lunette = require "lunette"
local suggest = require "lunette.suggest"

local function names_of(table)
  local names = {}
  for known in next, table do
    if type(known) == "string" then names[#names + 1] = known end
  end
  return names
end

local function global_hint(name)
  if rawget(_G, name) ~= nil then return "" end
  if rawget(lunette, name) ~= nil then return (" (did you mean 'lunette.%s'?)"):format(name) end
  return suggest.hint(name, names_of(_G))
end

-- Of `ssl.bylo` or `lunette.ssl.bylo` in the line: the nearest field of that module.
local function field_hint(name, line)
  for module in line:gmatch("([%w_]+)%s*%.%s*" .. name .. "%f[^%w_]") do
    local content = package.loaded["lunette." .. module]
    if type(content) == "table" and rawequal(rawget(lunette, module), content) then
      local near = suggest.nearest(name, names_of(content))
      return near and (" (did you mean 'lunette.%s.%s'?)"):format(module, near) or ""
    end
  end
  return ""
end

return function(message, line)
  local kind, name = message:match "a nil value %((%a+) '([%w_]+)'%)"
  if kind == "global" then return global_hint(name) end
  return kind == "field" and line and field_hint(name, line) or ""
end
