-- models: encoders. Each is a module that maps images (n,3,h,w) to representations (n, features), and has
--   encoder:features(x) -> h (n, features), a (n, channels, h', w')    the last feature map, for explanations; a vision
--     transformer adds its class token there, and head(a, class token) -> h
--   encoder.width, encoder.features_out, encoder.precision ("f32" or "bf16": dtype of the activations)
local models = {}
for _, family in ipairs{"resnet", "conv4", "vit"} do
  for name, make in pairs(require("lunette.models." .. family)) do models[name] = make end
end

return models
