-- ssl/heads.lua: what stands between representation and loss: Linear, ReLU, ..., Linear, with batch norm if asked.
local nn = require "lunette.nn"
local options_of = require "lunette.options"

local heads = {}

local allowed = {batch_norm = true, last_batch_norm = true, last_bias = true, activation = true, std = true, seed = true, name = true}

-- Weights from a normal distribution, biases 0, in place of PyTorch's default.
local function normal_start(net, std)
  net:each_module(function(_, m)
    if m.kind == "Linear" then
      m.by_name.weight.init = nn.initial.normal(std)
      if m.by_name.bias then m.by_name.bias.init = nn.initial.constant(0) end
    end
  end)
end

-- mlp(inputs, {512, 128}, options): widths of the hidden layers, then of the output; x (n,inputs) -> (n,128).
--   batch_norm = false        after every hidden layer; a Linear before it has no bias, which it would cancel
--   last_batch_norm = false   after the output: "affine", or "plain" without scale and shift
--   last_bias                 of the last Linear; by default where no batch norm follows
--   activation = "ReLU"       or "GELU"
--   std                       weights normal with this deviation and biases 0; by default uniform, as PyTorch's Linear
--   seed = 0, name = ""       parameters are drawn from the seed; the name, such as "projector.", is part of the stream
function heads.mlp(inputs, sizes, options)
  options = options or {}
  options_of.check("ssl.mlp", options, allowed)
  local layers, n, last_norm = {}, inputs, options.last_batch_norm
  for i, size in ipairs(sizes) do
    local last = i == #sizes
    local bias = not options.batch_norm
    if last then bias = not last_norm and options.last_bias ~= false end
    layers[#layers + 1] = nn.Linear(n, size, {bias = bias})
    if not last then
      local relu = (options.activation or "ReLU") == "ReLU"
      if options.batch_norm then layers[#layers + 1] = nn.BatchNorm(size, {relu = relu}) end
      if not relu then layers[#layers + 1] = nn[options.activation]() end
      if relu and not options.batch_norm then layers[#layers + 1] = nn.ReLU() end
    elseif last_norm then
      layers[#layers + 1] = nn.BatchNorm(size, {affine = last_norm == "affine"})
    end
    n = size
  end
  local net = nn.Sequential(table.unpack(layers))
  if options.std then normal_start(net, options.std) end
  return net:initialize(options.seed or 0, options.name or "")
end

return heads
