-- nn/pool.lua: pooling layers.
local lunette = require "lunette"
local module = require "lunette.nn.module"

local MaxPool2d = module.class("MaxPool2d")
-- MaxPool2d(kernel, {stride=kernel, padding=0})
function MaxPool2d:build(kernel, options)
  options = options or {}
  self.kernel, self.stride, self.padding = kernel, options.stride or kernel, options.padding or 0
end
function MaxPool2d:forward(x)
  return (lunette.ops.max_pool2d(x, {kernel = self.kernel, stride = self.stride, padding = self.padding}))
end

-- (n,c,h,w) -> (n,c)
local GlobalAvgPool = module.class("GlobalAvgPool")
function GlobalAvgPool:build() end
function GlobalAvgPool:forward(x) return lunette.ops.global_avg_pool(x) end

return {MaxPool2d = MaxPool2d, GlobalAvgPool = GlobalAvgPool}
