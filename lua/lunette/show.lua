-- Values as text for the REPL: tables to depth 3 and 50 entries each, cycles marked, keys sorted.

local DEPTH, ENTRIES, INLINE = 3, 50, 60

local function is_name(key) return type(key) == "string" and key:match("^[%a_][%w_]*$") end

local function scalar(value)
  if type(value) == "string" then return (string.format("%q", value):gsub("\\\n", "\\n")) end
  return tostring(value)
end

-- Numbers before strings before the rest, so that the same table always prints alike.
local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb and (ta == "number" or ta == "string") then return a < b end
  if ta ~= tb then return ta < tb end
  return tostring(a) < tostring(b)
end

local function sorted_keys(value)
  local keys, n = {}, rawlen(value)
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= n) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  return keys, n
end

local function indent(text) return (text:gsub("\n", "\n  ")) end

local show

local function show_table(value, depth, open)
  if open[value] then return "<cycle>" end
  if depth > DEPTH then return "{...}" end
  open[value] = true
  local parts, keys, n = {}, sorted_keys(value)
  for i = 1, math.min(n, ENTRIES) do parts[#parts + 1] = show(rawget(value, i), depth + 1, open) end
  for _, key in ipairs(keys) do
    if #parts >= ENTRIES then break end
    local name = is_name(key) and key or "[" .. scalar(key) .. "]"
    parts[#parts + 1] = name .. " = " .. show(rawget(value, key), depth + 1, open)
  end
  local left = n + #keys - #parts
  if left > 0 then parts[#parts + 1] = ("... %d more"):format(left) end
  open[value] = nil
  local line = table.concat(parts, ", ")
  if #line <= INLINE and not line:find("\n", 1, true) then return "{" .. line .. "}" end
  return "{\n  " .. indent(table.concat(parts, ",\n")) .. "\n}"
end

function show(value, depth, open)
  if type(value) ~= "table" then return scalar(value) end
  local meta = getmetatable(value)
  if type(meta) == "table" and rawget(meta, "__tostring") then return tostring(value) end
  return show_table(value, depth, open)
end

-- At the top level a string prints as it is.
return function(value)
  if type(value) == "string" then return value end
  return show(value, 1, {})
end
