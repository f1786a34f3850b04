--- misspelt(message): for an error about a global or field that does not exist, " (did you mean 'x'?)" with the nearest
--- name that does; "" where none is near.
local lunette = require "lunette"
local suggest = require "lunette.suggest"

local function global_hint(name)
  if rawget(_G, name) ~= nil then return "" end
  if rawget(lunette, name) ~= nil then return (" (did you mean 'lunette.%s'?)"):format(name) end
  local names = {}
  for known in next, _G do
    if type(known) == "string" then names[#names + 1] = known end
  end
  return suggest.hint(name, names)
end

-- Calls add(key, place) for what the public modules that are in use hold: of lunette.ssl.byol, "byol" and "lunette.ssl.byol".
local function fields(add)
  for module, content in next, package.loaded do
    local public = module:match "^lunette%.(%w+)$"
    if public and type(content) == "table" and rawequal(rawget(lunette, public), content) then
      for key in next, content do
        if type(key) == "string" then add(key, module .. "." .. key) end
      end
    end
  end
end

local function nearest_field(name)
  local names, place = {}, {}
  fields(function(key, where)
    if not place[key] then names[#names + 1] = key end
    if not place[key] or where < place[key] then place[key] = where end
  end)
  local near = suggest.nearest(name, names)
  return near and near ~= name and (" (did you mean '%s'?)"):format(place[near]) or ""
end

return function(message)
  local kind, name = message:match "a nil value %((%a+) '([%w_]+)'%)"
  if kind == "global" then return global_hint(name) end
  return kind == "field" and nearest_field(name) or ""
end
