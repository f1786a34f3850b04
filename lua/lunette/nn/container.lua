-- nn/container.lua: modules in a row.
local module = require "lunette.nn.module"

local Sequential = module.class("Sequential")

-- Sequential(a, b, ...): children are named "0", "1", ... as in PyTorch's checkpoints.
function Sequential:build(...)
  self.layers = {...}
  for i, layer in ipairs(self.layers) do self:child(tostring(i - 1), layer) end
end

-- Each step's input is freed as soon as its output exists, unless the tape still needs it.
function Sequential:forward(x)
  local first = x
  for _, layer in ipairs(self.layers) do
    local y = layer(x)
    if x ~= first and y ~= x then x:free() end
    x = y
  end
  return x
end

return {Sequential = Sequential}
