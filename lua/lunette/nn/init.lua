-- nn: layers and containers. Each is callable on tensors; see nn/module.lua for what all of them share.
local modules = {
  "Conv2d", "nn.conv", "Linear", "nn.linear", "WeightNormLinear", "nn.linear", "Prototypes", "nn.linear",
  "BatchNorm", "nn.norm", "LayerNorm", "nn.norm",
  "Sequential", "nn.container", "ReLU", "nn.activation", "GELU", "nn.activation", "MaxPool2d", "nn.pool", "GlobalAvgPool", "nn.pool",
  "Flatten", "nn.activation", "Identity", "nn.activation",
}
local where = {}
for i = 1, #modules, 2 do where[modules[i]] = modules[i + 1] end

local nn = {module = require "lunette.nn.module", initial = require "lunette.nn.initial"}
for name, file in pairs(where) do nn[name] = require("lunette." .. file)[name] end
return nn
