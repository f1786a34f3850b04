-- ssl/byol.lua: BYOL (Grill et al. 2020). The student predicts, from one view, what a slow copy of itself makes of the
-- other; there are no negatives.
--
--   loss = sum over both directions of 2 - 2 cos(predictor(projector(encoder(x))), teacher(x'))
--
-- Summed, as in the paper and solo-learn; lightly's loss is a quarter of it. Each view is a batch of its own, for student and
-- teacher, so that batch statistics are those of one view, as in the authors' code and solo-learn.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"
local Teacher = require("lunette.ssl.teacher").Teacher

local BYOL = method.class("BYOL")

function BYOL:build(o)
  local out = o.projector[#o.projector]
  self.ema, self.ema_range = o.ema, {o.ema, o.ema_final}
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector, {batch_norm = true, seed = o.seed, name = "projector."}))
  if o.predictor > 0 then
    self:child("predictor", heads.mlp(out, {o.predictor, out}, {batch_norm = true, seed = o.seed, name = "predictor."}))
  end
  self:child("teacher", Teacher{{"encoder", self.encoder}, {"projector", self.projector}})
end

function BYOL:schedules(steps)
  return {ema = lunette.schedule.ramp{from = self.ema_range[1], to = self.ema_range[2], steps = steps}}
end

function BYOL:loss(views)
  self:batch_of(views)
  local h, z, p, target = {}, {}, {}, {}
  for v = 1, 2 do
    h[v] = self.encoder(views[v])
    z[v] = self.projector(h[v])
    p[v] = self.predictor and self.predictor(z[v]) or z[v]
    target[v] = self.teacher(views[v])
  end
  local loss = lunette.loss.byol(p[1], target[2]) + lunette.loss.byol(p[2], target[1])
  return loss, method.stacked(h), method.stacked(z)
end

function BYOL:after_step() self.teacher:update(self.ema) end

-- Widths and momentum after solo-learn's CIFAR recipe; lightly: 1024 and 256 at 0.99; the paper, on ImageNet: 0.996.
return method.define("byol", BYOL, "predict what a slow copy of the encoder makes of the other view", {
  projector = settings.widths({4096, 256}),
  predictor = settings.optional_width(4096, "width of the predictor's hidden layer; 0 = no predictor, to see it collapse"),
  ema = settings.ema(0.99),
  ema_final = settings.ema_final(1),
})
