--- JSON as Lunette reads and writes it. Encoding is canonical: equal values give equal bytes, so that files can be
--- hashed and compared. Decoding and string escaping are lua-cjson's.
--
-- Array or object: a table whose keys are exactly 1..n is an array, a table whose keys are all strings is an object,
-- anything else is an error. An empty table is an object, unless json.array marked it.
-- Numbers: the shortest text that reads back as the same double; a whole number below 2^53 has no fraction, whether
-- it is stored as integer or float, so 1 and 1.0 are the same text. NaN and infinities become null.

local cjson = require "cjson"

local json = {}

json.null = cjson.null

local array_mark = { __name = "json.array" }

local MAX_DEPTH = 100
local EXACT = 2 ^ 53

--- Marks a table as an array, which matters only while it is empty.
function json.array(list)
  return setmetatable(list or {}, array_mark)
end

local function encode_number(x)
  if x ~= x or x == math.huge or x == -math.huge then return "null" end
  if math.type(x) == "integer" then return string.format("%d", x) end
  if x == math.floor(x) and x > -EXACT and x < EXACT then return string.format("%d", math.tointeger(x)) end
  for digits = 15, 17 do
    local text = string.format("%." .. digits .. "g", x)
    if tonumber(text) == x then return text end
  end
end

-- JSON is UTF-8. Bytes that are not (a file name can hold any) become U+FFFD rather than a file no reader accepts.
local function valid_utf8(s)
  if utf8.len(s) then return s end
  local parts, start = {}, 1
  while start <= #s do
    local length, bad = utf8.len(s, start)
    if length then
      parts[#parts + 1] = s:sub(start)
      break
    end
    parts[#parts + 1] = s:sub(start, bad - 1)
    parts[#parts + 1] = utf8.char(0xFFFD)
    start = bad + 1
  end
  return table.concat(parts)
end

local function encode_string(s)
  -- lua-cjson escapes "/" too; taking escapes in pairs keeps an escaped backslash before a slash intact.
  return (cjson.encode(valid_utf8(s)):gsub("\\(.)", function(c) return c == "/" and "/" or nil end))
end

local function kind_of(value)
  if getmetatable(value) == array_mark then return "array" end
  local count, strings = 0, true
  for key in next, value do
    count = count + 1
    strings = strings and type(key) == "string"
  end
  if strings then return "object" end
  for i = 1, count do
    if value[i] == nil then return nil end
  end
  return "array"
end

local encode_value

local function encode_items(out, items, open, close, layout, depth, put)
  if #items == 0 then
    out[#out + 1] = open .. close
    return
  end
  local inner = layout and "\n" .. layout:rep(depth) or ""
  out[#out + 1] = open
  for i, item in ipairs(items) do
    out[#out + 1] = (i > 1 and "," or "") .. inner
    put(item)
  end
  out[#out + 1] = (layout and "\n" .. layout:rep(depth - 1) or "") .. close
end

function encode_value(out, value, layout, depth)
  local kind = type(value)
  if kind == "number" then
    out[#out + 1] = encode_number(value)
  elseif kind == "string" then
    out[#out + 1] = encode_string(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == nil or value == json.null then
    out[#out + 1] = "null"
  elseif kind ~= "table" then
    error(("json.encode: a %s cannot be written as JSON"):format(kind), 0)
  elseif depth > MAX_DEPTH then
    error(("json.encode: nested deeper than %d levels, or a table that contains itself"):format(MAX_DEPTH), 0)
  else
    local shape = kind_of(value)
    if shape == "array" then
      encode_items(out, value, "[", "]", layout, depth, function(item) encode_value(out, item, layout, depth + 1) end)
    elseif shape == "object" then
      local keys = {}
      for key in next, value do keys[#keys + 1] = key end
      table.sort(keys)
      encode_items(out, keys, "{", "}", layout, depth, function(key)
        out[#out + 1] = encode_string(key) .. (layout and ": " or ":")
        encode_value(out, value[key], layout, depth + 1)
      end)
    else
      error("json.encode: a table needs either string keys or the positions 1..n, not a mixture", 0)
    end
  end
end

--- encode(value [, {indent = 2}]) -> text. Raises on what JSON cannot hold.
function json.encode(value, options)
  local indent = options and options.indent
  local out = {}
  encode_value(out, value, indent and (" "):rep(indent), 1)
  return table.concat(out)
end

local decoder = cjson.new()
decoder.decode_invalid_numbers(false)

-- lua-cjson gives every number as float; whole numbers become integers again so that they can be counts and seeds.
local function whole_numbers(value)
  if type(value) == "number" then
    if value > -EXACT and value < EXACT then return math.tointeger(value) or value end
  elseif type(value) == "table" then
    for key, item in next, value do
      local new = whole_numbers(item)
      if math.type(new) == "integer" then value[key] = new end
    end
  end
  return value
end

--- decode(text) -> value, or nil and a message. JSON's null comes back as json.null.
function json.decode(text)
  local ok, value = pcall(decoder.decode, text)
  if not ok then return nil, (tostring(value):gsub("^.-:%d+: ", "")) end
  return whole_numbers(value)
end

return json
