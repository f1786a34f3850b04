-- nn/linear.lua: y = x weightᵀ + bias, x (n,in) -> (n,out).
local lunette = require "lunette"
local module = require "lunette.nn.module"
local initial = require "lunette.nn.initial"

local Linear = module.class("Linear")

-- Linear(in, out, {bias=true, init=}); weight (out,in). init: how the weight is drawn (nn.initial); the bias is then 0.
function Linear:build(inputs, outputs, options)
  local init = options and options.init
  self:parameter("weight", {outputs, inputs}, init or initial.uniform_fan_in())
  if not options or options.bias ~= false then
    self:parameter("bias", {outputs}, init and initial.constant(0) or initial.uniform_fan_in(inputs))
  end
end

function Linear:forward(x) return lunette.ops.linear(x, self.weight, {bias = self.bias}) end

function Linear:note()
  local s = self.weight:shape()
  return ("%d -> %d"):format(s[2], s[1])
end

return {Linear = Linear}
