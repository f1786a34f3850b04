-- augment_random.lua: the fused augmentation is what its draws say, whatever the threads and the order of the batch.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"
local ops = lunette.ops

local policy = {
  scale_min = 0.2, jitter = 0.8, brightness = 0.8, contrast = 0.8, saturation = 0.8, hue = 0.2, gray = 0.3, blur = 0.5,
  solarize = 0.3,
}

local function with(more)
  local all = {}
  for k, v in pairs(policy) do all[k] = v end
  for k, v in pairs(more) do all[k] = v end
  return all
end

local images = ops.shapes(40, { seed = 5 })
local ids = lunette.arange(1, 40, { dtype = "i64" })

local function same(a, b) return lunette.ops.eq(a, b):to("f32"):mean():item() == 1 end

-- The view of one image, step by step from its row of draws.
local function by_steps(position, row, size)
  local x = images[{ { position, position }, {}, {}, {} }]
  local box = lunette.tensor({ { row[1], row[2], row[3], row[4] } }, { dtype = "i64" })
  x = ops.crop_resize(x, box, size, size, { clamp = true })
  if row[6] == 1 then
    local order = { row[7] | 0, row[8] | 0, row[9] | 0, row[10] | 0 }
    x = ops.adjust_color(x, lunette.tensor { { row[11], row[12], row[13], row[14] } }, { order = order })
  end
  if row[15] == 1 then x = ops.to_gray(x) end
  if row[16] > 0 then x = ops.gaussian_blur(x, row[16]) end
  if row[17] == 1 then x = ops.solarize(x, 0.5) end
  if row[5] == 1 then x = ops.hflip(x) end
  return x
end

t.case("the fused kernel does what augment_draws says", function()
  local draws = ops.augment_draws(ids, 32, 32, 9, 3, with { view = 2 }):totable()
  local fused = ops.augment(images, ids, with { seed = 9, epoch = 3, view = 2, size = 24 })
  local seen = { flip = 0, jitter = 0, gray = 0, blur = 0, solarize = 0 }
  for i, row in ipairs(draws) do
    golden.near(fused[{ { i, i }, {}, {}, {} }], by_steps(i, row, 24), 2e-6, "image " .. i)
    seen.flip, seen.jitter, seen.gray = seen.flip + row[5], seen.jitter + row[6], seen.gray + row[15]
    seen.blur, seen.solarize = seen.blur + (row[16] > 0 and 1 or 0), seen.solarize + row[17]
  end
  for name, count in pairs(seen) do t.ok(count > 0 and count < 40, name .. " is sometimes on") end
end)

t.case("threads change no bit", function()
  local before = lunette.threads()
  lunette.threads(1)
  local one = ops.augment(images, ids, with { seed = 1, epoch = 1 })
  for n = 2, 5 do
    lunette.threads(n)
    t.ok(same(one, ops.augment(images, ids, with { seed = 1, epoch = 1 })), n .. " threads")
  end
  lunette.threads(before)
end)

t.case("the order of the batch and its company change no bit", function()
  local all = ops.augment(images, ids, with { seed = 1, epoch = 1 })
  local some = ops.augment(images, lunette.tensor({ 17, 3, 17 }, { dtype = "i64" }), with { seed = 1, epoch = 1 })
  for k, position in ipairs { 17, 3, 17 } do
    t.ok(same(some[{ { k, k }, {}, {}, {} }], all[{ { position, position }, {}, {}, {} }]), "row " .. k)
  end
end)

t.case("seed, epoch, view and id each change the view", function()
  local function view(id, o) return ops.augment(images, lunette.tensor({ id }, { dtype = "i64" }), with(o)) end
  local base = view(3, { seed = 1, epoch = 1, view = 1 })
  t.ok(same(base, view(3, { seed = 1, epoch = 1, view = 1 })), "the same again")
  for _, o in ipairs { { seed = 2, epoch = 1, view = 1 }, { seed = 1, epoch = 2, view = 1 }, { seed = 1, epoch = 1, view = 2 } } do
    t.ok(not same(base, view(3, o)), "another draw")
  end
end)

t.case("draws follow their distributions", function()
  local n = 20000
  local draws = ops.augment_draws(lunette.arange(1, n, { dtype = "i64" }), 32, 32, 4, 1, with {})
  local mean = draws:mean(1):totable()
  local function about(column, expected, tolerance)
    t.ok(math.abs(mean[column] - expected) <= tolerance, ("column %d: %g, expected %g"):format(column, mean[column], expected))
  end
  about(5, 0.5, 0.02)
  about(6, 0.8, 0.02)
  for column = 7, 10 do about(column, 2.5, 0.05) end
  for column = 11, 13 do about(column, 1, 0.02) end
  about(14, 0, 0.01)
  about(15, 0.3, 0.02)
  about(17, 0.3, 0.02)
  local area, ratio, inside = 0, 0, true
  for _, r in ipairs(draws:totable()) do
    area, ratio = area + r[3] * r[4] / 1024, ratio + math.log(r[4] / r[3])
    inside = inside and r[1] >= 1 and r[2] >= 1 and r[1] + r[3] - 1 <= 32 and r[2] + r[4] - 1 <= 32
  end
  t.ok(inside, "boxes lie inside the image")
  t.ok(math.abs(ratio / n) < 0.01, "aspect ratios are balanced: " .. ratio / n)
  t.ok(math.abs(area / n - 0.55) < 0.008, "mean area: " .. area / n) -- torchvision 0.14: 0.5497; large boxes often do not fit
end)

t.case("where no box fits, the largest central one is taken", function()
  local ids1 = lunette.arange(1, 50, { dtype = "i64" })
  local o = { scale_min = 1, scale_max = 1, ratio_min = 2, ratio_max = 2 }
  for _, r in ipairs(ops.augment_draws(ids1, 20, 20, 1, 1, o):totable()) do
    t.equal({ r[1], r[2], r[3], r[4] }, { 6.0, 1.0, 10.0, 20.0 })
  end
end)

t.case("normalisation and bf16 are applied last", function()
  local norm = lunette.tensor { { 0.5, 0.4, 0.3 }, { 0.2, 0.25, 0.5 } }
  local plain = ops.augment(images, ids, with { seed = 1, epoch = 1 })
  local normed = ops.augment(images, ids, with { seed = 1, epoch = 1, norm = norm })
  golden.near(normed, ops.normalize_images(plain, { norm = norm }), 1e-6, "norm")
  local half = ops.augment(images, ids, with { seed = 1, epoch = 1, norm = norm, dtype = "bf16" })
  t.equal(half:dtype(), "bf16")
  t.ok(same(half, normed:to("bf16")), "bf16 is the rounded f32")
end)

t.case("presets, options and their mistakes", function()
  local a = lunette.augment { views = { "symmetric", { preset = "asymmetric", blur = 0.3 } } }
  t.equal(a.views[1].blur, 0.5)
  t.equal({ a.views[2].blur, a.views[2].solarize, a.views[2].jitter[4] }, { 0.3, 0.2, 0.1 })
  t.equal(lunette.augment({ crop = { 0.5, 1 } }).views[1].gray, 0)
  local y = lunette.augment("none"):apply(images, ids)
  golden.near(y, ops.normalize_images(images), 1e-6, "none shows the image")
  t.raises(function() lunette.augment { sollarize = 1 } end, "did you mean 'solarize'")
  t.raises(function() lunette.augment { views = { { bluur = 1 } } } end, "did you mean 'blur'")
  t.raises(function() lunette.augment "symetric" end, "did you mean 'symmetric'")
  t.raises(function() lunette.augment { jitter = 0.4 } end, "jitter must be a list of 4 numbers")
end)

t.case("bad arguments are named", function()
  t.raises(function() ops.augment(images, lunette.tensor({ 41 }, { dtype = "i64" }), { seed = 1, epoch = 1 }) end,
    "augment: ids[1] is 41; positions run from 1 to 40")
  t.raises(function() ops.augment(images, lunette.tensor({ 0 }, { dtype = "i64" }), { seed = 1, epoch = 1 }) end, "ids[1] is 0")
  t.raises(function() ops.augment(images, ids, { seed = 1, epoch = 1, flip = 1.5 }) end, "flip must lie in [0, 1], got 1.5")
  t.raises(function() ops.augment(images, ids, { seed = 1, epoch = 1, scale_min = 0.9, scale_max = 0.5 }) end, "must not exceed")
  t.raises(function() ops.augment(images:narrow(2, 1, 1), ids, { seed = 1, epoch = 1 }) end, "colour images")
  t.raises(function()
    ops.crop_resize(images, lunette.full({ 40, 4 }, 32, { dtype = "i64" }), 4, 4)
  end, "leaves the image")
end)

t.finish()
