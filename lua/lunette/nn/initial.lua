-- nn/initial.lua: first values of parameters. Each function returns init(shape, seed, stream) -> tensor.
local lunette = require "lunette"

local initial = {}

function initial.constant(value)
  return function(shape) return lunette.full(shape, value) end
end

function initial.normal(std)
  return function(shape, seed, stream) return lunette.ops.random_normal(shape, {seed = seed, stream = stream, std = std}) end
end

function initial.uniform(bound)
  return function(shape, seed, stream)
    return lunette.ops.random_uniform(shape, {seed = seed, stream = stream, low = -bound, high = bound})
  end
end

-- Inputs and outputs of one unit: a weight is (out, in, kernel...).
local function fans(shape)
  local area = 1
  for i = 3, #shape do area = area * shape[i] end
  return shape[2] * area, shape[1] * area
end

-- He et al. 2015, for layers followed by ReLU; torchvision's choice for convolutions of a ResNet.
function initial.he_fan_out()
  return function(shape, seed, stream)
    local _, out = fans(shape)
    return initial.normal(math.sqrt(2 / out))(shape, seed, stream)
  end
end

-- Uniform in +-1/sqrt(fan in): PyTorch's default for Linear. `inputs` gives the fan in of a bias.
function initial.uniform_fan_in(inputs)
  return function(shape, seed, stream)
    local n = inputs or fans(shape)
    return initial.uniform(1 / math.sqrt(n))(shape, seed, stream)
  end
end

-- As uniform_fan_in, then every row scaled to length 1.
function initial.unit_rows()
  return function(shape, seed, stream)
    local drawn <close> = initial.uniform_fan_in()(shape, seed, stream)
    return (drawn:normalize())
  end
end

return initial
