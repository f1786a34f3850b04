-- nn/linear.lua: y = x weightᵀ + bias, x (n,in) -> (n,out).
local lunette = require "lunette"
local module = require "lunette.nn.module"
local initial = require "lunette.nn.initial"

local Linear = module.class("Linear")

-- Linear(in, out, {bias=true}); weight (out,in).
function Linear:build(inputs, outputs, options)
  self:parameter("weight", {outputs, inputs}, initial.uniform_fan_in())
  if not options or options.bias ~= false then self:parameter("bias", {outputs}, initial.uniform_fan_in(inputs)) end
end

function Linear:forward(x) return lunette.ops.linear(x, self.weight, {bias = self.bias}) end

function Linear:note()
  local s = self.weight:shape()
  return ("%d -> %d"):format(s[2], s[1])
end

return {Linear = Linear}
