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

-- Weight-normalised linear layer without bias (Salimans and Kingma 2016): row i of the weight is weight_g[i] times row i of
-- weight_v over its length. Names and shapes are those of PyTorch's weight_norm, as in DINO's last layer.
local WeightNormLinear = module.class("WeightNormLinear")

-- WeightNormLinear(in, out, {gain=true}); weight_v (out,in), weight_g (out,1), which starts at 1. gain = false: it stays
-- there, part of the state but not trained.
function WeightNormLinear:build(inputs, outputs, options)
  self.gain = not options or options.gain ~= false
  self:parameter("weight_v", {outputs, inputs}, initial.uniform_fan_in())
  if self.gain then
    self:parameter("weight_g", {outputs, 1}, initial.constant(1))
    lunette.ops.fill(self.weight_g, 1)
  else
    self:buffer("weight_g", {outputs, 1}, 1)
  end
end

function WeightNormLinear:forward(x)
  local unit <close> = self.weight_v:normalize()
  if not self.gain then return lunette.ops.linear(x, unit) end
  local weight <close> = unit * self.weight_g
  return lunette.ops.linear(x, weight)
end

function WeightNormLinear:note()
  local s = self.weight_v:shape()
  return ("%d -> %d%s"):format(s[2], s[1], self.gain and "" or ", gain 1")
end

-- Linear layer without bias whose rows are of unit length: SwAV's prototypes (Caron et al. 2020). With x of unit rows its
-- outputs are cosines. normalize_rows() brings the rows back to length 1; call it after each step that changed them.
local Prototypes = module.class("Prototypes", Linear)

-- Prototypes(in, out); weight (out,in).
function Prototypes:build(inputs, outputs) self:parameter("weight", {outputs, inputs}, initial.unit_rows()) end

function Prototypes:normalize_rows()
  lunette.no_grad(function()
    local unit <close> = self.weight:normalize()
    lunette.ops.assign(self.weight, unit)
  end)
end

return {Linear = Linear, WeightNormLinear = WeightNormLinear, Prototypes = Prototypes}
