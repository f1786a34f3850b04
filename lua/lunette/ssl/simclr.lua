-- ssl/simclr.lua: SimCLR (Chen et al. 2020). Two views of each image go through encoder and projector; each sample's
-- other view is its positive, all other samples of the batch are its negatives.
local lunette = require "lunette"
local nn = require "lunette.nn"
local heads = require "lunette.ssl.projector"
local options_of = require "lunette.options"

local SimCLR = nn.module.class("SimCLR")

function SimCLR:build(given)
  self.temperature = given.temperature or 0.5
  self:child("encoder", given.encoder)
  local sizes = given.projector or {given.encoder.features_out, 128}
  self:child("projector", heads.projector(given.encoder.features_out, sizes, {batch_norm = given.batch_norm}))
end

-- Views as one batch: batch statistics are those of both views, as in the reference with a concatenated batch.
-- Returns the loss and the representations (2n, features), views stacked.
function SimCLR:loss(views)
  local n = views[1]:shape()[1]
  if n < 2 then error("ssl.simclr: a batch needs at least 2 images, got " .. n .. ": the others are the negatives", 2) end
  local x <close> = lunette.ops.cat(views[1], views[2], 1)
  local h = self.encoder(x)
  local z <close> = self.projector(h)
  local z1 <close> = z:narrow(1, 1, n)
  local z2 <close> = z:narrow(1, n + 1, 2 * n)
  return lunette.loss.simclr(z1, z2, {temperature = self.temperature}), h
end

-- {encoder=, projector={hidden..., out}, temperature=0.5, batch_norm=false, seed=0}: the projector is drawn from the seed.
local function simclr(given)
  options_of.check("ssl.simclr", given, {encoder = true, projector = true, temperature = true, batch_norm = true, seed = true})
  if type(given.encoder) ~= "table" or not given.encoder.features_out then
    error("ssl.simclr: encoder must be a model, e.g. lunette.models.resnet18{}", 2)
  end
  local method = SimCLR(given)
  method.projector:initialize(given.seed or 0, "projector.")
  return method
end

return {simclr = simclr}
