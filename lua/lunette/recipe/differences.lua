--- Where two values of plain data, as JSON holds it, differ: place by place, in an order that hangs on the values alone.

local json = require "lunette.json"

local differences = {}

local function is_list(value)
  return type(value) == "table" and #value > 0
end

local function is_record(value)
  return type(value) == "table" and #value == 0
end

local function has_tables(list)
  for _, item in ipairs(list) do
    if type(item) ~= "table" then return false end
  end
  return true
end

-- Escapes as in JSON, so that nothing a file holds reaches a terminal as it stands.
local function key_text(key)
  if type(key) == "number" then return ("[%d]"):format(key) end
  return key:find("^[%w_-]+$") and "." .. key or "[" .. json.encode(key) .. "]"
end

--- path(prefix, key) -> "data.cifar10", "pretrain.augment[1]", 'files["a.bin"]'
function differences.path(prefix, key)
  local text = prefix .. key_text(key)
  return prefix == "" and text:gsub("^%.", "") or text
end

--- show(value) -> the value as JSON on one line, "none" for nil.
function differences.show(value)
  return value == nil and "none" or json.encode(value)
end

local function collect(a, b, path, found)
  if is_record(a) and is_record(b) then
    local keys, seen = {}, {}
    for _, side in ipairs { a, b } do
      for key in pairs(side) do
        if not seen[key] then keys[#keys + 1], seen[key] = key, true end
      end
    end
    table.sort(keys)
    for _, key in ipairs(keys) do collect(a[key], b[key], differences.path(path, key), found) end
  elseif is_list(a) and is_list(b) and #a == #b and has_tables(a) and has_tables(b) then
    for i = 1, #a do collect(a[i], b[i], differences.path(path, i), found) end
  elseif differences.show(a) ~= differences.show(b) then
    found[#found + 1] = { path = path, a = a, b = b }
  end
end

--- of(a, b [, path [, found]]) -> {{path, a, b}, ...}, added to `found` where given; a or b is nil where that side has no
--- such key. Tables with named keys are compared key by key, in the order of the alphabet; lists of tables of one length item by
--- item; other lists as a whole.
function differences.of(a, b, path, found)
  found = found or {}
  collect(a, b, path or "", found)
  return found
end

return differences
