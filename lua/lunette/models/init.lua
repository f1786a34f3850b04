-- models: encoders. Each is a module that maps images (n,3,h,w) to representations (n, features), and has
--   encoder:features(x) -> h (n, features), a (n, channels, h', w')    the last feature map, for explanations
--   encoder.width, encoder.features_out, encoder.precision ("f32" or "bf16": dtype of the activations)
local resnet = require "lunette.models.resnet"

return {resnet18 = resnet.resnet18, resnet34 = resnet.resnet34, resnet50 = resnet.resnet50}
