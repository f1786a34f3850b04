--- Pictures: PNG and JPEG files as u8 tensors (c,h,w), and back; overlay and montage are those of lunette.explain.

local io = require "lunette.io"
local lunette = require "lunette"
local options = require "lunette.options"
local picture = require "lunette.explain.picture"

local image = { overlay = picture.overlay, montage = picture.montage }

local read_options = { channels = true, batch = true }

--- read(path [, {channels = 1|3, batch = false}]) -> u8 tensor (c,h,w), or (1,c,h,w) channels-last with batch = true.
--- PNG or JPEG by content. Alpha is dropped, 16-bit samples are cut to 8, a JPEG's EXIF orientation is applied.
--- channels = 3 repeats gray; without it the picture keeps its own.
function image.read(path, o)
  o = o or {}
  options.check("image.read", o, read_options)
  local bytes <close> = io.read(path)
  local pixels = io.image_decode(path, bytes, o.channels)
  if o.batch then return pixels end
  local s = pixels:shape()
  local flat = pixels:reshape(s[2], s[3], s[4])
  pixels:free()
  return flat
end

-- (h,w), (c,h,w) or (1,c,h,w); u8, or floating in [0, 1] -> u8 (1,c,h,w)
local function as_bytes(who, t)
  if not lunette.is_tensor(t) then error(who .. ": expected a tensor, got a " .. type(t), 3) end
  local s = t:shape()
  local x = t:detach():to("cpu")
  if #s == 2 then x = x:reshape(1, 1, s[1], s[2]) end
  if #s == 3 then x = x:reshape(1, s[1], s[2], s[3]) end
  s = x:shape()
  if #s ~= 4 or s[1] ~= 1 or (s[2] ~= 1 and s[2] ~= 3) then
    error(("%s: expected one picture (h,w), (1|3,h,w) or (1,1|3,h,w), got (%s)"):format(who, table.concat(t:shape(), ",")), 3)
  end
  if x:dtype() ~= "u8" then
    local unit = x:to("f32")
    x = lunette.ops.minimum(lunette.ops.maximum(unit * 255 + 0.5, 0), 255.5):to("u8")
  end
  return x:channels_last()
end

--- write(path, t [, text]): a PNG of a picture (h,w), (1|3,h,w) or (1,1|3,h,w): u8, bool, or floating in [0, 1], where
--- values outside are clamped. text: table of keywords and values, kept in the file. Atomic.
function image.write(path, t, text)
  local pairs_of = {}
  for key, value in pairs(text or {}) do
    if type(key) ~= "string" or type(value) ~= "string" then error("image.write: text maps strings to strings", 2) end
    pairs_of[#pairs_of + 1] = key
  end
  table.sort(pairs_of)
  local list = {}
  for _, key in ipairs(pairs_of) do
    list[#list + 1] = key
    list[#list + 1] = text[key]
  end
  lunette.scope(function() io.write(path, { io.png_encode(as_bytes("image.write", t), list) }) end)
end

--- encode(t) -> the bytes of a PNG as a string.
function image.encode(t)
  return lunette.scope(function() return io.text(io.png_encode(as_bytes("image.encode", t)), 1) end)
end

local resize_options = { filter = true, clamp = true }

--- resize(t, height, width [, {filter = "bicubic"|"bilinear", clamp = false}]) -> f32, antialiased; u8 becomes x/255.
--- t is (c,h,w) or (n,c,h,w).
function image.resize(t, height, width, o)
  o = o or {}
  options.check("image.resize", o, resize_options)
  local s = t:shape()
  if #s ~= 3 then return lunette.ops.resize(t, height, width, o) end
  return lunette.scope(function()
    return lunette.ops.resize(t:reshape(1, s[1], s[2], s[3]), height, width, o):reshape(s[1], height, width)
  end)
end

return image
