-- ssl/moco.lua: MoCo v2 (He et al. 2020, Chen et al. 2020). A query is compared with its key, made by a slow copy of the
-- encoder from the other view, and with the keys of earlier batches in a queue.
--
-- Symmetric by default, as solo-learn's "v2+" and lightly have it: the mean of both directions, with a queue for each view's
-- keys; symmetric = false is the paper's one direction, view 1 asking and view 2 answering. Keys enter the queue after the step.
-- Each view is a batch of its own. The paper's shuffling of keys between devices has no counterpart on one device: whatever
-- their order, the statistics are those of the whole batch; queries and keys have separate ones, which is all that is done
-- (solo-learn on one device does the same; lightly splits the batch into 8 groups).
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"
local Queue = require("lunette.ssl.queue").Queue
local Teacher = require("lunette.ssl.teacher").Teacher

local MoCo = method.class("MoCo")

function MoCo:build(o)
  local out = o.projector[#o.projector]
  self.temperature, self.symmetric = o.temperature, o.symmetric
  self.ema, self.ema_range = o.ema, {o.ema, o.ema_final}
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = o.batch_norm, seed = o.seed, name = "projector."}))
  self:child("teacher", Teacher{{"encoder", self.encoder}, {"projector", self.projector}})
  -- queues[v] holds keys of view v.
  self.queues = {}
  for v = o.symmetric and 1 or 2, 2 do
    self.queues[v] = self:child("queue" .. v, Queue(o.queue, out, {seed = o.seed, name = "queue" .. v}))
  end
end

function MoCo:schedules(steps)
  return {ema = lunette.schedule.ramp{from = self.ema_range[1], to = self.ema_range[2], steps = steps}}
end

-- The loss of view q's queries and view k's keys.
function MoCo:direction(views, q, k)
  local h = self.encoder(views[q])
  local z = self.projector(h)
  local keys = self.teacher(views[k]):normalize()
  self:hold("keys" .. k, keys)
  return lunette.loss.moco(z, keys, self.queues[k].rows, {temperature = self.temperature}), h, z
end

function MoCo:loss(views)
  local n = self:batch_of(views)
  if n > self.queues[2].size then
    error(("ssl.moco: the queue holds %d keys, fewer than the batch's %d: set queue to several batches"):format(self.queues[2].size, n), 2)
  end
  local loss, h, z = self:direction(views, 1, 2)
  if not self.symmetric then return loss, h, z end
  local other, h2, z2 = self:direction(views, 2, 1)
  return (loss + other) * 0.5, method.stacked{h, h2}, method.stacked{z, z2}
end

function MoCo:plateau() return math.log(self.queues[2].size + 1) end

function MoCo:after_step()
  for v, queue in pairs(self.queues) do
    local keys <close> = self:take("keys" .. v)
    if keys then queue:push(keys) end
  end
  self.teacher:update(self.ema)
end

-- Projector, temperature and momentum after solo-learn's CIFAR recipe, whose queue of 32768 is for 50,000 images and long
-- runs; 4096 is lightly's for CIFAR-10. The paper, on ImageNet: 65536 keys, momentum 0.999 throughout.
return method.define("moco", MoCo, "find the other view's key, made by a slow copy of the encoder, among those of a queue", {
  projector = settings.widths({2048, 256}),
  batch_norm = settings.switch(false, "batch norm in the projector"),
  temperature = settings.temperature(0.2),
  queue = settings.width(4096, "keys in the queue; at least a batch"),
  symmetric = settings.switch(true, "both views ask, each with a queue of its own; false: the first asks, the second answers"),
  ema = settings.ema(0.99),
  ema_final = settings.ema_final(0.999),
})
