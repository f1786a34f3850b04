-- ssl/vicreg.lua: VICReg (Bardes et al. 2022). Embeddings of two views are to be equal (invariance), each dimension is to
-- vary over the batch (variance), and no two dimensions are to say the same (covariance).
--
-- The authors' form, which lightly has too: variance terms halved, squared covariances over the width. solo-learn does not halve
-- the variance terms: variance = 50 gives its loss. Each view is a batch of its own, as in the authors' code.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"

local VICReg = method.class("VICReg")
VICReg.needs_others = "variance and covariance are over the batch"

function VICReg:build(o)
  self.weights = {invariance = o.invariance, variance = o.variance, covariance = o.covariance}
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = true, last_bias = false, seed = o.seed, name = "projector."}))
end

function VICReg:loss(views)
  self:batch_of(views)
  local h, z = {}, {}
  for v = 1, 2 do
    h[v] = self.encoder(views[v])
    z[v] = self.projector(h[v])
  end
  return lunette.loss.vicreg(z[1], z[2], self.weights), method.stacked(h), method.stacked(z)
end

-- Weights of the paper; widths after solo-learn's CIFAR recipe (the paper, on ImageNet: 8192).
return method.define("vicreg", VICReg, "make two views' embeddings equal, and their dimensions varied and uncorrelated", {
  projector = settings.widths({2048, 2048, 2048}),
  invariance = settings.weight(25, "weight of the squared distance between the views"),
  variance = settings.weight(25, "weight of the hinge on each dimension's standard deviation"),
  covariance = settings.weight(1, "weight of the squared covariances"),
})
