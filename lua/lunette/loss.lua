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

-- Mean of -log softmax(logits)[label]; logits (n,k), labels (n) counted from 1.
function loss.cross_entropy(logits, labels) return (lunette.ops.cross_entropy(logits, labels)) end

return loss
