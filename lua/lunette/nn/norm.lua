-- nn/norm.lua: layers that normalise. Batch normalisation over (n,h,w) of images (n,c,h,w), or over n of rows (n,c); Ioffe
-- and Szegedy 2015. In training the batch's statistics are used and running ones updated (momentum 0.1, unbiased variance);
-- in evaluation the running ones are used.
local lunette = require "lunette"
local module = require "lunette.nn.module"
local initial = require "lunette.nn.initial"

local BatchNorm = module.class("BatchNorm")

-- BatchNorm(channels, {relu=false, affine=true, gamma=1, momentum=0.1, eps=1e-5}). relu: followed by ReLU in the same pass.
-- gamma: the weight's first value.
function BatchNorm:build(channels, options)
  options = options or {}
  self.channels, self.relu = channels, options.relu or false
  self.momentum, self.eps = options.momentum or 0.1, options.eps or 1e-5
  if options.affine ~= false then
    local gamma = options.gamma or 1
    self:parameter("weight", {channels}, initial.constant(gamma))
    self:parameter("bias", {channels}, initial.constant(0))
    lunette.ops.fill(self.weight, gamma)
  end
  self:buffer("running_mean", {channels}, 0)
  self:buffer("running_var", {channels}, 1)
end

-- Rows (n,c) are images of one pixel.
local function as_images(x)
  local s = x:shape()
  return #s == 2 and x:reshape(s[1], s[2], 1, 1) or x
end

-- residual: added before the ReLU, in the same pass.
function BatchNorm:forward(x, residual)
  local shape = x:shape()
  if #shape == 2 then return self:forward(as_images(x), residual and as_images(residual)):reshape(shape) end
  local ops, options = lunette.ops, {training = self.training, momentum = self.momentum, eps = self.eps,
                                     gamma = self.weight, beta = self.bias}
  options.running_mean, options.running_var = self.running_mean, self.running_var
  if residual then return (ops.batch_norm_add_relu(x, residual, options)) end
  return (ops[self.relu and "batch_norm_relu" or "batch_norm"](x, options))
end

function BatchNorm:note() return ("%d%s"):format(self.channels, self.relu and ", relu" or "") end

-- Layer normalisation over the last axis, of size d (Ba et al. 2016).
local LayerNorm = module.class("LayerNorm")

-- LayerNorm(d, {eps=1e-5})
function LayerNorm:build(d, options)
  self.eps = options and options.eps or 1e-5
  self:parameter("weight", {d}, initial.constant(1))
  self:parameter("bias", {d}, initial.constant(0))
  lunette.ops.fill(self.weight, 1)
end

function LayerNorm:forward(x) return (lunette.ops.layer_norm(x, self.weight, self.bias, {eps = self.eps})) end

function LayerNorm:note() return tostring(self.weight:numel()) end

return {BatchNorm = BatchNorm, LayerNorm = LayerNorm}
