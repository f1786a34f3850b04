-- models/resnet.lua: residual networks (He et al. 2015) with torchvision's parameter names.
local nn = require "lunette.nn"
local encoder = require "lunette.models.encoder"

local class = nn.module.class

-- The shortcut of a block that changes size: 1x1 convolution and batch norm, "downsample.0" and ".1" in checkpoints.
local function downsample(channels, out, stride)
  return nn.Sequential(nn.Conv2d(channels, out, 1, {stride = stride}), nn.BatchNorm(out))
end

local BasicBlock = class("BasicBlock")
BasicBlock.expansion = 1

-- gamma: the first value of the last batch norm's weight; at 0 the block starts as its shortcut (Goyal et al. 2017, 5.1).
function BasicBlock:build(channels, width, stride, gamma)
  self:child("conv1", nn.Conv2d(channels, width, 3, {stride = stride, padding = 1}))
  self:child("bn1", nn.BatchNorm(width, {relu = true}))
  self:child("conv2", nn.Conv2d(width, width, 3, {padding = 1}))
  self:child("bn2", nn.BatchNorm(width, {gamma = gamma}))
  if stride ~= 1 or channels ~= width then self:child("downsample", downsample(channels, width, stride)) end
end

function BasicBlock:forward(x)
  local a <close> = self.conv1(x)
  local b <close> = self.bn1(a)
  local c <close> = self.conv2(b)
  if not self.downsample then return self.bn2(c, x) end
  local shortcut <close> = self.downsample(x)
  return self.bn2(c, shortcut)
end

-- The stride sits on the 3x3 convolution, as in torchvision.
local Bottleneck = class("Bottleneck")
Bottleneck.expansion = 4

function Bottleneck:build(channels, width, stride, gamma)
  local out = width * 4
  self:child("conv1", nn.Conv2d(channels, width, 1))
  self:child("bn1", nn.BatchNorm(width, {relu = true}))
  self:child("conv2", nn.Conv2d(width, width, 3, {stride = stride, padding = 1}))
  self:child("bn2", nn.BatchNorm(width, {relu = true}))
  self:child("conv3", nn.Conv2d(width, out, 1))
  self:child("bn3", nn.BatchNorm(out, {gamma = gamma}))
  if stride ~= 1 or channels ~= out then self:child("downsample", downsample(channels, out, stride)) end
end

function Bottleneck:forward(x)
  local a <close> = self.conv1(x)
  local b <close> = self.bn1(a)
  local c <close> = self.conv2(b)
  local d <close> = self.bn2(c)
  local e <close> = self.conv3(d)
  if not self.downsample then return self.bn3(e, x) end
  local shortcut <close> = self.downsample(x)
  return self.bn3(e, shortcut)
end

local ResNet = class("ResNet")

function ResNet:build(block, blocks, given)
  local stem, width = given.stem or "cifar", given.width or 64
  self.stem, self.width, self.precision = stem, width, given.precision or "f32"
  if stem == "cifar" then
    self:child("conv1", nn.Conv2d(3, width, 3, {padding = 1}))
  else
    self:child("conv1", nn.Conv2d(3, width, 7, {stride = 2, padding = 3}))
    self.maxpool = nn.MaxPool2d(3, {stride = 2, padding = 1})
  end
  self:child("bn1", nn.BatchNorm(width, {relu = true}))
  local channels = width
  for stage, count in ipairs(blocks) do
    local layers = {}
    for i = 1, count do
      local w = width * 2 ^ (stage - 1) // 1 | 0
      layers[i] = block(channels, w, i == 1 and stage > 1 and 2 or 1, given.zero_init_residual and 0 or 1)
      channels = w * block.expansion
    end
    self:child("layer" .. stage, nn.Sequential(table.unpack(layers)))
  end
  self.stages, self.features_out = #blocks, channels
end

-- x (n,3,h,w) f32 -> representation (n, features_out) f32 and the last feature map (n, features_out, h', w').
function ResNet:features(x)
  local layers = {self.conv1, self.bn1}
  if self.maxpool then layers[3] = self.maxpool end
  for i = 1, self.stages do layers[#layers + 1] = self["layer" .. i] end
  local a = encoder.chain(x:to(self.precision), layers, x)
  return encoder.pooled(a), a
end

ResNet.forward = encoder.forward

local function make(block, blocks)
  return function(given)
    given = encoder.options("models.resnet", given, {stem = true, width = true, zero_init_residual = true})
    encoder.choice("models.resnet", "stem", given.stem, {"cifar", "imagenet"})
    encoder.size("models.resnet", "width", given.width)
    return encoder.ready(ResNet(block, blocks, given), given)
  end
end

-- {stem = "cifar" (3x3, no pooling) | "imagenet" (7x7, stride 2, max pooling), width = 64, zero_init_residual = false,
--  precision = "f32"|"bf16", seed = 0}
return {
  resnet18 = make(BasicBlock, {2, 2, 2, 2}),
  resnet34 = make(BasicBlock, {3, 4, 6, 3}),
  resnet50 = make(Bottleneck, {3, 4, 6, 3}),
}
