-- nn/conv.lua: two-dimensional convolution, x (n,c,h,w) -> (n,out,h',w'), h' = (h + 2 padding - kernel) / stride + 1.
local lunette = require "lunette"
local module = require "lunette.nn.module"
local initial = require "lunette.nn.initial"

local Conv2d = module.class("Conv2d")

-- Conv2d(in, out, kernel, {stride=1, padding=0, bias=false, init=}); weight (out,in,kernel,kernel). init: how the weight is
-- drawn (nn.initial), by default He's way.
function Conv2d:build(channels, out, kernel, options)
  options = options or {}
  self.stride, self.padding = options.stride or 1, options.padding or 0
  self:parameter("weight", {out, channels, kernel, kernel}, options.init or initial.he_fan_out())
  if options.bias then self:parameter("bias", {out}, initial.uniform_fan_in(channels * kernel * kernel)) end
end

function Conv2d:forward(x)
  return lunette.ops.conv2d(x, self.weight, {bias = self.bias, stride = self.stride, padding = self.padding})
end

function Conv2d:note()
  local s = self.weight:shape()
  return ("%d -> %d, %dx%d, stride %d, padding %d"):format(s[2], s[1], s[3], s[4], self.stride, self.padding)
end

return {Conv2d = Conv2d}
