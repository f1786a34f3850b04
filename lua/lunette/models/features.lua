-- models/features.lua: representations of many images by an encoder, batch after batch.
local lunette = require "lunette"
local first_nan = require "lunette.first_nan"

-- The first op that makes a NaN of these images, as a text.
local function explain(encoder, images, norm)
  return first_nan(function()
    lunette.no_grad(function() encoder(lunette.ops.normalize_images(images, {norm = norm})) end)
  end) or "its weights are too large"
end

-- Representations (n, r) f32 of all images of a set, no gradient, on the encoder's device.
-- options: batch = 256, norm (2,3), each(a, first, last).
local function features(encoder, images, options)
  local n, batch = images:shape()[1], options.batch or 256
  local out
  local device = type(encoder) == "table" and encoder.device and encoder:device() or images:device()
  local norm = options.norm and options.norm:to(device)
  lunette.no_grad(function()
    for first = 1, n, batch do
      local last = math.min(first + batch - 1, n)
      lunette.scope(function()
        local x = lunette.ops.normalize_images(images:narrow(1, first, last):to(device), {norm = norm})
        local h = encoder(x)
        out = out or lunette.keep(lunette.zeros(n, h:shape()[2], {device = device})) -- outlives this scope; the caller's afterwards
        out[{{first, last}, {}}] = h
        local sum = h:sum():item()
        if sum - sum ~= 0 then
          local why = explain(encoder, images:narrow(1, first, last):to(device), norm)
          error({code = "nan", message = ("the representations of images %d to %d hold NaN or infinity, the encoder has diverged: %s")
            :format(first, last, why)}, 0)
        end
      end)
    end
  end)
  return out
end

return features
