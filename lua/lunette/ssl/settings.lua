-- ssl/settings.lua: the settings of methods. A method lists them once, in the vocabulary of recipes (recipe/schema/types.lua);
-- from that list come its options in Lua, its keys in recipes, their checks and defaults, and its help.
local options_of = require "lunette.options"
local t = require "lunette.recipe.schema.types"

local settings = {}

function settings.temperature(default, doc)
  return t.number{default = default, above = 0, max = 100, doc = doc or "temperature of the softmax"}
end

-- Widths of a head's layers.
function settings.widths(default, doc)
  return t.list{default = default, of = t.integer{min = 1, max = 65536, doc = "width of a layer"}, min_items = 1, max_items = 8,
                doc = doc or "widths of the projector's layers, the last one its output"}
end

function settings.width(default, doc) return t.integer{default = default, min = 1, max = 65536, doc = doc} end

-- As width; 0 where the part can be left out.
function settings.optional_width(default, doc) return t.integer{default = default, min = 0, max = 65536, doc = doc} end

-- Momentum of the teacher's moving average: at the first step, and at the last.
function settings.ema(default, doc)
  return t.number{default = default, min = 0, max = 1, doc = doc or "momentum of the teacher's moving average at the first step"}
end

function settings.ema_final(default)
  return t.number{default = default, min = 0, max = 1, doc = "that momentum at the last step; half a cosine between"}
end

function settings.weight(default, doc) return t.number{default = default, min = 0, max = 1e6, doc = doc} end

function settings.switch(default, doc) return t.boolean{default = default, doc = doc} end

function settings.epochs(default, doc) return t.integer{default = default, min = 0, max = 100000, doc = doc} end

local function problem(type_, value)
  if type_.type == "boolean" then return type(value) ~= "boolean" and "true or false" end
  if type_.type == "list" then
    local good = type(value) == "table" and #value >= type_.min_items and #value <= type_.max_items
    for _, x in ipairs(good and value or {}) do good = good and not problem(type_.of, x) end
    return not good and ("a list of %d to %d whole numbers from %d to %d"):format(type_.min_items, type_.max_items, type_.of.min,
      type_.of.max)
  end
  local integer = type_.type == "integer"
  if type(value) ~= "number" or (integer and math.type(value) ~= "integer") then return integer and "a whole number" or "a number" end
  if type_.above and value <= type_.above then return "greater than " .. type_.above end
  if value < (type_.min or value) then return "at least " .. type_.min end
  return value > (type_.max or value) and ("at most %g"):format(type_.max)
end

-- A list as it is written, anything else as tostring has it.
local function shown(value)
  if type(value) ~= "table" then return tostring(value) end
  local items = {}
  for i, x in ipairs(value) do items[i] = tostring(x) end
  return ("{%s}"):format(table.concat(items, ", "))
end

-- The options a script gave to a method: known, of their types and in range, with the defaults filled in. `known` is a set
-- of further options.
function settings.resolve(who, given, types, known)
  local allowed, result = {}, {}
  for name in pairs(known) do allowed[name] = true end
  for name in pairs(types) do allowed[name] = true end
  options_of.check(who, given, allowed, 2)
  for name in pairs(allowed) do
    local value, type_ = given[name], types[name]
    if value ~= nil and type_ then
      local expected = problem(type_, value)
      if expected then error(("%s: %s must be %s, got %s"):format(who, name, expected, shown(value)), 3) end
    elseif value == nil and type_ then
      value = type_.default
    end
    result[name] = value
  end
  return result
end

return settings
