-- data_sets.lua: CIFAR in its binary form, the embedded shapes, folders of pictures; and data that is broken.
local lunette = require "lunette"
local t = require "tap"

local dir = t.folder()
local shared = os.getenv("LUNETTE_DATA") or (t.root .. "/../shared/data")

-- A record whose pixels are (label + channel * 10 + position) % 256.
local function record(label, coarse)
  local bytes = { coarse and string.char(coarse) or "", string.char(label) }
  for c = 0, 2 do
    for k = 0, 1023 do bytes[#bytes + 1] = string.char((label + 10 * c + k) % 256) end
  end
  return table.concat(bytes)
end

t.case("CIFAR-10: pixels, labels from 1, classes, several files", function()
  t.write(dir .. "/one.bin", record(3) .. record(9))
  t.write(dir .. "/two.bin", record(0))
  local d = lunette.data.cifar10 { root = dir, files = { "one.bin", "two.bin" } }
  t.equal(d.n, 3)
  t.equal(d.images:shape(), { 3, 3, 32, 32 })
  t.equal(d.images:dtype(), "u8")
  t.equal(d.labels:totable(), { 4, 10, 1 })
  t.equal({ d.classes[4], d.classes[10], d.classes[1] }, { "cat", "truck", "airplane" })
  t.equal(d.images[2][3][1][5], 9 + 20 + 4)
  t.equal(d.images[3][1][32][32], 1023 % 256)
end)

t.case("CIFAR-100 takes the fine label", function()
  t.write(dir .. "/test.bin", record(77, 5))
  local d = lunette.data.cifar100 { root = dir, split = "test" }
  t.equal(d.labels:totable(), { 78 })
  t.equal(#d.classes, 100)
  t.equal(d.images[1][1][1][1], 77)
end)

t.case("CIFAR: broken files are named with what was expected and what came", function()
  local function refused(name, bytes, expected)
    t.write(dir .. "/" .. name, bytes)
    t.raises(function() lunette.data.cifar10 { root = dir, files = { name } } end, expected)
  end
  refused("cut.bin", record(1) .. record(2):sub(1, 3000),
    "cut.bin: expected a whole number of records of 3073 bytes, got 6073 bytes: record 2 has 3000")
  refused("long.bin", record(1) .. "x", "record 2 has 1")
  refused("empty.bin", "", "expected a whole number of records")
  refused("label.bin", record(1) .. record(10), "label.bin: record 2 (offset 3073) has label 10; expected 0..9")
  t.raises(function() lunette.data.cifar10 { root = dir, files = { "absent.bin" } } end, "absent.bin: cannot open: No such file")
  t.raises(function() lunette.data.cifar10 { root = dir, split = "tets" } end, "did you mean 'test'")
  t.raises(function() lunette.data.cifar10 { split = "test" } end, "root must be the folder")
  t.raises(function() lunette.data.cifar10 { rot = dir } end, "did you mean 'root'")
end)

t.case("real CIFAR-10", function()
  local f = io.open(shared .. "/cifar10/test_batch.bin", "rb")
  if not f then
    print("# SKIPPED, no file " .. shared .. "/cifar10/test_batch.bin")
    return
  end
  f:close()
  local d = lunette.data.cifar10 { root = shared .. "/cifar10", split = "test" }
  t.equal(d.n, 1000)
  t.equal(d.classes[d.labels[1]], "cat") -- the first test image is the well-known cat
  local mean = lunette.ops.normalize_images(d.images):mean { 1, 3, 4 }:totable()
  for c, expected in ipairs { 0.494, 0.485, 0.450 } do t.ok(math.abs(mean[c] - expected) < 0.01, mean[c]) end
end)

t.case("shapes: a function of seed, split and position", function()
  local a = lunette.data.shapes { n = 50 }
  local b = lunette.data.shapes { n = 20, start = 31 }
  t.equal(a.images:shape(), { 50, 3, 32, 32 })
  local function same(x, y) return lunette.ops.eq(x:to("f32"), y:to("f32")):to("f32"):mean():item() == 1 end
  t.ok(same(a.images:narrow(1, 31, 50), b.images), "parts made apart are the same")
  t.ok(same(a.masks.core:narrow(1, 31, 50), b.masks.core))
  t.equal(b.labels:totable(), a.labels:narrow(1, 31, 50):totable())
  t.ok(not same(a.images, lunette.data.shapes({ n = 50, seed = 2 }).images), "another seed")
  t.ok(not same(a.images, lunette.data.shapes({ n = 50, split = "test" }).images), "another split")
  local threads = lunette.threads()
  lunette.threads(3)
  t.ok(same(a.images, lunette.data.shapes({ n = 50 }).images), "other threads")
  lunette.threads(threads)
end)

t.case("shapes: masks, labels and the background's correlation", function()
  local n = 2000
  local d = lunette.data.shapes { n = n, correlation = 0.7, classes = 5, size = 16 }
  t.equal(#d.classes, 5)
  local core, spurious = d.masks.core:to("f32"), d.masks.spurious:to("f32")
  t.equal((core * spurious):sum():item(), 0.0, "disjoint")
  local share = core:mean():item()
  t.ok(share > 0.05 and share < 0.35, "objects fill " .. share)
  local per_image = core:mean { 2, 3 }:totable()
  for i = 1, n do t.ok(per_image[i] > 0.01, "image " .. i .. " shows its object") end
  local own, labels, grounds = 0, d.labels:totable(), d.grounds:totable()
  local count = { 0, 0, 0, 0, 0 }
  for i = 1, n do
    own = own + (labels[i] == grounds[i] and 1 or 0)
    count[labels[i]] = count[labels[i]] + 1
  end
  t.equal(count, { 400, 400, 400, 400, 400 })
  t.ok(math.abs(own / n - (0.7 + 0.3 / 5)) < 0.03, "own background: " .. own / n)
end)

t.case("shapes: wrong options", function()
  t.raises(function() lunette.data.shapes { corelation = 1 } end, "did you mean 'correlation'")
  t.raises(function() lunette.data.shapes { n = 5, classes = 11 } end, "classes must lie in 2..10, got 11")
  t.raises(function() lunette.data.shapes { n = 5, correlation = 2 } end, "correlation must lie in [0, 1], got 2")
end)

t.case("a folder of pictures", function()
  os.execute(("mkdir -p '%s/set/train/cat' '%s/set/train/ant'"):format(dir, dir))
  local red = lunette.full({ 3, 8, 12 }, 0, { dtype = "u8" })
  red[1] = lunette.full({ 8, 12 }, 200, { dtype = "u8" })
  lunette.image.write(dir .. "/set/train/cat/b.png", red)
  lunette.image.write(dir .. "/set/train/ant/a.png", lunette.full({ 1, 5, 5 }, 90, { dtype = "u8" }))
  t.write(dir .. "/set/train/ant/notes.txt", "no picture")
  local d = lunette.data.folder { root = dir .. "/set", split = "train", size = 6 }
  t.equal(d.classes, { "ant", "cat" })
  t.equal(d.labels:totable(), { 1, 2 })
  t.equal(d.images:shape(), { 2, 3, 6, 6 })
  t.equal({ d.images[2][1][3][3], d.images[2][2][3][3], d.images[1][3][1][1] }, { 200, 0, 90 })
  t.raises(function() lunette.data.folder { root = dir .. "/set/train/ant" } end, "has no folders with PNG or JPEG files")
  t.raises(function() lunette.data.folder { root = dir .. "/nothing" } end, "nothing")
end)

t.finish()
