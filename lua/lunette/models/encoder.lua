-- models/encoder.lua: what the encoders share: checks of their options, layers in a row, the mean over pixels.
local lunette = require "lunette"
local options_of = require "lunette.options"

local encoder = {}

-- Errors name the line that called the model's function, the third level from here.
local CALLER = 3

function encoder.choice(who, name, value, choices)
  if value == nil then return end
  for _, c in ipairs(choices) do
    if value == c then return end
  end
  error(("%s: %s must be \"%s\", got %q"):format(who, name, table.concat(choices, "\" or \""), tostring(value)), CALLER)
end

function encoder.size(who, name, value)
  if value ~= nil and (math.type(value) ~= "integer" or value < 1) then
    error(("%s: %s must be a whole number of at least 1, got %s"):format(who, name, tostring(value)), CALLER)
  end
end

-- The options given, checked; those true in `own` are allowed beside precision, seed and device.
function encoder.options(who, given, own)
  given = given or {}
  local allowed = {precision = true, seed = true, device = true}
  for k, v in pairs(own) do allowed[k] = v or nil end
  options_of.check(who, given, allowed, 2)
  if given.precision ~= nil and given.precision ~= "f32" and given.precision ~= "bf16" then
    error(("%s: precision must be \"f32\" or \"bf16\", got %q"):format(who, tostring(given.precision)), CALLER)
  end
  return given
end

-- Parameters drawn from the seed, then moved: the same numbers on every device.
function encoder.ready(model, given)
  model:initialize(given.seed or 0, "encoder.")
  return given.device and model:to(given.device) or model
end

-- a through the layers; what lies between is freed as soon as it was read, unless the tape needs it. Tensors that are
-- `given` are left alone.
function encoder.chain(a, layers, given)
  for i = 1, #layers do
    local y = layers[i](a)
    if a ~= given and y ~= a then a:free() end
    a = y
  end
  return a
end

-- The mean over pixels of a feature map (n,c,h,w), as f32.
function encoder.pooled(a)
  local pooled = lunette.ops.global_avg_pool(a)
  local h = pooled:to("f32") -- the same tensor where it is f32 already
  if h ~= pooled then pooled:free() end
  return h
end

-- A model's forward: the representation alone.
function encoder.forward(model, x)
  local h, a = model:features(x)
  a:free()
  return h
end

return encoder
