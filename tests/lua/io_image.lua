-- io_image.lua: PNG and JPEG in, PNG out.
local lunette = require "lunette"
local t = require "tap"

local dir = t.folder()
local function path(name) return dir .. "/" .. name end
local shared = (os.getenv("LUNETTE_DATA") or (t.root .. "/../shared/data"))

local function colours(h, w) return (lunette.rand(3, h, w) * 256):to("u8") end

t.case("PNG round trip, colour and gray", function()
  for _, x in ipairs { colours(5, 7), colours(1, 1), (lunette.rand(1, 6, 3) * 256):to("u8") } do
    lunette.image.write(path "a.png", x)
    local y = lunette.image.read(path "a.png")
    t.equal(y:shape(), x:shape())
    t.equal(y:totable(), x:totable())
  end
  t.equal(lunette.image.read(path "a.png", { channels = 3 }):shape(), { 3, 6, 3 })
end)

t.case("floats in [0, 1], masks and matrices are written as bytes", function()
  lunette.image.write(path "a.png", lunette.tensor { { 0, 0.5, 1 }, { -1, 2, 0.2 } })
  t.equal(lunette.image.read(path "a.png"):totable(), { { { 0, 128, 255 }, { 0, 255, 51 } } })
  lunette.image.write(path "a.png", lunette.ops.lt(lunette.tensor { { 1, 3 } }, lunette.tensor { { 2, 2 } }))
  t.equal(lunette.image.read(path "a.png"):totable(), { { { 255, 0 } } })
end)

t.case("text is kept in the file, and equal pictures give equal bytes", function()
  local x = colours(4, 4)
  lunette.image.write(path "1.png", x, { Title = "maps", Software = "lunette" })
  lunette.image.write(path "2.png", x, { Software = "lunette", Title = "maps" })
  t.contains(t.read(path "1.png"), "Title\0maps")
  t.ok(t.read(path "1.png") == t.read(path "2.png"))
  t.equal(lunette.image.encode(x):sub(1, 8), "\x89PNG\r\n\x1a\n")
end)

t.case("pictures that are none", function()
  local x = colours(20, 20)
  lunette.image.write(path "a.png", x)
  local whole = t.read(path "a.png")
  local function refused(bytes, expected, o)
    t.write(path "bad", bytes)
    t.raises(function() lunette.image.read(path "bad", o) end, expected)
  end
  refused("", "expected a PNG or a JPEG, got 0 bytes")
  refused("GIF89a....", "expected a PNG or a JPEG")
  refused(whole:sub(1, #whole - 30), "not a readable PNG")
  refused(whole:sub(1, 40) .. "x" .. whole:sub(42), "not a readable PNG")
  refused("\xff\xd8\xff\xe0 no jpeg", "not a readable JPEG")
  refused(whole, "expected a gray image, got a colour one", { channels = 1 })
  t.raises(function() lunette.image.write(path "a.png", lunette.ones(2, 4, 4)) end, "expected one picture")
  t.raises(function() lunette.image.write(path "none/a.png", x) end, "cannot create")
  t.raises(function() lunette.image.read(path "a.png", { chanels = 1 }) end, "did you mean 'channels'")
end)

t.case("resize", function()
  local x = lunette.full({ 3, 5, 5 }, 51, { dtype = "u8" })
  local y = lunette.image.resize(x, 8, 3)
  t.equal(y:shape(), { 3, 8, 3 })
  t.ok((y - 0.2):abs():max(1):max(1):max(1):item() < 1e-6)
end)

local function real(name, file, fn)
  t.case(name, function()
    local f = io.open(shared .. "/" .. file, "rb")
    if not f then
      print("# SKIPPED, no file " .. shared .. "/" .. file)
      return
    end
    f:close()
    fn(shared .. "/" .. file)
  end)
end

real("a JPEG with EXIF orientation 6 stands upright",
  "imagenet-native/val/n02951585/n02951585_can_opener.JPEG", function(file)
    local s = lunette.image.read(file):shape()
    local raw = t.read(file)
    local at = raw:find("\xff\xc0", 1, true)
    local h, w = string.unpack(">I2I2", raw, at + 5)
    t.equal(s, { 3, w, h })
  end)

real("a PNG that is named JPEG", "imagenet-pitfalls/train/n02105855/n02105855_2933.JPEG", function(file)
  t.equal(lunette.image.read(file):shape(), { 3, 189, 213 })
end)

real("a gray JPEG has three channels", "imagenet-pitfalls/train/n15075141/n15075141_13104.JPEG", function(file)
  local x = lunette.image.read(file)
  t.equal(x:shape()[1], 3)
  t.equal(x[1]:totable(), x[3]:totable())
  t.write(path "cut.jpg", t.read(file):sub(1, 3000))
  t.raises(function() lunette.image.read(path "cut.jpg") end, "not a readable JPEG of 3000 bytes")
end)

t.finish()
