--- What a recipe's text can reach: pure functions, no more. Runs inside the jailed process alone (bindings/jail.c); what
--- a wrapper here needs is a local, because the globals are taken away afterwards.
--
-- string_bytes: of one string that a library function builds. Returns the environment, and the methods of strings.

local string_bytes = ...
local error, select, setmetatable, tostring, type = error, select, setmetatable, tostring, type
local find, format, rep, concat = string.find, string.format, string.rep, table.concat

local ALLOWED = "math (without random), string.format/rep/lower/upper, table.concat, ipairs, tonumber, tostring"

local function plain(value, what)
  local kind = type(value)
  if kind == "number" or kind == "string" or kind == "boolean" or kind == "nil" then return value end
  -- Addresses differ from run to run, so a table or function has no text here.
  error(format("%s: a %s has no text", what, kind), 3)
end

local function bounded(size, what)
  if size > string_bytes then error(format("%s: the result is longer than %d bytes", what, string_bytes), 3) end
end

-- By name, because builds of Lua differ in what else they offer, and a recipe is to mean the same everywhere.
local pure_math = {}
for _, name in ipairs { "abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max", "maxinteger",
  "min", "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type", "ult" } do
  pure_math[name] = math[name]
end

local pure_string = {
  lower = string.lower,
  upper = string.upper,
  rep = function(text, count, separator)
    bounded(count, "string.rep")
    bounded((#tostring(text) + #tostring(separator or "")) * count, "string.rep")
    return rep(text, count, separator)
  end,
  format = function(form, ...)
    for i = 1, select("#", ...) do plain((select(i, ...)), "string.format") end
    if find(form, "%%[^%a%%]*p") then error("string.format: '%p' is not available", 2) end
    local text = format(form, ...)
    bounded(#text, "string.format")
    return text
  end,
}

local pure_table = {
  concat = function(list, separator, first, last)
    first, last = first or 1, last or #list
    local total = 0
    for i = first, last do
      total = total + #tostring(plain(list[i], "table.concat")) + #(separator or "")
      bounded(total, "table.concat")
    end
    return concat(list, separator, first, last)
  end,
}

local environment = {
  math = pure_math,
  string = pure_string,
  table = pure_table,
  ipairs = ipairs,
  tonumber = tonumber,
  tostring = function(value) return tostring(plain(value, "tostring")) end,
}

-- A misspelt local would otherwise be nil and drop its key without a word.
setmetatable(environment, {
  __index = function(_, name)
    error(format("'%s' is not defined; a recipe has its own locals and %s", tostring(name), ALLOWED), 2)
  end,
  __newindex = function(_, name)
    error(format("'%s' is not a local: write 'local %s = ...'", tostring(name), tostring(name)), 2)
  end,
  __metatable = false,
})

return environment, pure_string
