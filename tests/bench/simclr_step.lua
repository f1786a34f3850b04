-- simclr_step.lua [f32|bf16] [steps] [width]: one SimCLR step as in training: ResNet-18 with the CIFAR stem, projector 512-512-128,
-- 2 x 128 views of 32x32, NT-Xent, backward, SGD. Prints one line of JSON; see README.md beside it.
local lunette = require "lunette"
local sys = require "lunette.sys"
local support = dofile((arg[0]:match "^(.*)/[^/]*$" or ".") .. "/bench_support.lua")

local precision, steps, width = arg[1] or "f32", tonumber(arg[2] or 5), math.tointeger(tonumber(arg[3] or 64))
local encoder = lunette.models.resnet18{stem = "cifar", width = width, precision = precision, seed = 1}
local method = lunette.ssl.simclr{encoder = encoder, projector = {512, 128}, temperature = 0.5}
local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.03, momentum = 0.9, weight_decay = 5e-4}
local views = {}
for v = 1, 2 do
  views[v] = lunette.ops.channels_last(lunette.ops.random_normal({128, 3, 32, 32}, {seed = 1, stream = "view " .. v}))
end
method:train()

local wall, cpu, loss = {}, {}, nil
for i = 1, steps + 2 do
  local w, c = sys.monotonic(), os.clock()
  loss = lunette.scope(function()
    local l = method:loss(views)
    l:backward()
    return l:item()
  end)
  optimizer:step()
  optimizer:zero_grad()
  if i > 2 then wall[#wall + 1], cpu[#cpu + 1] = sys.monotonic() - w, os.clock() - c end
end

local function peak_rss()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmHWM:%s+(%d+)")
    if kb then return tonumber(kb) * 1024 end
  end
end

-- The peer beside it, in the same run: PyTorch's step in its better memory format, where the script is at hand (LUNETTE_PEERS
-- names its folder). Returns views/s and peak megabytes; nothing where it cannot run.
local function peer()
  local script = (os.getenv "LUNETTE_PEERS" or "../shared/peers") .. "/simclr_torch.py"
  if not sys.stat(script) then return end
  local out = support.peer(script, lunette.threads(), precision == "f32" and "fp32" or precision, "nhwc", steps)
  if out then return tonumber(out[1]:match("= ([%d.]+) img/s")), tonumber(out[1]:match("RSS (%d+) MB")) end
end

local w, spread = support.median(wall)
local c = support.median(cpu)
local row = {bench = "simclr_step", precision = precision, width = width, unit = "views/s", better = "higher", value = 256 / w,
  spread = 256 * spread / w ^ 2, threads = lunette.threads(), cpu_seconds = c, peak_rss_mb = peak_rss() / 1e6,
  peak_tensor_mb = lunette.memory().peak_bytes / 1e6, loss = loss}
if width == 64 then
  local peer_views, rss = peer()
  if peer_views then
    row.peer, row.peer_value, row.ratio = support.torch(), peer_views, row.value / peer_views
    row.peer_rss_mb, row.memory_ratio = rss, row.peak_rss_mb / rss
  end
end
print(require "lunette.json".encode(row))
