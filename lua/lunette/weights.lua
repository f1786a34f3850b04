--- Named tensors in safetensors files: u64 length, JSON header, the elements in C order. The same tensors give the same
--- bytes. The header is JSON and the program holds a JSON reader already (lua-cjson), so it is read here, in Lua; what
--- the numbers in it mean for the bytes is checked in C.

local io = require "lunette.io"
local json = require "lunette.json"
local options = require "lunette.options"
local lunette = require "lunette"

local weights = {}

local function bad(path, text, ...) error(("%s: " .. text):format(path, ...), 0) end

local function whole(x) return type(x) == "number" and math.tointeger(x) end

-- One entry of the header: {name, dtype, shape, from, to}, of the right types; sizes are checked in C.
local function entry_of(path, name, value)
  if type(value) ~= "table" or type(value.dtype) ~= "string" or type(value.shape) ~= "table"
    or type(value.data_offsets) ~= "table" then
    bad(path, 'tensor "%s": expected {dtype, shape, data_offsets}', name)
  end
  local entry = { name = name, dtype = value.dtype, shape = {}, from = whole(value.data_offsets[1]), to = whole(value.data_offsets[2]) }
  for i, size in ipairs(value.shape) do
    entry.shape[i] = whole(size) or bad(path, 'tensor "%s": axis %d has size %s', name, i, tostring(size))
  end
  if not entry.from or not entry.to or #value.data_offsets ~= 2 or entry.to < entry.from then
    bad(path, 'tensor "%s": data_offsets must be two whole numbers in order', name)
  end
  return entry
end

-- Tensors must fill the buffer one after the other: overlaps, holes and a rest are errors.
local function check_order(path, entries, size)
  table.sort(entries, function(a, b)
    if a.from ~= b.from then return a.from < b.from end
    if a.to ~= b.to then return a.to < b.to end
    return a.name < b.name
  end)
  local at = 0
  for _, e in ipairs(entries) do
    if e.from ~= at then
      bad(path, 'tensor "%s" begins at %d of the buffer; expected %d, where the one before ends', e.name, e.from, at)
    end
    at = e.to
  end
  if at ~= size then bad(path, "the tensors end at %d of the buffer, which has %d bytes: the file is %s", at, size,
    at > size and "truncated" or "too long") end
end

local function parse_header(path, text, size)
  local ok, header = pcall(json.decode, text)
  if not ok or type(header) ~= "table" then bad(path, "offset 8: the header is not a JSON object: %s", tostring(header)) end
  local entries, metadata = {}, {}
  for name, value in pairs(header) do
    if name == "__metadata__" then
      if type(value) ~= "table" then bad(path, "__metadata__ must be an object") end
      for key, text_value in pairs(value) do
        if type(key) ~= "string" or type(text_value) ~= "string" then bad(path, "__metadata__ maps strings to strings") end
        metadata[key] = text_value
      end
    else
      if type(name) ~= "string" then bad(path, "offset 8: the header is not a JSON object") end
      entries[#entries + 1] = entry_of(path, name, value)
    end
  end
  check_order(path, entries, size)
  return entries, metadata
end

-- The name under which a tensor is returned, or nil.
local function renamer(o)
  return function(name)
    if o.prefix then
      if name:sub(1, #o.prefix) ~= o.prefix then return nil end
      name = name:sub(#o.prefix + 1)
    end
    if type(o.map) == "function" then return o.map(name) end
    if o.map then return o.map[name] end
    return name
  end
end

local load_options = { prefix = true, map = true }

--- load(path [, {prefix =, map =}]) -> table of tensors by name, table of metadata.
--- prefix: only names that begin with it, without it. map: a table or function from a name to the name to return (nil
--- leaves the tensor out). Nothing left is an error, for it is never what was meant.
function weights.load(path, o)
  o = o or {}
  options.check("weights.load", o, load_options)
  local bytes <close> = io.read(path)
  local text, offset, size = io.safetensors_header(path, bytes)
  local entries, metadata = parse_header(path, text, size)
  local rename, result, any = renamer(o), {}, false
  for _, e in ipairs(entries) do
    local name = rename(e.name)
    if name then
      if result[name] then bad(path, 'two tensors are to be named "%s"', name) end
      result[name] = io.safetensors_tensor(path, bytes, offset, e.name, e.dtype, e.shape, e.from, e.to)
      any = true
    end
  end
  if not any and #entries > 0 then
    bad(path, "none of its %d tensors is wanted%s; the first is named \"%s\"", #entries,
      o.prefix and (' (prefix "%s")'):format(o.prefix) or "", entries[1].name)
  end
  return result, metadata
end

-- The order of the reference writer: widest elements first, so that all are aligned; then by name.
local function sorted(tensors)
  local list = {}
  for name, t in pairs(tensors) do
    if type(name) ~= "string" or name == "__metadata__" then error("weights.save: names are strings other than __metadata__", 3) end
    if not lunette.is_tensor(t) then error(("weights.save: '%s' must be a tensor, got a %s"):format(name, type(t)), 3) end
    local dense = t:detach():to("cpu"):contiguous()
    local dtype, bytes = io.safetensors_dtype(dense)
    list[#list + 1] = { name = name, tensor = dense, dtype = dtype, bytes = bytes, width = weights.width[dtype] }
  end
  table.sort(list, function(a, b)
    if a.width ~= b.width then return a.width > b.width end
    return a.name < b.name
  end)
  return list
end

weights.width = { F64 = 8, I64 = 8, F32 = 4, F16 = 2, BF16 = 2, U8 = 1, BOOL = 1 }

-- Keys in the order given: json.encode would sort them, and the format's readers expect __metadata__ first.
local function header_of(list, metadata)
  local parts, at = {}, 0
  if metadata and next(metadata) then parts[1] = '"__metadata__":' .. json.encode(metadata) end
  for _, e in ipairs(list) do
    parts[#parts + 1] = ('%s:{"dtype":"%s","shape":[%s],"data_offsets":[%d,%d]}'):format(json.encode(e.name), e.dtype,
      table.concat(e.tensor:shape(), ","), at, at + e.bytes)
    at = at + e.bytes
  end
  local text = "{" .. table.concat(parts, ",") .. "}"
  return text .. (" "):rep(-#text % 8)
end

--- save(path, table of tensors by name [, metadata]): metadata maps strings to strings. Atomic: written beside path,
--- fsynced, renamed.
function weights.save(path, tensors, metadata)
  if type(path) ~= "string" then error("weights.save: expected a path, got a " .. type(path), 2) end
  if type(tensors) ~= "table" then error("weights.save: expected a table of tensors, got a " .. type(tensors), 2) end
  for key, value in pairs(metadata or {}) do
    if type(key) ~= "string" or type(value) ~= "string" then error("weights.save: metadata maps strings to strings", 2) end
  end
  local list = sorted(tensors)
  local header = header_of(list, metadata)
  local parts = { string.pack("<I8", #header), header }
  for _, e in ipairs(list) do parts[#parts + 1] = e.tensor end
  io.write(path, parts)
end

return weights
