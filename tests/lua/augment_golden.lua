-- augment_golden.lua: single augmentation steps with given parameters against torchvision's and Pillow's values.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"
local ops = lunette.ops

-- A golden file and its metadata; x as a batch of one.
local function case(name)
  local file, meta = lunette.weights.load(t.root .. "/tests/golden/augment_" .. name .. ".safetensors")
  for key, value in pairs(meta) do meta[key] = math.tointeger(tonumber(value)) or tonumber(value) or value end
  local function batch(x) return x:reshape(1, table.unpack(x:shape())) end
  return file, meta, batch(file.x)
end

local function near(got, expected, what) golden.near(got, expected, 3e-6, what) end

for _, name in ipairs { "up", "down", "mixed", "whole", "one_pixel" } do
  t.case("crop_resize " .. name, function()
    local file, m, x = case("crop_" .. name)
    local box = lunette.tensor({ { m.top + 1, m.left + 1, m.height, m.width } }, { dtype = "i64" })
    local h, w = m.out_height, m.out_width
    near(ops.crop_resize(x, box, h, w), file.y, name)
    near(ops.crop_resize(x, box, h, w, { clamp = true }), file.y_clamped, name .. " clamped")
  end)
end

t.case("resize of a whole image is crop_resize of all of it", function()
  local file, m, x = case("crop_whole")
  near(ops.resize(x, m.out_height, m.out_width), file.y, "whole")
end)

local steps = { brightness = 1, contrast = 2, saturation = 3, hue = 4 }
for name, step in pairs(steps) do
  t.case("adjust_color " .. name, function()
    local file, _, x = case(name)
    local factor = file.factor:totable()
    for i, f in ipairs(factor) do
      local row = { 1, 1, 1, 0 }
      row[step] = f
      near(ops.adjust_color(x, lunette.tensor { row }, { order = { step } }), file["y." .. i], ("%s %g"):format(name, f))
    end
  end)
end

for i = 1, 3 do
  t.case("adjust_color, order " .. i, function()
    local file, m, x = case("jitter_order" .. i)
    local order = {}
    for name in m.order:gmatch "%a+" do order[#order + 1] = steps[name] end
    local row = { m.brightness, m.contrast, m.saturation, m.hue }
    near(ops.adjust_color(x, lunette.tensor { row }, { order = order }), file.y, m.order)
  end)
end

for i = 1, 6 do
  t.case("gaussian_blur " .. i, function()
    local file, m, x = case("blur" .. i)
    for _, border in ipairs { "reflect", "replicate" } do
      near(ops.gaussian_blur(x, m.sigma, { radius = m.radius, border = border }), file["y_" .. border], border)
    end
  end)
end

t.case("to_gray, hflip, solarize, normalize_images", function()
  local file, _, x = case "gray"
  near(ops.to_gray(x), file.y, "gray")
  file, _, x = case "hflip"
  near(ops.hflip(x), file.y, "hflip")
  file, _, x = case "solarize"
  near(ops.solarize(x, 0.5), file.y_050, "solarize 0.5")
  near(ops.solarize(x, 0.2), file.y_020, "solarize 0.2")
  file, _, x = case "normalize"
  local norm = ops.cat(file.mean:to("f32"):reshape(1, 3), file.std:to("f32"):reshape(1, 3), 1)
  near(ops.normalize_images(x, { norm = norm }), file.y, "normalize")
end)

t.finish()
