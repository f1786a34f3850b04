-- ssl/simclr.lua: SimCLR (Chen et al. 2020). Two views of each image go through encoder and projector; each sample's
-- other view is its positive, all other samples of the batch are its negatives.
local lunette = require "lunette"
local heads = require "lunette.ssl.heads"
local method = require "lunette.ssl.method"
local settings = require "lunette.ssl.settings"

local SimCLR = method.class("SimCLR")
SimCLR.needs_others = "the others are the negatives"

function SimCLR:build(o)
  self.temperature = o.temperature
  self:child("encoder", o.encoder)
  self:child("projector", heads.mlp(o.encoder.features_out, o.projector,
    {batch_norm = o.batch_norm, seed = o.seed, name = "projector."}))
end

-- Views as one batch: batch statistics are those of both views, as in the reference with a concatenated batch.
function SimCLR:loss(views)
  local n = self:batch_of(views)
  local x <close> = lunette.ops.cat(views[1], views[2], 1)
  local h = self.encoder(x)
  local z = self.projector(h)
  local z1 <close> = z:narrow(1, 1, n)
  local z2 <close> = z:narrow(1, n + 1, 2 * n)
  return lunette.loss.simclr(z1, z2, {temperature = self.temperature}), h, z
end

-- One positive among the 2n - 1 other samples.
function SimCLR:plateau(n) return math.log(2 * n - 1) end -- luacheck: ignore 212

-- Projector and temperature after lightly's CIFAR-10 benchmark; solo-learn: 2048, 256 at 0.2.
return method.define("simclr", SimCLR, "contrast two views of an image with all other images of the batch", {
  projector = settings.widths({512, 128}),
  batch_norm = settings.switch(false, "batch norm in the projector"),
  temperature = settings.temperature(0.5),
})
