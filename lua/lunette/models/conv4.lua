-- models/conv4.lua: the four-block network of few-shot learning (Vinyals et al. 2016, section 4.1; Snell et al. 2017):
-- 3x3 convolution with bias, batch norm, ReLU, 2x2 max pooling, four times; then the mean over pixels.
local nn = require "lunette.nn"
local encoder = require "lunette.models.encoder"

local Conv4 = nn.module.class("Conv4")

function Conv4:build(given)
  local width = given.width or 64
  self.width, self.features_out, self.precision = width, width, given.precision or "f32"
  self.pool = nn.MaxPool2d(2)
  for i = 1, 4 do
    self:child("conv" .. i, nn.Conv2d(i == 1 and 3 or width, width, 3, {padding = 1, bias = true}))
    self:child("bn" .. i, nn.BatchNorm(width, {relu = true}))
  end
end

-- x (n,3,h,w) f32, h and w at least 16 -> representation (n, width) f32 and the last feature map (n, width, h/16, w/16).
function Conv4:features(x)
  local s = x:shape()
  if #s == 4 and (s[3] < 16 or s[4] < 16) then
    error(("models.conv4: images must be at least 16x16, got %dx%d: four poolings halve them"):format(s[3], s[4]), 0)
  end
  local layers = {}
  for i = 1, 4 do
    for _, layer in ipairs{self["conv" .. i], self["bn" .. i], self.pool} do layers[#layers + 1] = layer end
  end
  local a = encoder.chain(x:to(self.precision), layers, x)
  return encoder.pooled(a), a
end

Conv4.forward = encoder.forward

-- {width = 64, precision = "f32"|"bf16", seed = 0}
local function conv4(given)
  given = encoder.options("models.conv4", given, {width = true})
  encoder.size("models.conv4", "width", given.width)
  return encoder.ready(Conv4(given), given)
end

return {conv4 = conv4}
