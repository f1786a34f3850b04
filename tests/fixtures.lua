-- fixtures.lua DIR: small data files in the formats that examples read, so that each runs where nothing was downloaded.
-- DIR/cifar10/{data_batch_1,test_batch,heldout_batch}.bin: 96, 48 and 48 records; the class shows as the brightness.
local dir = arg[1]
local state = 1

local function byte(mean) -- a linear congruential generator: the same files on every machine
  state = (1103515245 * state + 12345) % 2147483648
  return string.char((mean + state // 65536 % 64) % 256)
end

local function cifar(name, count)
  local file = assert(io.open(dir .. "/cifar10/" .. name, "wb"))
  for i = 1, count do
    local label, pixels = i % 10, {}
    for k = 1, 3072 do pixels[k] = byte(19 * label) end
    file:write(string.char(label), table.concat(pixels))
  end
  assert(file:close())
end

cifar("data_batch_1.bin", 96)
cifar("test_batch.bin", 48)
cifar("heldout_batch.bin", 48)
