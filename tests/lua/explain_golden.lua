-- explain_golden.lua: heatmaps of a tiny network and maps against masks, compared with reference values.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"
local explain, nn = lunette.explain, lunette.nn

-- The network of the golden files, as an encoder.
local Tiny = nn.module.class("Tiny")
function Tiny:build()
  self:child("conv1", nn.Conv2d(3, 4, 3, { padding = 1 }))
  self:child("bn1", nn.BatchNorm(4, { relu = true }))
  self:child("conv2", nn.Conv2d(4, 5, 3, { stride = 2, padding = 1 }))
  self:child("bn2", nn.BatchNorm(5, { relu = true }))
  self.features_out = 5
end
function Tiny:features(x)
  local a = self.bn2(self.conv2(self.bn1(self.conv1(x))))
  return lunette.ops.global_avg_pool(a), a
end
function Tiny:forward(x) return (self:features(x)) end

local function encoder_of(file)
  local encoder, state = Tiny(), {}
  for _, name in ipairs { "conv1.weight", "conv2.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
    "bn2.weight", "bn2.bias", "bn2.running_mean", "bn2.running_var" } do
    state[name] = file[name]
  end
  encoder:load_state(state)
  return encoder:eval()
end

for _, name in ipairs(golden.names("^heatmap_feature")) do
  t.case(name, function()
    local file = golden.load(name)
    local encoder, feature = encoder_of(file), file.feature:totable()[1]
    golden.near((encoder:features(file.x)), file.h, 1e-5, "h")
    local function map(method, unit) return explain.heatmap(encoder, file.x, { feature = feature, method = method, unit = unit }) end
    golden.near(map("gradcam"), file.gradcam_last_upsampled, 1e-5, "gradcam")
    golden.near(map("gradcam", true), file.gradcam_last_upsampled_unit, 1e-5, "gradcam in 0..1")
    golden.near(map("activation"), file.activation_upsampled, 1e-5, "activation")
    golden.near(map("input"), file.input_max, 1e-5, "input gradient")
    golden.near(map("input", true), file.input_unit, 1e-5, "input gradient in 0..1")
    for i, p in ipairs(encoder:parameters()) do
      t.equal(p.grad, nil, "gradient of parameter " .. i)
      t.equal(p.requires_grad, true, "parameter " .. i)
    end
  end)
end

t.case("one image, several features, features per image", function()
  local file = golden.load("heatmap_feature1")
  local encoder = encoder_of(file)
  local one = explain.heatmap(encoder, file.x, { feature = 1 })
  local four = explain.heatmap(encoder, file.x, { feature = 4 })
  local both = explain.heatmap(encoder, file.x, { features = { 1, 4 } })
  t.equal(both:shape(), { 2, 2, 8, 6 })
  golden.near(both:narrow(2, 1, 1), one, 0, "first feature")
  golden.near(both:narrow(2, 2, 2), four, 0, "second feature")
  local mixed = explain.heatmap(encoder, file.x, { per_image = { 1, 4 } })
  golden.near(mixed:narrow(1, 1, 1), one:narrow(1, 1, 1), 0, "feature 1 of image 1")
  golden.near(mixed:narrow(1, 2, 2), four:narrow(1, 2, 2), 0, "feature 4 of image 2")
  local pairs_of = explain.heatmap(encoder, file.x, { per_image = { { 1, 4 }, { 4, 1 } } })
  golden.near(pairs_of:narrow(1, 2, 2):narrow(2, 1, 1), four:narrow(1, 2, 2), 0, "first of image 2")
  local image = file.x:narrow(1, 1, 1):reshape(3, 8, 6)
  local single = explain.heatmap(encoder, image, { feature = 1 })
  t.equal(single:shape(), { 8, 6 })
  golden.near(single, one:narrow(1, 1, 1), 0, "one image")
end)

t.case("integrated and smoothed gradients: repeatable, and alike in any batch", function()
  local file = golden.load("heatmap_feature1")
  local encoder = encoder_of(file)
  for _, method in ipairs { "integrated", "smooth" } do
    local map = explain.heatmap(encoder, file.x, { feature = 1, method = method })
    t.equal(map:shape(), { 2, 8, 6 })
    t.ok(map:reshape(-1):max(1):item() > 0, method)
    local again = explain.heatmap(encoder, file.x, { feature = 1, method = method })
    golden.near(again, map, 0, method .. " again")
    local alone = explain.heatmap(encoder, file.x:narrow(1, 2, 2), { features = { 4, 1 }, method = method })
    golden.near(alone:narrow(2, 2, 2), map:narrow(1, 2, 2), 1e-5, method .. " of the second image alone")
  end
end)

t.case("integrated gradients of a linear feature are input times weight", function()
  local Linear = nn.module.class("Linear")
  function Linear:build() self.features_out = 2 end
  local weight = lunette.randn(1, 3, 4, 4, { seed = 8 })
  function Linear.features(_, x)
    local a = x * weight
    return lunette.ops.cat(a:sum({ 2, 3, 4 }):reshape(-1, 1), (a * 2):sum({ 2, 3, 4 }):reshape(-1, 1), 2), a
  end
  local x = lunette.randn(2, 3, 4, 4, { seed = 9 })
  local map = explain.heatmap(Linear(), x, { feature = 2, method = "integrated", steps = 4 })
  golden.near(map, (x * weight * 2):sum({ 2 }):abs(), 1e-5, "map")
end)

t.case("maps against masks", function()
  local file = golden.load("map_scores")
  local iou, pointing, energy = explain.scores(file.map, file.mask, { thresholds = { 0.25, 0.5, 0.75 } })
  for k, label in ipairs { "025", "050", "075" } do
    golden.near(iou:narrow(2, k, k), file["iou_" .. label], 1e-12, "iou " .. label)
  end
  golden.near(pointing, file.pointing, 0, "pointing")
  golden.near(energy, file.energy, 1e-6, "energy")
  golden.near(explain.iou(file.map, file.mask), file.iou_050, 1e-12, "iou at its default")
  golden.near(explain.pointing(file.map, file.mask), file.pointing, 0, "pointing alone")
  local map, mask = file.map:narrow(1, 1, 1):reshape(9, 7), file.mask:narrow(1, 1, 1):reshape(9, 7)
  t.equal(explain.iou(map, mask, { threshold = 0.25 }), file.iou_025:totable()[1], "one map")
  t.ok(math.abs(explain.energy(map, mask) - file.energy:totable()[1]) < 1e-6, "energy of one map")
end)

t.case("what cannot be asked", function()
  local encoder = encoder_of(golden.load("heatmap_feature1"))
  local x = lunette.randn(2, 3, 8, 6, { seed = 1 })
  t.raises(function() explain.heatmap(encoder, x, { feature = 0 }) end, "positions count from 1")
  t.raises(function() explain.heatmap(encoder, x, { feature = 6 }) end, "1..5")
  t.raises(function() explain.heatmap(encoder, x, {}) end, "give one of feature")
  t.raises(function() explain.heatmap(encoder, x, { feature = 1, method = "gradcan" }) end, "did you mean 'gradcam'")
  t.raises(function() explain.heatmap(encoder, x, { feature = 1, methods = "input" }) end, "did you mean 'method'")
  t.raises(function() explain.iou(x, x) end, "(h,w) or (n,h,w)")
  t.raises(function() explain.iou(lunette.zeros(2, 2), lunette.zeros(2, 2), { threshold = 1.5 }) end, "within 0..1")
  encoder:train()
  pcall(explain.heatmap, encoder, x, { feature = 6 })
  t.equal(encoder.training, true, "an error leaves the encoder in training mode")
end)

t.case("pictures", function()
  local images = lunette.full({ 3, 3, 10, 12 }, 100, { dtype = "u8" })
  local maps = lunette.zeros(3, 10, 12)
  maps:narrow(1, 2, 2):copy(lunette.ones(1, 10, 12))
  local y = explain.overlay(images, maps, { alpha = 1 })
  t.equal(y:shape(), { 3, 3, 10, 12 })
  t.equal({ y[{ 1, 1, 1, 1 }], y[{ 1, 3, 1, 1 }] }, { 10, 60 }, "the colour of 0")
  t.equal({ y[{ 2, 1, 1, 1 }], y[{ 2, 3, 1, 1 }] }, { 255, 190 }, "the colour of 1")
  t.equal(explain.overlay(images, maps, { alpha = 0 }):totable(), images:totable(), "alpha 0")
  local sheet = explain.montage(y, { columns = 2, pad = 2, captions = { "a", "b" } })
  t.equal(sheet:shape(), { 3, 2 * (10 + 2 + 9) + 2, 2 * (12 + 2) + 2 })
  t.equal(sheet[{ 1, 2 + 9 + 1, 3 }], 10, "first picture under its caption")
  local ink = 0
  for _, v in ipairs(sheet[{ 1, { 3, 11 }, { 3, 14 } }]:reshape(-1):totable()) do ink = ink + (v == 0 and 1 or 0) end
  t.equal(ink, 18, "pixels of the letter A")
end)

t.case("heatmaps of a vision transformer: through the patches that enter its last block", function()
  local net = lunette.models.vit{dim = 8, depth = 2, heads = 2, patch = 4, image = 16}
  local x = lunette.randn(2, 3, 16, 24, {seed = 5})
  local map = lunette.explain.heatmap(net, x, {feature = 3})
  t.equal(map:shape(), {2, 16, 24})
  -- The same by hand: gradient of the feature with respect to the map, its mean over pixels as weights.
  local _, a, rest = lunette.no_grad(function() return net:features(x) end)
  local last = a:detach():clone()
  last.requires_grad = true
  net:head(last, rest):narrow(2, 3, 3):sum():backward()
  local by_hand = (last.grad:mean({3, 4}, true) * a):sum({2}):relu()
  t.ok(by_hand:sum():item() > 0, "the map is not empty")
  local resized = lunette.ops.resize(by_hand:reshape(2, 1, 4, 6), 16, 24, {filter = "bilinear"}):reshape(2, 16, 24)
  golden.near(map, resized, 1e-5, "gradcam")
  t.equal(lunette.explain.heatmap(net, x, {feature = 1, method = "input"}):shape(), {2, 16, 24})
  t.raises(function() lunette.explain.heatmap(net, x, {feature = 1, method = "activation"}) end,
    "a vision transformer's come from its class token: use \"gradcam\"")
end)

t.finish()
