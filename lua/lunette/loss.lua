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

-- Mean of -log softmax(logits)[label]; logits (n,k), labels (n) counted from 1.
function loss.cross_entropy(logits, labels) return (lunette.ops.cross_entropy(logits, labels)) end

return loss
