-- ssl/dino.lua: DINO (Caron et al. 2021). The student, from every view, is to give the distribution over prototypes that a slow
-- copy gives from the other full-size view; the copy's output is centered and sharpened, which keeps it from collapsing.
--
--   logits = normalize(mlp(encoder(x))) v',  v = rows of unit length (weight normalisation with gain 1, as the authors' default)
--   loss = mean over teacher views t (the two full-size ones) and student views s other than t of
--          cross entropy(softmax((teacher_t - center) / teacher_temp), student_s / student_temp)
--   center = center_momentum center + (1 - center_momentum) mean of the teacher's logits of both views, after the loss
--
-- Views of one size pass as one batch. The last layer has no gradient in the first epochs. Gradient clipping, 3 per tensor in
-- the authors' recipe and none in solo-learn's for CIFAR, is the optimizer's.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local nn = require "lunette.nn"
local settings = require "lunette.ssl.settings"
local Teacher = require("lunette.ssl.teacher").Teacher

local ops = lunette.ops

-- x (n,inputs) -> logits (n,prototypes), and the unit rows (n, last of widths) before the last layer.
local Head = nn.module.class("DINOHead")

function Head:build(inputs, o)
  local width = o.projector[#o.projector]
  self:child("mlp", heads.mlp(inputs, o.projector, {batch_norm = o.batch_norm, activation = "GELU", std = 0.02}))
  self:parameter("last", {o.prototypes, width}, nn.initial.uniform_fan_in())
  self:initialize(o.seed, "head.")
end

function Head:forward(x)
  local z = self.mlp(x):normalize()
  local rows = self.last:normalize()
  return ops.linear(z, rows), z
end

local DINO = method.class("DINO")

function DINO:build(o)
  self.student_temp, self.teacher_temp, self.teacher_temp_range = o.student_temp, o.teacher_temp, {o.teacher_temp, o.teacher_temp}
  if o.warmup_epochs > 0 then self.teacher_temp, self.teacher_temp_range[1] = o.warmup_teacher_temp, o.warmup_teacher_temp end
  self.warmup_epochs, self.center_momentum, self.freeze_epochs = o.warmup_epochs, o.center_momentum, o.freeze_epochs
  self.ema, self.ema_range = o.ema, {o.ema, o.ema_final}
  self:child("encoder", o.encoder)
  self:child("head", Head(o.encoder.features_out, o))
  self:child("teacher", Teacher{{"encoder", self.encoder}, {"head", self.head}})
  self:buffer("center", {o.prototypes})
end

function DINO:schedules(steps, steps_per_epoch)
  local from, to = table.unpack(self.teacher_temp_range)
  return {
    ema = lunette.schedule.ramp{from = self.ema_range[1], to = self.ema_range[2], steps = steps},
    teacher_temp = lunette.schedule.ramp{from = from, to = to, steps = self.warmup_epochs * steps_per_epoch, shape = "linear"},
  }
end

function DINO:loss(views)
  local n = self:batch_of(views, math.huge)
  local h, student, z = self:by_size(views, function(x)
    local h = self.encoder(x)
    local logits, z = self.head(h)
    return h, logits, z
  end)
  local teacher = self:by_size({views[1], views[2]}, self.teacher)
  local function of(rows, v) return rows:narrow(1, (v - 1) * n + 1, v * n) end
  local loss
  local options = {student_temp = self.student_temp, teacher_temp = self.teacher_temp}
  for t = 1, 2 do
    for s = 1, #views do
      if s ~= t then
        local term = lunette.loss.dino(of(student, s), of(teacher, t), self.center, options)
        loss = loss and loss + term or term
      end
    end
  end
  self:hold("mean", teacher:mean(1))
  return loss * (1 / (2 * (#views - 1))), h:narrow(1, 1, 2 * n), z:narrow(1, 1, 2 * n)
end

function DINO:plateau() return math.log(self.center:numel()), 0 end

function DINO:before_update()
  if self.epoch <= self.freeze_epochs then self.head.last.grad = nil end
end

function DINO:after_step()
  local mean <close> = self:take("mean")
  if mean then ops.ema_update({self.center}, {mean}, self.center_momentum) end
  self.teacher:update(self.ema)
end

-- Temperatures, center, frozen epochs and momentum are the authors' defaults; widths and 4096 prototypes (the authors: 65536)
-- after solo-learn's CIFAR recipe, which has teacher_temp = 0.07 and ema = 0.9995; lightly's has ema = 0.99.
return method.define("dino", DINO, "give, from every view, what a slow copy gives from another, over prototypes", {
  projector = settings.widths({2048, 2048, 256}, "widths of the head's layers before the prototypes"),
  batch_norm = settings.switch(false, "batch norm in the head"),
  prototypes = settings.width(4096, "number of prototypes"),
  student_temp = settings.temperature(0.1, "temperature of the student's softmax"),
  teacher_temp = settings.temperature(0.04, "temperature of the teacher's softmax, after its warm-up"),
  warmup_teacher_temp = settings.temperature(0.04, "that temperature at the first step of the warm-up"),
  warmup_epochs = settings.epochs(0, "epochs in which it goes linearly from the one to the other"),
  center_momentum = settings.ema(0.9, "momentum of the center's moving average"),
  freeze_epochs = settings.epochs(1, "first epochs in which the last layer stays as drawn"),
  ema = settings.ema(0.996),
  ema_final = settings.ema_final(1),
}, {multicrop = true})
