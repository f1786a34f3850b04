--- Random views of images: presets and options for the op `augment`.
---
---   local policy = lunette.augment{ preset = "symmetric", norm = dataset.norm }
---   local view = policy:apply(images, ids, { seed = 1, epoch = 1, view = 2 })
---
--- A view's options (probabilities are numbers in [0, 1]):
---   crop = {0.08, 1}     area kept by the random resized crop; ratio = {3/4, 4/3} its aspect ratio
---   flip = 0.5           horizontal flip
---   jitter = {b,c,s,h}   strengths of brightness, contrast, saturation, hue; jitter_p = 0.8
---   gray, blur, solarize = 0; blur_sigma = {0.1, 2} in pixels; threshold = 0.5 of solarize
---   size                 of this view in pixels; without it, that of all views
--- What a table without preset does not name is off, apart from crop and flip.

local lunette = require "lunette"
local options = require "lunette.options"

local augment = {}

local defaults = {
  crop = { 0.08, 1 }, ratio = { 3 / 4, 4 / 3 }, flip = 0.5, jitter = { 0, 0, 0, 0 }, jitter_p = 0.8, gray = 0, blur = 0,
  blur_sigma = { 0.1, 2 }, solarize = 0, threshold = 0.5,
}

--- Lists of views by name: see lunette/augment/presets.lua.
augment.presets = require "lunette.augment.presets"

local view_keys = { preset = true, size = true }
for key in pairs(defaults) do view_keys[key] = true end

local function preset_of(name)
  local found = augment.presets[name]
  if not found then
    local near = options.suggest(tostring(name), augment.presets)
    error(("augment: unknown preset '%s'%s"):format(tostring(name), near and (" (did you mean '" .. near .. "'?)") or ""), 0)
  end
  return found
end

local function check_value(key, value)
  local default = defaults[key]
  if key == "size" and value ~= nil and (math.type(value) ~= "integer" or value < 1) then
    error("augment: size must be a whole number of pixels, got " .. tostring(value), 0)
  elseif key == "size" then
    return
  end
  if type(default) == "table" then
    local good = type(value) == "table" and #value == #default
    for _, x in ipairs(good and value or {}) do good = good and type(x) == "number" end
    if not good then error(("augment: %s must be a list of %d numbers"):format(key, #default), 0) end
  elseif type(value) ~= "number" then
    error(("augment: %s must be a number, got a %s"):format(key, type(value)), 0)
  end
end

-- The k-th view from a table of options: explicit values over those of the preset over the defaults.
local function view_of(given, k)
  options.check("augment", given, view_keys, 3)
  local list = given.preset and preset_of(given.preset)
  local base = list and list[math.min(k, #list)] or defaults
  local view = {}
  for key in pairs(view_keys) do
    local value = given[key]
    if value == nil then value = base[key] end
    if value == nil then value = defaults[key] end
    if key ~= "preset" then check_value(key, value) end
    view[key] = value
  end
  return view
end

-- As the op's arguments.
local function arguments_of(v)
  return {
    scale_min = v.crop[1], scale_max = v.crop[2], ratio_min = v.ratio[1], ratio_max = v.ratio[2], flip = v.flip,
    jitter = v.jitter_p, brightness = v.jitter[1], contrast = v.jitter[2], saturation = v.jitter[3], hue = v.jitter[4],
    gray = v.gray, blur = v.blur, sigma_min = v.blur_sigma[1], sigma_max = v.blur_sigma[2], solarize = v.solarize,
    threshold = v.threshold,
  }
end

--- A (2,c) f32 tensor of means and standard deviations, from that or from {mean = {...}, std = {...}}.
function augment.norm(norm)
  if norm == nil or lunette.is_tensor(norm) then return norm end
  if type(norm) ~= "table" or type(norm.mean) ~= "table" or type(norm.std) ~= "table" then
    error("augment: norm must be a tensor (2,3) or {mean = {r, g, b}, std = {r, g, b}}", 2)
  end
  return lunette.keep(lunette.tensor { norm.mean, norm.std })
end

local policy = {}
policy.__index = policy

--- arguments(view, {seed=, epoch=, size=, dtype=}): what the op `augment` takes besides images and ids.
function policy:arguments(view, o)
  local of = self.views[math.min(view, #self.views)]
  local result = arguments_of(of)
  result.norm, result.view, result.seed, result.epoch = self.norm, view, o.seed, o.epoch
  result.size, result.dtype = of.size or o.size or self.size, o.dtype or self.dtype
  return result
end

local apply_options = { seed = true, epoch = true, view = true, size = true, dtype = true }

--- apply(images, ids, {seed = 1, epoch = 1, view = 1, size =, dtype =}) -> (n,3,size,size)
--- images (N,3,h,w) u8 or f32 in [0, 1]; ids (n) i64, positions into images. The same numbers give the same bits.
function policy:apply(images, ids, o)
  o = o or {}
  options.check("augment:apply", o, apply_options)
  local arguments = self:arguments(o.view or 1, { seed = o.seed or 1, epoch = o.epoch or 1, size = o.size, dtype = o.dtype })
  return lunette.ops.augment(images, ids, arguments)
end

-- A policy's own keys: `size` is that of every view.
local own_keys = { views = true, norm = true, size = true, dtype = true }

--- lunette.augment{...}: one view's options for all views, or views = a preset's name or a list with one table or preset's
--- name per view; norm = (2,3) tensor or {mean =, std =}; size of the views that have none of their own (the images' by
--- default); dtype "f32" or "bf16". There are as many views as the list or the preset has, else two.
local function new(_, given)
  given = given or {}
  if type(given) == "string" then given = { views = given } end
  if type(given) ~= "table" then error("augment: expected a table of options, got a " .. type(given), 2) end
  local rest, allowed = {}, setmetatable({}, { __index = view_keys })
  for key in pairs(view_keys) do allowed[key] = true end
  for key in pairs(own_keys) do allowed[key] = true end
  options.check("augment", given, allowed)
  for key, value in pairs(given) do
    if not own_keys[key] then rest[key] = value end
  end
  if given.views and next(rest) then error("augment: '" .. next(rest) .. "' belongs into the tables of `views`", 2) end
  local list = given.views or rest
  if type(list) == "string" or #list == 0 and list ~= given.views then -- as many views as the preset has, or two
    local name = type(list) == "string" and list or list.preset
    local one = list
    list = {}
    for k = 1, name and #preset_of(name) or 2 do list[k] = one end
  end
  if #list == 0 then error("augment: views must be a preset's name or a list with one entry per view", 2) end
  local self = { views = {}, norm = augment.norm(given.norm), size = given.size, dtype = given.dtype }
  for k, one in ipairs(list) do self.views[k] = view_of(type(one) == "string" and { preset = one } or one, k) end
  return setmetatable(self, policy)
end

return setmetatable(augment, { __call = new })
