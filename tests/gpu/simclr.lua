-- simclr.lua [DEVICE] [BATCH] [STEPS] [WIDTH] [PRECISION]: SimCLR from bytes to update: two views of every image made on the device,
-- ResNet-18 with the CIFAR stem, projector 512-512-128, NT-Xent, backward, SGD, 32x32 images. One line of JSON: views/s, peak
-- memory, and how the steps were submitted. Its peer: simclr_torch.py beside it.
local lunette = require "lunette"
local sys = require "lunette.sys"

local device, batch, steps = arg[1] or "cuda", math.tointeger(tonumber(arg[2] or 512)), math.tointeger(tonumber(arg[3] or 60))
local width, precision = math.tointeger(tonumber(arg[4] or 64)), arg[5] or "bf16"
local WARM = 10

local images = lunette.data.shapes{n = batch * 8, size = 32, seed = 1}
local encoder = lunette.models.resnet18{stem = "cifar", width = width, precision = precision, device = device, seed = 1}
local method = lunette.ssl.simclr{encoder = encoder, projector = {512, 128}, temperature = 0.5, seed = 1}
local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.03, momentum = 0.9, weight_decay = 5e-4}
local loader <close> = lunette.data.loader{dataset = images, batch = batch, seed = 1, device = device,
  augment = lunette.augment{preset = "symmetric"}}

local begin, last, stop
local done = 0
lunette.train{method = method, loader = loader, optimizer = optimizer, epochs = math.ceil((steps + WARM) / 8),
  on_step = function(row)
    done, last = done + 1, row.loss
    if done == WARM then
      lunette.synchronize(device)
      begin = sys.monotonic()
    elseif done == WARM + steps then
      lunette.synchronize(device)
      stop = sys.monotonic()
    end
  end}
print(require "lunette.json".encode{bench = "gpu_simclr", device = device, precision = precision, batch = batch, unit = "views/s",
  value = 2 * batch * steps / (stop - begin), peak_mb = lunette.memory(device).peak_bytes / 1e6, loss = last,
  graphs = lunette.device_graphs(device)})
