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
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = true, last_batch_norm = "plain", seed = o.seed, name = "projector."}))
  self:child("predictor", heads.mlp(out, {o.predictor, out}, {batch_norm = true, seed = o.seed, name = "predictor."}))
end

function SimSiam:loss(views)
  self:batch_of(views)
  local h, z, p = {}, {}, {}
  for v = 1, 2 do
    h[v] = self.encoder(views[v])
    z[v] = self.projector(h[v])
    p[v] = self.predictor(z[v])
  end
  local loss = (lunette.loss.simsiam(p[1], z[2]:detach()) + lunette.loss.simsiam(p[2], z[1]:detach())) * 0.5
  return loss, method.stacked(h), method.stacked(z)
end

-- Widths of the paper, which solo-learn's CIFAR recipe has too.
return method.define("simsiam", SimSiam, "predict the other view's embedding, its gradient stopped", {
  projector = settings.widths({2048, 2048, 2048}),
  predictor = settings.width(512, "width of the predictor's hidden layer"),
})
