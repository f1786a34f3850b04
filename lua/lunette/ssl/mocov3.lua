-- ssl/mocov3.lua: MoCo v3 (Chen et al. 2021). Queries pass a predictor; the keys of the batch's other images are the
-- negatives, there is no queue.
--
--   loss = 2 temperature (cross entropy(q1 k2' / temperature) + cross entropy(q2 k1' / temperature))
--
-- Both directions summed, as in the authors' code. Each view is a batch of its own, for student and teacher.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"
local Teacher = require("lunette.ssl.teacher").Teacher

local MoCoV3 = method.class("MoCoV3")
MoCoV3.needs_others = "the others are the negatives"

function MoCoV3:build(o)
  local out = o.projector[#o.projector]
  self.temperature = o.temperature
  self.ema, self.ema_range = o.ema, {o.ema, o.ema_final}
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = true, last_batch_norm = "plain", seed = o.seed, name = "projector."}))
  self:child("predictor", heads.mlp(out, {o.predictor, out},
    {batch_norm = true, last_bias = false, seed = o.seed, name = "predictor."}))
  self:child("teacher", Teacher{{"encoder", self.encoder}, {"projector", self.projector}})
end

function MoCoV3:schedules(steps)
  return {ema = lunette.schedule.ramp{from = self.ema_range[1], to = self.ema_range[2], steps = steps}}
end

function MoCoV3:loss(views)
  self:batch_of(views)
  local h, z, q, k = {}, {}, {}, {}
  for v = 1, 2 do
    h[v] = self.encoder(views[v])
    z[v] = self.projector(h[v])
    q[v] = self.predictor(z[v])
    k[v] = self.teacher(views[v])
  end
  local options = {temperature = self.temperature}
  local loss = lunette.loss.mocov3(q[1], k[2], options) + lunette.loss.mocov3(q[2], k[1], options)
  return loss, method.stacked(h), method.stacked(z)
end

function MoCoV3:plateau(n) return 4 * self.temperature * math.log(n) end

function MoCoV3:after_step() self.teacher:update(self.ema) end

-- After solo-learn's CIFAR recipe; the paper, with a ViT: temperature 0.2, momentum 0.99.
return method.define("mocov3", MoCoV3, "predict the other view's key, made by a slow copy, among those of the batch", {
  projector = settings.widths({4096, 256}),
  predictor = settings.width(4096, "width of the predictor's hidden layer"),
  temperature = settings.temperature(0.2),
  ema = settings.ema(0.99),
  ema_final = settings.ema_final(1),
})
