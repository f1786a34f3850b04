-- models: encoders. Each is a module that maps images (n,3,h,w) to representations (n, features), and has
--   encoder:features(x) -> h (n, features), a (n, channels, h', w')    the last feature map, for explanations
--   encoder.width, encoder.features_out, encoder.precision ("f32" or "bf16": dtype of the activations)
local models = {}
for _, family in ipairs{"resnet", "conv4"} do
  for name, make in pairs(require("lunette.models." .. family)) do models[name] = make end
end

return models
