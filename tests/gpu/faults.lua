-- faults.lua: what goes wrong on a device and what must not: memory that is short, errors in the middle of a step, memory that
-- grows while training, two runs that differ. On a real device or the emulated one (tests/cuda_host).
local lunette = require "lunette"
local t = require "tap"

local case = t.case
local CUDA = {device = "cuda"}

case("a tensor larger than the device is refused in words, and the device goes on", function()
  local ok, message = pcall(lunette.zeros, 1 << 42, CUDA)
  t.equal(ok, false)
  t.contains(tostring(message), "out of memory")
  t.equal(lunette.ones(3, CUDA):sum():item(), 3)
end)

case("memory that garbage holds is collected before a request fails", function()
  lunette.memory_limit(64 << 20, "cuda")
  for _ = 1, 40 do lunette.zeros(4 << 20, CUDA) end -- 16 MB each, none of them freed by hand
  t.ok(lunette.memory("cuda").live_bytes <= 64 << 20)
  t.raises(function() return lunette.zeros(32 << 20, CUDA) end, "out of memory")
  lunette.memory_limit(0, "cuda")
  t.equal(lunette.ones(3, CUDA):sum():item(), 3)
end)

case("a step that runs out of memory leaves the device as it was", function()
  local x = lunette.ones(1000, CUDA)
  for _ = 1, 3 do
    local ok = pcall(lunette.device_step, function()
      x = x + 1
      return lunette.zeros(1 << 42, CUDA)
    end)
    t.equal(ok, false)
  end
  t.equal(x:mean():item(), 4)
end)

local function trained(seed)
  local set = lunette.data.shapes{n = 32, size = 16, seed = 3}
  local encoder = lunette.models.conv4{width = 4, seed = seed, device = "cuda"}
  local method = lunette.ssl.simclr{encoder = encoder, projector = {8, 4}, temperature = 0.5, seed = seed}
  local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05, momentum = 0.9}
  local loader <close> = lunette.data.loader{dataset = set, batch = 8, seed = seed, device = "cuda",
    augment = lunette.augment{preset = "symmetric"}}
  local live, peak = {}, {}
  lunette.train{method = method, loader = loader, optimizer = optimizer, epochs = 6, on_epoch = function(row)
    collectgarbage()
    live[row.epoch], peak[row.epoch] = lunette.memory("cuda").live_bytes, lunette.memory("cuda").peak_bytes
  end}
  local bytes = {}
  for i, p in ipairs(method:named_parameters()) do bytes[i] = p.tensor:tobytes() end
  return table.concat(bytes), live, peak
end

case("training does not grow, and twice gives the same bits", function()
  local one, live, peak = trained(1)
  t.equal(live[6], live[2])
  t.equal(peak[6], peak[3])
  t.ok(one == (trained(1)), "two runs differ")
  t.ok(one ~= (trained(2)), "another seed gives the same weights")
end)

t.finish()
