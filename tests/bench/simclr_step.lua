-- simclr_step.lua [f32|bf16] [steps] [width]: one SimCLR step as in training: ResNet-18 with the CIFAR stem, projector 512-512-128,
-- 2 x 128 views of 32x32, NT-Xent, backward, SGD. Prints one line of JSON: medians of wall and processor time, peak memory.
local lunette = require "lunette"
local sys = require "lunette.sys"

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

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local function peak_rss()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmHWM:%s+(%d+)")
    if kb then return tonumber(kb) * 1024 end
  end
end

local w, c = median(wall), median(cpu)
print(('{"bench": "simclr_step", "precision": "%s", "width": %d, "views_per_s": %.1f, "best_views_per_s": %.1f, ' ..
  '"wall_s": %.4f, "cpu_s": %.4f, "peak_rss_mb": %.0f, "peak_tensor_mb": %.0f, "loss": %.4f}')
  :format(precision, width, 256 / w, 256 / wall[1], w, c, peak_rss() / 1e6, lunette.memory().peak_bytes / 1e6, loss))
