-- :who: the tensors that live, by the names that lead to them, and what they hold per device. Only raw fields are looked
-- at, so no code of the user's runs.

local lunette = require "lunette"

local TENSOR = debug.getregistry().tensor -- their metatable
local BYTES = { f64 = 8, f32 = 4, bf16 = 2, f16 = 2, i64 = 8, u8 = 1, bool = 1 }
local DEPTH = 8

local function size(bytes)
  for _, unit in ipairs { "B", "KB", "MB" } do
    if bytes < 1000 then return (unit == "B" and "%d %s" or "%.1f %s"):format(bytes, unit) end
    bytes = bytes / 1000
  end
  return ("%.1f GB"):format(bytes)
end

-- Values that are part of the program: what they hold is not the user's.
local function program()
  local seen = { [package.loaded] = true, [_G] = true }
  for _, module in next, package.loaded do
    if type(module) == "table" then seen[module] = true end
  end
  return seen
end

local function join(path, key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then return path == "" and key or path .. "." .. key end
  local inside = type(key) == "string" and ("%q"):format(key) or type(key) == "number" and tostring(key)
  return inside and ("%s[%s]"):format(path, inside)
end

local function by_name(a, b)
  if type(a) == "number" and type(b) == "number" then return a < b end
  return tostring(a) < tostring(b)
end

local function sorted_keys(value)
  local keys = {}
  for key in next, value do
    local kind = type(key)
    if kind == "string" or kind == "number" then keys[#keys + 1] = key end
  end
  table.sort(keys, by_name)
  return keys
end

-- Breadth first, so that a tensor gets its shortest name.
local function collect()
  local seen, found = program(), {}
  local level = { { "", _G } }
  for _ = 1, DEPTH do
    local following = {}
    for _, entry in ipairs(level) do
      local path, holder = entry[1], entry[2]
      for _, key in ipairs(sorted_keys(holder)) do
        local value, name = rawget(holder, key), join(path, key)
        local kind = type(value)
        if (kind == "table" or kind == "userdata") and not seen[value] then
          seen[value] = true
          if kind == "table" then
            following[#following + 1] = { name, value }
          elseif debug.getmetatable(value) == TENSOR then
            found[#found + 1] = { name, value }
          end
        end
      end
    end
    level = following
  end
  return found
end

local function describe(name, t)
  local alive, dtype = pcall(t.dtype, t)
  if not alive then return { name, "freed", "", "", "" } end
  local bytes = t:numel() * BYTES[dtype]
  return { name, dtype, "[" .. table.concat(t:shape(), "x") .. "]", t:device(), size(bytes) }, bytes, t:device()
end

local function aligned(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local pad = (" "):rep(widths[i] - #cell)
      cells[i] = i == #row and pad .. cell or cell .. pad
    end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
  end
  return lines
end

--- () -> text
return function()
  local rows, devices, order = {}, {}, {}
  for _, entry in ipairs(collect()) do
    local row, bytes, device = describe(entry[1], entry[2])
    rows[#rows + 1] = row
    if device then
      if not devices[device] then
        devices[device] = { count = 0, bytes = 0 }
        order[#order + 1] = device
      end
      devices[device].count = devices[device].count + 1
      devices[device].bytes = devices[device].bytes + bytes
    end
  end
  if #rows == 0 then order[1], devices.cpu = "cpu", { count = 0, bytes = 0 } end
  local lines = aligned(rows)
  table.sort(order)
  for _, device in ipairs(order) do
    local named = devices[device]
    lines[#lines + 1] = ("%s: %d tensor%s named here, %s; %s live in all"):format(device, named.count, named.count == 1 and "" or "s",
      size(named.bytes), size(lunette.memory(device).live_bytes))
  end
  return table.concat(lines, "\n")
end
