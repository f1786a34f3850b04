-- ssl/simsiam.lua: SimSiam (Chen and He 2021). BYOL without the slow copy: the target is the encoder's own output of the
-- other view, with the gradient stopped.
--
--   loss = - cos(p1, stop(z2)) / 2 - cos(p2, stop(z1)) / 2
--
-- Each view is a batch of its own, as in the authors' code.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"

local SimSiam = method.class("SimSiam")

function SimSiam:build(o)
  local out = o.projector[#o.projector]
  self.stop_gradient = o.stop_gradient
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = true, last_batch_norm = "plain", seed = o.seed, name = "projector."}))
  self:child("predictor", heads.mlp(out, {o.predictor, out}, {batch_norm = true, seed = o.seed, name = "predictor."}))
end

-- The loss of predictions p and targets z (n,d). The op stops the gradient to z; without that, it is written out.
function SimSiam:direction(p, z)
  if self.stop_gradient then return lunette.loss.simsiam(p, z:detach()) end
  return -(p:normalize() * z:normalize()):sum({2}):mean()
end

function SimSiam:loss(views)
  self:batch_of(views)
  local h, z, p = {}, {}, {}
  for v = 1, 2 do
    h[v] = self.encoder(views[v])
    z[v] = self.projector(h[v])
    p[v] = self.predictor(z[v])
  end
  local loss = (self:direction(p[1], z[2]) + self:direction(p[2], z[1])) * 0.5
  return loss, method.stacked(h), method.stacked(z)
end

-- Widths of the paper, which solo-learn's CIFAR recipe has too.
return method.define("simsiam", SimSiam, "predict the other view's embedding, its gradient stopped", {
  projector = settings.widths({2048, 2048, 2048}),
  predictor = settings.width(512, "width of the predictor's hidden layer"),
  stop_gradient = settings.switch(true, "no gradient to the other view's embedding; false: with it, to see it collapse"),
})
