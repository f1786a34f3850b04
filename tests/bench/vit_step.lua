-- vit_step.lua [f32|bf16] [steps] [batch]: one step of ViT-Tiny as in training: patches of 4x4 on 256 images of 32x32, the mean
-- square of the class token as loss, backward, AdamW. Prints one line of JSON; see README.md beside it.
local lunette = require "lunette"
local sys = require "lunette.sys"
local support = dofile((arg[0]:match "^(.*)/[^/]*$" or ".") .. "/bench_support.lua")

local precision, steps, batch = arg[1] or "f32", math.tointeger(tonumber(arg[2] or 5)), math.tointeger(tonumber(arg[3] or 256))
local encoder = lunette.models.vit_tiny{patch = 4, image = 32, precision = precision, seed = 1}
local optimizer = lunette.optim.adamw{params = encoder:named_parameters(), lr = 1e-4, weight_decay = 0.05}
local x = lunette.ops.channels_last(lunette.randn(batch, 3, 32, 32, {seed = 1}))

local function step()
  local start = sys.monotonic()
  local loss = lunette.scope(function()
    local l = encoder(x):square():mean()
    l:backward()
    return l:item()
  end)
  optimizer:step()
  optimizer:zero_grad()
  return sys.monotonic() - start, loss
end

local function peak_rss()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmHWM:%s+(%d+)")
    if kb then return tonumber(kb) / 1e3 end
  end
end

-- The peer's times and its memory, measured now; nothing where it cannot run.
local function peer()
  local times, memory = {}, nil
  for _, line in ipairs(precision == "f32" and support.peer("vit_step", steps, batch) or {}) do
    times[#times + 1] = tonumber(line)
    memory = tonumber(line:match("^memory ([%d.]+)")) or memory
  end
  return #times > 0 and times, memory
end

local times, loss = {}, nil
for i = 1, steps + 2 do
  local seconds
  seconds, loss = step()
  if i > 2 then times[#times + 1] = seconds end
end
local own, spread = support.median(times)
local row = {bench = "vit_step", precision = precision, unit = "images/s", better = "higher", value = batch / own,
  spread = batch * spread / own ^ 2, threads = lunette.threads(), loss = loss,
  peak_rss_mb = peak_rss()}
local theirs, memory = peer()
if theirs then
  row.peer, row.peer_value, row.peer_rss_mb = support.torch(), batch / support.median(theirs), memory
  row.ratio = row.value / row.peer_value
end
print(require "lunette.json".encode(row))
