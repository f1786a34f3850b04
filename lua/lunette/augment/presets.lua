--- Named sets of views: one table per view, with what differs from the defaults of lunette/augment.lua. Scripts and
--- recipes share them. Sources: solo-learn's recipes (SimCLR, MoCo v2+, BYOL, VICReg, SwAV) for images of 32 x 32, with
--- `_imagenet` for ImageNet-100; there, asymmetric views differ in blur as well. Multi-crop views after SwAV (Caron et al.
--- 2020): two full-size views and six smaller ones, of 18 pixels for images of 32, of 96 for images of 224.

local function view(crop, jitter, more)
  local v = { crop = crop, flip = 0.5, jitter = jitter, jitter_p = 0.8, gray = 0.2, blur = 0, solarize = 0 }
  for key, value in pairs(more or {}) do v[key] = value end
  return v
end

local full, large = { 0.08, 1 }, { 0.2, 1 }
local strong, weak, moderate = { 0.8, 0.8, 0.8, 0.2 }, { 0.4, 0.4, 0.4, 0.1 }, { 0.4, 0.4, 0.2, 0.1 }

-- Two full-size views and `n` small ones.
local function multicrop(first, second, small, n)
  local list = { first, second }
  for _ = 1, n do list[#list + 1] = small end
  return list
end

local large_crop = view({ 0.14, 1 }, strong, { blur = 0.5, size = 224 })
local colour = { 0.6, 0.6, 0.6, 0.2 }

return {
  symmetric = { view(full, strong, { blur = 0.5 }), view(full, strong, { blur = 0.5 }) },
  weak = { view(full, weak, { blur = 0.5 }), view(full, weak, { blur = 0.5 }) },
  asymmetric = { view(full, moderate), view(full, moderate, { solarize = 0.2 }) },
  asymmetric_imagenet = { view(full, moderate, { blur = 1 }), view(full, moderate, { blur = 0.1, solarize = 0.2 }) },
  vicreg = { view(large, moderate, { solarize = 0.1 }), view(large, moderate, { solarize = 0.1 }) },
  vicreg_imagenet = { view(large, moderate, { blur = 0.5, solarize = 0.1 }), view(large, moderate, { blur = 0.5, solarize = 0.1 }) },
  multicrop = multicrop(view(large, colour), view(large, colour, { solarize = 0.2 }),
    view({ 0.08, 0.5 }, strong, { blur = 0.1, solarize = 0.1, size = 18 }), 6),
  multicrop_imagenet = multicrop(large_crop, large_crop, view({ 0.05, 0.14 }, strong, { blur = 0.5, size = 96 }), 6),
  -- The image as it is, its central square if it is not square.
  none = { { crop = { 1, 1 }, ratio = { 1, 1 }, flip = 0, jitter_p = 0 }, { crop = { 1, 1 }, ratio = { 1, 1 }, flip = 0, jitter_p = 0 } },
}
