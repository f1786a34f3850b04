-- ssl/swav.lua: SwAV (Caron et al. 2020). Scores of embeddings against learned prototypes; from the two full-size views
-- Sinkhorn-Knopp makes targets that use all prototypes alike, and every other view is to predict them.
--
--   z = normalize(projector(encoder(x))),  scores = z prototypes'
--   loss = mean over full-size views a, mean over views v other than a, of cross entropy(sinkhorn(scores_a), scores_v / temperature)
--
-- As in the authors' code: prototypes are L2-normalised after every step (that is, before the next) and without gradient in the
-- first epochs; views of one size pass as one batch; from an epoch on, a queue of earlier embeddings per full-size view takes
-- part in the assignment as soon as it is full (it is written after the step, and the scores used are those of before).
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local nn = require "lunette.nn"
local settings = require "lunette.ssl.settings"
local Queue = require("lunette.ssl.queue").Queue

local ops = lunette.ops
local SwAV = method.class("SwAV")
SwAV.needs_others = "an assignment is over the batch"

function SwAV:build(o)
  local out = o.projector[#o.projector]
  self.temperature, self.freeze_epochs, self.queue_from_epoch = o.temperature, o.freeze_epochs, o.queue_from_epoch
  self.sinkhorn, self.balance = o.sinkhorn, {epsilon = o.epsilon, iterations = o.iterations}
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector, {batch_norm = true, seed = o.seed, name = "projector."}))
  self:parameter("prototypes", {o.prototypes, out})
  local drawn <close> = nn.initial.uniform_fan_in()({o.prototypes, out}, o.seed, "init/prototypes")
  ops.assign(self.prototypes, drawn)
  self:normalize_prototypes()
  self.queues = {}
  if o.queue > 0 then
    for v = 1, 2 do self.queues[v] = self:child("queue" .. v, Queue(o.queue, out)) end
  end
end

function SwAV:normalize_prototypes()
  lunette.no_grad(function()
    local unit <close> = self.prototypes:normalize()
    ops.assign(self.prototypes, unit)
  end)
end

-- Targets (n, prototypes) of the n embeddings of full-size view a.
function SwAV:assignment(a, scores)
  return lunette.no_grad(function()
    if not self.sinkhorn then return ops.softmax(scores * (1 / self.balance.epsilon)) end
    local queue, n = self.queues[a], scores:shape()[1]
    if not (queue and self.epoch >= self.queue_from_epoch and queue:full()) then
      return lunette.loss.sinkhorn(scores, self.balance)
    end
    local all = ops.cat(scores, ops.linear(queue.rows, self.prototypes), 1)
    return lunette.loss.sinkhorn(all, self.balance):narrow(1, 1, n)
  end)
end

function SwAV:loss(views)
  local n = self:batch_of(views, math.huge)
  local h, z, scores = self:by_size(views, function(x)
    local h = self.encoder(x)
    local z = self.projector(h):normalize()
    return h, z, ops.linear(z, self.prototypes)
  end)
  local function of(rows, v) return rows:narrow(1, (v - 1) * n + 1, v * n) end
  local loss
  for a = 1, 2 do
    local targets = self:assignment(a, of(scores, a):detach())
    for v = 1, #views do
      if v ~= a then
        local term = lunette.loss.swav(of(scores, v), targets, {temperature = self.temperature})
        loss = loss and loss + term or term
      end
    end
    if self.queues[a] and self.epoch >= self.queue_from_epoch then self:hold("z" .. a, of(z, a):detach():clone()) end
  end
  return loss * (1 / (2 * (#views - 1))), h:narrow(1, 1, 2 * n), z:narrow(1, 1, 2 * n)
end

function SwAV:plateau() return math.log(self.prototypes:shape()[1]), 0 end

function SwAV:before_update()
  if self.epoch <= self.freeze_epochs then self.prototypes.grad = nil end
end

function SwAV:after_step()
  if self.epoch > self.freeze_epochs then self:normalize_prototypes() end
  for v, queue in ipairs(self.queues) do
    local z <close> = self:take("z" .. v)
    if z then queue:push(z) end
  end
end

-- Temperature, epsilon and iterations of the paper. 512 prototypes without queue after lightly's CIFAR-10 benchmark: solo-learn
-- takes 3000 with a queue of 3840 from epoch 50 on, for runs of 1000 epochs.
return method.define("swav", SwAV, "predict, from each view, the other views' balanced assignment to prototypes", {
  projector = settings.widths({2048, 128}),
  prototypes = settings.width(512, "number of prototypes"),
  temperature = settings.temperature(0.1),
  epsilon = settings.temperature(0.05, "smoothness of the assignment: scores are divided by it"),
  iterations = settings.width(3, "iterations of Sinkhorn-Knopp"),
  sinkhorn = settings.switch(true, "balanced assignments; false: plain softmax(scores / epsilon), to see it collapse"),
  freeze_epochs = settings.epochs(1, "first epochs in which the prototypes stay as drawn"),
  queue = settings.epochs(0, "embeddings of earlier batches in each assignment; 0 = none"),
  queue_from_epoch = settings.epochs(15, "first epoch in which the queue is filled, and used once it is full"),
}, {multicrop = true})
