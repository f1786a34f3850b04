--- Heatmaps of features. The encoder is a module with features(x) -> h (n,r), a (n,c,h',w'): the representation and the
--- last activation it is pooled from; head(a) -> h where that is not the mean over pixels. Where h depends on more than
--- a, as on a vision transformer's class token, features returns that too, and head(a, rest) -> h.
local lunette = require "lunette"
local options_of = require "lunette.options"

local allowed = {
  feature = true, features = true, per_image = true, method = true, norm = true, unit = true, steps = true, samples = true,
  noise = true, baseline = true, seed = true,
}
local methods = {}

-- ---- gradients that leave no trace in the encoder ----

-- Parameters stop asking for gradients while f runs, so that none is added to them and no time is spent on it.
local function frozen(encoder, f, ...)
  local asked, was_training = {}, encoder.training
  for _, p in ipairs(encoder:parameters()) do
    if p.requires_grad then asked[#asked + 1] = p end
    p.requires_grad = false
  end
  if was_training then encoder:eval() end
  local results = table.pack(pcall(f, ...))
  for _, p in ipairs(asked) do p.requires_grad = true end
  if was_training then encoder:train() end
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

-- (n,r) with a 1 at each row's feature: the gradient to start from, because samples do not depend on each other.
local function one_hot(h, units)
  local n, r = table.unpack(h:shape())
  local f64 = { dtype = "f64", device = h:device() }
  local wanted = lunette.tensor(units, f64):reshape(n, 1)
  return lunette.ops.eq(lunette.arange(1, r, f64):reshape(1, r), wanted):to(h:dtype())
end

local function leaf(x)
  local y = x:detach():clone()
  y.requires_grad = true
  return y
end

local function head_of(encoder, rest)
  return encoder.head and function(a) return encoder:head(a, rest) end or lunette.ops.global_avg_pool
end

-- Gradient of each sample's feature with respect to the input.
local function input_gradient(encoder, x, units)
  local input = leaf(x)
  local h = encoder:features(input)
  h:backward(one_hot(h, units))
  return input.grad
end

-- ---- the methods on the last activation: (encoder, x, list of units lists, options) -> list of maps (n,h',w') ----

function methods.gradcam(encoder, x, runs)
  local _, a, rest = lunette.no_grad(function() return encoder:features(x) end)
  local head, maps = head_of(encoder, rest), {}
  for i, units in ipairs(runs) do
    maps[i] = lunette.scope(function()
      local last = leaf(a:to("f32"))
      local h = head(last)
      h:backward(one_hot(h, units))
      return lunette.ops.gradcam(last:detach(), last.grad)
    end)
  end
  return maps
end

function methods.activation(encoder, x, runs)
  local _, a, rest = lunette.no_grad(function() return encoder:features(x) end)
  if rest then
    error("heatmap: \"activation\" needs features that are pooled from a map; a vision transformer's come from its class token: "
      .. "use \"gradcam\", \"input\", \"integrated\" or \"smooth\"", 0)
  end
  local n, c, h, w = table.unpack(a:shape())
  local maps = {}
  for i, units in ipairs(runs) do
    maps[i] = lunette.zeros(n, h, w, { device = a:device() })
    for k, unit in ipairs(units) do
      if unit > c then
        error(("heatmap: \"activation\" needs a channel per feature: the last activation has %d, feature is %d"):format(c, unit), 0)
      end
      maps[i]:narrow(1, k, k):copy(a:narrow(1, k, k):narrow(2, unit, unit):reshape(1, h, w):detach())
    end
  end
  return maps
end

-- ---- the methods through the whole network: (encoder, x, units, options, baseline) -> maps (n,h,w) ----

local through = {}

function through.input(encoder, x, units) return lunette.ops.channel_magnitude(input_gradient(encoder, x, units)) end

-- Integrated gradients (Sundararajan et al. 2017): the gradient's mean along the line from the baseline, times the
-- difference; magnitude of the sum over channels.
function through.integrated(encoder, x, units, o, from)
  local sum, steps = nil, o.steps or 16
  for k = 1, steps do
    sum = lunette.scope(function()
      local g = input_gradient(encoder, from + (x - from) * ((k - 0.5) / steps), units)
      return sum and sum + g or g
    end)
  end
  return (sum * (1 / steps) * (x - from)):sum({ 2 }):abs()
end

-- SmoothGrad (Smilkov et al. 2017): the input gradient's mean over noisy copies. The noise is a share of the image's
-- range; all images get the same draws, so that a map does not depend on what else is in the batch.
function through.smooth(encoder, x, units, o)
  local n, c, h, w = table.unpack(x:shape())
  local flat, sum, samples = x:reshape(n, -1), nil, o.samples or 16
  local sigma = ((flat:max(2)) + ((-flat):max(2))):reshape(n, 1, 1, 1) * (o.noise or 0.15)
  for k = 1, samples do
    sum = lunette.scope(function()
      local noise = lunette.randn(1, c, h, w, { seed = o.seed or 0, stream = "smooth/" .. k, device = x:device() })
      local g = input_gradient(encoder, x + noise * sigma, units)
      return sum and sum + g or g
    end)
  end
  return lunette.ops.channel_magnitude(sum * (1 / samples))
end

-- A pass goes through BATCH pairs of image and feature at a time.
local BATCH = 64

for name, method in pairs(through) do
  methods[name] = function(encoder, x, runs, o)
    local n, _, h, w = table.unpack(x:shape())
    local total, baseline = n * #runs, o.baseline and o.baseline:to(x:device()) or x * 0
    local all = lunette.zeros(total, h, w, { device = x:device() })
    for first = 1, total, BATCH do
      lunette.scope(function()
        local last, images, units = math.min(total, first + BATCH - 1), {}, {}
        for k = first, last do
          local run, i = (k - 1) // n + 1, (k - 1) % n + 1
          images[#images + 1], units[#units + 1] = i, runs[run][i]
        end
        local index = lunette.tensor(images, { dtype = "i64", device = x:device() })
        local part, from = lunette.ops.index_select(x, 1, index), lunette.ops.index_select(baseline, 1, index)
        all:narrow(1, first, last):copy(method(encoder, part, units, o, from))
      end)
    end
    local maps = {}
    for run = 1, #runs do maps[run] = all:narrow(1, (run - 1) * n + 1, run * n) end
    return maps
  end
end

-- ---- sizes, ranges, arguments ----

-- (n,h',w') -> (n,h,w)
local function enlarged(map, height, width)
  local n, h, w = table.unpack(map:shape())
  if h == height and w == width then return map end
  return lunette.ops.resize(map:to("f32"):reshape(n, 1, h, w), height, width, { filter = "bilinear" }):reshape(n, height, width)
end

local function network_input(images, o, device)
  if not lunette.is_tensor(images) then error("heatmap: images must be a tensor (3,h,w) or (n,3,h,w)", 0) end
  local x = images:detach():to(device or images:device())
  local single = x:ndim() == 3
  if single then
    local s = x:shape()
    x = x:reshape(1, s[1], s[2], s[3])
  end
  if x:ndim() ~= 4 then
    error(("heatmap: images must be (3,h,w) or (n,3,h,w), got (%s)"):format(table.concat(images:shape(), ",")), 0)
  end
  if x:dtype() == "u8" or o.norm then x = lunette.ops.normalize_images(x, { norm = o.norm and o.norm:to(x:device()) }) end
  return x:to("f32"), single
end

-- The features asked for as lists of one unit per image, and whether the answer has an axis of features.
local function runs_of(o, n)
  local given = (o.feature and 1 or 0) + (o.features and 1 or 0) + (o.per_image and 1 or 0)
  if given ~= 1 then error("heatmap: give one of feature = j, features = {j, ...}, per_image = {one j or {j, ...} per image}", 0) end
  local function constant(j)
    local list = {}
    for i = 1, n do list[i] = j end
    return list
  end
  local function plain(list) return lunette.is_tensor(list) and list:totable() or list end
  if o.feature then return { constant(o.feature) }, false end
  local runs = {}
  if o.features then
    for i, j in ipairs(plain(o.features)) do runs[i] = constant(j) end
    if #runs == 0 then error("heatmap: features is empty", 0) end
    return runs, true
  end
  local list = plain(o.per_image)
  if #list ~= n then error(("heatmap: per_image must hold one entry per image, got %d for %d"):format(#list, n), 0) end
  if type(list[1]) ~= "table" then return { list }, false end
  for i, units in ipairs(list) do
    if #units ~= #list[1] or #units == 0 then
      error(("heatmap: per_image must name equally many features for every image, got %d for image %d"):format(#units, i), 0)
    end
    for k, j in ipairs(units) do
      runs[k] = runs[k] or {}
      runs[k][i] = j
    end
  end
  return runs, true
end

local function check_units(runs, r)
  for _, units in ipairs(runs) do
    for _, j in ipairs(units) do
      if math.type(j) ~= "integer" or j < 1 or (r and j > r) then
        error(("heatmap: feature must be a position in 1..%s, got %s%s"):format(r or "r", tostring(j),
          j == 0 and " (positions count from 1)" or ""), 0)
      end
    end
  end
end

--- heatmap(encoder, images, {feature = j | features = {j, ...} | per_image = {one j, or {j, ...}, per image},
---   method = "gradcam", ...})
--- images: (3,h,w) or (n,3,h,w); network input, or u8 with norm = (2,3) mean and deviation as the encoder was trained.
--- method: "gradcam" (on the last activation), "activation" (its channel), "input" (largest magnitude of the input
---   gradient over channels), "integrated" (steps = 16, baseline = 0), "smooth" (samples = 16, noise = 0.15, seed)
--- unit = true stretches each map to 0..1.
--- -> maps (n,h,w) f32 of the images' size and on their device, (n,k,h,w) with several features; without the first axis
--- for one image (3,h,w).
local function heatmap(encoder, images, given)
  local o = given or {}
  options_of.check("heatmap", o, allowed)
  local method = methods[o.method or "gradcam"]
  if not method then
    local near = options_of.suggest(tostring(o.method), methods)
    error(("heatmap: unknown method '%s'%s; one of gradcam, activation, input, integrated, smooth"):format(tostring(o.method),
      near and (" (did you mean '" .. near .. "'?)") or ""), 2)
  end
  return lunette.scope(function()
    local x, single = network_input(images, o, encoder.device and encoder:device())
    local n, _, height, width = table.unpack(x:shape())
    local runs, several = runs_of(o, n)
    check_units(runs, encoder.features_out)
    local maps = frozen(encoder, method, encoder, x, runs, o)
    local unit_range = require("lunette.explain.masks").unit_range
    for i, map in ipairs(maps) do
      maps[i] = enlarged(map, height, width):to(images:device())
      if o.unit then maps[i] = unit_range(maps[i]) end
    end
    if not several then return single and maps[1]:reshape(height, width) or maps[1] end
    local all = lunette.zeros(n, #maps, height, width, { device = images:device() })
    for i, map in ipairs(maps) do all:narrow(2, i, i):copy(map:reshape(n, 1, height, width)) end
    return single and all:reshape(#maps, height, width) or all
  end)
end

return heatmap
