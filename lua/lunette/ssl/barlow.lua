-- ssl/barlow.lua: Barlow Twins (Zbontar et al. 2021). The cross-correlation of two views' embeddings over the batch is to be
-- the identity: 1 on its diagonal (invariance), 0 elsewhere (no redundancy).
--
-- scale = 1 is the authors' loss and lightly's; solo-learn's recipes and VISSL multiply it by 0.1 and 0.024. Each view is a
-- batch of its own, as in the authors' code.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"

local Barlow = method.class("Barlow")
Barlow.needs_others = "correlations are over the batch"

function Barlow:build(o)
  self.weights = {lambda = o.lambda, scale = o.scale}
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = true, last_bias = false, seed = o.seed, name = "projector."}))
end

function Barlow:loss(views)
  self:batch_of(views)
  local h, z = {}, {}
  for v = 1, 2 do
    h[v] = self.encoder(views[v])
    z[v] = self.projector(h[v])
  end
  return lunette.loss.barlow(z[1], z[2], self.weights), method.stacked(h), method.stacked(z)
end

-- Widths after solo-learn's CIFAR recipe (the paper, on ImageNet: 8192).
return method.define("barlow", Barlow, "make the correlation of two views' embeddings the identity", {
  projector = settings.widths({2048, 2048, 2048}),
  lambda = settings.weight(0.0051, "weight of the entries off the diagonal"),
  scale = settings.weight(1, "factor of the whole loss"),
})
