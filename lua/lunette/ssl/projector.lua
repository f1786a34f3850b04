-- ssl/projector.lua: the head between representation and loss: Linear, ReLU, ..., Linear; with batch norm if asked.
local nn = require "lunette.nn"

local projector = {}

-- projector(inputs, {512, 128}[, {batch_norm=false}]): sizes of the hidden layers, then of the output.
function projector.projector(inputs, sizes, options)
  local layers, n = {}, inputs
  local batch_norm = options and options.batch_norm
  for i, size in ipairs(sizes) do
    local last = i == #sizes
    layers[#layers + 1] = nn.Linear(n, size, {bias = not batch_norm or last})
    if not last then layers[#layers + 1] = batch_norm and nn.BatchNorm(size, {relu = true}) or nn.ReLU() end
    n = size
  end
  return nn.Sequential(table.unpack(layers))
end

return projector
