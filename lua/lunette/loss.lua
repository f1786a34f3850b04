-- loss.lua: self-supervised losses as functions of tensors; each is one fused op of the table.
local lunette = require "lunette"
local options_of = require "lunette.options"

local loss = {}

-- SimCLR's NT-Xent (Chen et al. 2020, equation 1): z1, z2 (n,d) two views, mean over both views' 2n samples.
-- Inputs are L2-normalised here. temperature: 0.5 by default.
function loss.simclr(z1, z2, given)
  options_of.check("loss.simclr", given or {}, {temperature = true})
  return (lunette.ops.simclr(z1, z2, given or {}))
end

-- BYOL (Grill et al. 2020, equation 2): p (n,d) predictions, z (n,d) targets, mean of 2 - 2 cos. Rows are L2-normalised
-- here; no gradient flows to z. One direction: the method adds the other one (the paper's and solo-learn's sum).
function loss.byol(p, z) return (lunette.ops.byol(p, z)) end

-- SimSiam (Chen and He 2021, equation 1): p (n,d) predictions, z (n,d) targets, mean of -cos. Rows are L2-normalised here;
-- no gradient flows to z. One direction: the method takes half the sum of both.
function loss.simsiam(p, z) return (lunette.ops.simsiam(p, z)) end

-- MoCo (He et al. 2020, equation 1): queries q (n,d), their keys k (n,d), queue (K,d) of unit rows. q and k are L2-normalised
-- here; no gradient flows to k and queue. One direction, as in the authors' code. temperature: 0.07 by default.
function loss.moco(q, k, queue, given)
  options_of.check("loss.moco", given or {}, {temperature = true})
  return (lunette.ops.moco(q, k, queue, given or {}))
end

-- MoCo v3 (Chen, Xie and He 2021, algorithm 1): the negatives are the other keys of the batch, the cross entropy is taken
-- times 2 * temperature. q, k (n,d), L2-normalised here; no gradient flows to k. One direction: the method adds the other one.
-- temperature: 0.2 by default.
function loss.mocov3(q, k, given)
  options_of.check("loss.mocov3", given or {}, {temperature = true})
  return (lunette.ops.mocov3(q, k, given or {}))
end

-- SwAV's assignments of n samples to K prototypes from scores (n,K) (Caron et al. 2020, appendix A): every sample's sum to 1,
-- prototypes get equal shares. Rows of a queue may follow or precede the batch's: keep the batch's rows of the result.
-- epsilon: 0.05, iterations: 3 by default, the authors' form. No gradient.
function loss.sinkhorn(scores, given)
  options_of.check("loss.sinkhorn", given or {}, {epsilon = true, iterations = true})
  return lunette.ops.sinkhorn(scores, given or {})
end

-- SwAV (Caron et al. 2020, equation 2): scores (n,K) of one view, targets (n,K) from sinkhorn on the other view's; mean over
-- samples of -sum targets log softmax(scores / temperature), no gradient to targets. temperature: 0.1 by default.
-- One ordered pair of views: the method takes the mean over pairs.
function loss.swav(scores, targets, given)
  options_of.check("loss.swav", given or {}, {temperature = true})
  return (lunette.ops.swav(scores, targets, given or {}))
end

-- DINO (Caron et al. 2021, algorithm 1): student, teacher (n,K) raw logits of two different views, center (K); cross entropy of
-- softmax(student / student_temp) with softmax((teacher - center) / teacher_temp), mean over samples, no gradient to teacher and
-- center. student_temp: 0.1, teacher_temp: 0.04 by default. The method takes the mean over pairs of views and then moves
-- the center towards teacher:mean(1).
function loss.dino(student, teacher, center, given)
  options_of.check("loss.dino", given or {}, {student_temp = true, teacher_temp = true})
  return (lunette.ops.dino(student, teacher, center, given or {}))
end

-- VICReg (Bardes et al. 2022, equations 1 to 6): z1, z2 (n,d) two views, n at least 2, not normalised; invariance, variance and
-- covariance weigh the terms, 25, 25 and 1 by default. The official form: variance terms halved, squared covariances / d,
-- std = sqrt(var + 1e-4). solo-learn does not halve: variance = 50 gives its loss.
function loss.vicreg(z1, z2, given)
  options_of.check("loss.vicreg", given or {}, {invariance = true, variance = true, covariance = true})
  return (lunette.ops.vicreg(z1, z2, given or {}))
end

-- Barlow Twins (Zbontar et al. 2021, equations 1 and 2): z1, z2 (n,d) two views, n at least 2, normalised by column here; lambda
-- weighs what is off the diagonal, 0.0051 by default, scale the whole loss, 1 by default: both the official form.
function loss.barlow(z1, z2, given)
  options_of.check("loss.barlow", given or {}, {lambda = true, scale = true})
  return (lunette.ops.barlow(z1, z2, given or {}))
end

-- Mean of -log softmax(logits)[label]; logits (n,k), labels (n) counted from 1.
function loss.cross_entropy(logits, labels) return (lunette.ops.cross_entropy(logits, labels)) end

return loss
