--- Heatmaps as pictures: laid over images, and sheets of pictures with captions. Pictures are u8 RGB.
local lunette = require "lunette"
local options_of = require "lunette.options"

local picture = {}

local LETTER, LINE = 6, 9 -- pixels of a character and of a line of text

--- overlay(images, maps [, {alpha = 0.5}]) -> u8 pictures (n,3,h,w), (3,h,w) for one image. images: u8, or floating in
--- 0..1. maps: (n,h,w) or (h,w), values clipped to 0..1, from dark blue over red to pale yellow.
function picture.overlay(images, maps, given)
  local o = given or {}
  options_of.check("overlay", o, { alpha = true })
  return lunette.scope(function()
    local x, m = images:detach(), maps:detach():to("f32")
    local single = x:ndim() == 3
    if single then
      local s, k = x:shape(), m:shape()
      x, m = x:reshape(1, s[1], s[2], s[3]), m:reshape(1, k[#k - 1], k[#k])
    end
    if x:dtype() ~= "u8" then x = x:to("f32") end
    local y = lunette.ops.overlay(x, m, { alpha = o.alpha or 0.5 })
    if not single then return y end
    local s = y:shape()
    return y:reshape(s[2], s[3], s[4])
  end)
end

-- As many characters of a caption as fit over a picture.
local function fitted(text, width, scale)
  return tostring(text):sub(1, math.max(1, (width + 1) // (LETTER * scale)))
end

--- montage(pictures, {columns =, pad = 2, captions = {...}, scale = 1}) -> one u8 picture (3,H,W) of u8 pictures
--- (n,3,h,w) in rows, on white, each under its caption where there are captions. scale: size of the letters.
function picture.montage(pictures, given)
  local o = given or {}
  options_of.check("montage", o, { columns = true, pad = true, captions = true, scale = true })
  return lunette.scope(function()
    local n, _, h, w = table.unpack(pictures:shape())
    if n == 0 then error("montage: there are no pictures", 0) end
    local columns, pad, scale = o.columns or math.ceil(math.sqrt(n)), o.pad or 2, o.scale or 1
    local top = o.captions and LINE * scale or 0
    local sheet = lunette.ops.montage(pictures, { columns = columns, pad = pad, top = top })
    for i, text in ipairs(o.captions or {}) do
      if i > n then break end
      local row, column = (i - 1) // columns, (i - 1) % columns
      lunette.ops.draw_text(sheet, fitted(text, w, scale),
        { left = pad + column * (w + pad) + 1, top = pad + row * (h + pad + top) + 1, scale = scale })
    end
    local s = sheet:shape()
    return sheet:reshape(3, s[3], s[4])
  end)
end

return picture
