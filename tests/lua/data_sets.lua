-- data_sets.lua: CIFAR and STL-10 in their binary forms, the embedded shapes, folders of pictures; and data that is broken.
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

t.case("CIFAR: a limit keeps the first images, of as many files as it takes", function()
  t.write(dir .. "/one.bin", record(3) .. record(9))
  t.write(dir .. "/two.bin", record(0) .. record(5))
  local files = { "one.bin", "two.bin" }
  local function labels(limit, list) return lunette.data.cifar10 { root = dir, files = list or files, limit = limit }.labels:totable() end
  t.equal(labels(1), { 4 })
  t.equal(labels(2, { "one.bin", "absent.bin" }), { 4, 10 }, "what is not needed is not read")
  t.equal(labels(3), { 4, 10, 1 })
  t.equal(labels(9), { 4, 10, 1, 6 })
  t.equal(lunette.data.cifar10({ root = dir, files = files, limit = 3 }).images[3][1][1][1], 0)
  t.write(dir .. "/train.bin", record(77, 5) .. record(1, 2))
  t.equal(lunette.data.cifar100({ root = dir, limit = 1 }).labels:totable(), { 78 })
  t.raises(function() labels(3, { "one.bin", "absent.bin" }) end, "absent.bin: No such file")
  t.raises(function() labels(0) end, "cifar10: limit must be a whole number of images from 1 on, got 0")
  t.raises(function() labels(1.5) end, "from 1 on, got 1.5")
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

-- An image whose pixel at (row, column), from 0, of channel c is (seed + 50 c + 2 row + column) % 256, column by column.
local function stl_image(seed)
  local bytes = {}
  for c = 0, 2 do
    for column = 0, 95 do
      for row = 0, 95 do bytes[#bytes + 1] = string.char((seed + 50 * c + 2 * row + column) % 256) end
    end
  end
  return table.concat(bytes)
end

t.case("STL-10: column-major pixels, labels from 1, splits without labels", function()
  t.write(dir .. "/train_X.bin", stl_image(1) .. stl_image(7))
  t.write(dir .. "/train_y.bin", "\3\10")
  t.write(dir .. "/unlabeled_X.bin", stl_image(90))
  local d = lunette.data.stl10 { root = dir }
  t.equal({ d.n, d.name, d.split, d.classes[3], d.classes[10] }, { 2, "stl10", "train", "car", "truck" })
  t.equal(d.images:shape(), { 2, 3, 96, 96 })
  t.equal(d.labels:totable(), { 3, 10 })
  t.equal({ d.images[1][1][1][1], d.images[1][1][96][1], d.images[2][3][5][9] }, { 1, 1 + 190, 7 + 100 + 8 + 8 })
  local u = lunette.data.stl10 { root = dir, split = "unlabeled" }
  t.equal({ u.n, u.labels, u.images[1][2][1][2] }, { 1, nil, 90 + 50 + 1 })
  local both = lunette.data.stl10 { root = dir, split = "train+unlabeled" }
  t.equal({ both.n, both.labels }, { 3, nil })
  t.equal({ both.images[2][1][1][1], both.images[3][1][1][1] }, { 7, 90 })
end)

t.case("STL-10: a limit keeps the first images and their labels", function()
  local function read(split, limit) return lunette.data.stl10 { root = dir, split = split, limit = limit } end
  local one = read("train", 1)
  t.equal({ one.n, one.images:shape()[1], one.labels:totable() }, { 1, 1, { 3 } })
  local both = read("train+unlabeled", 2)
  t.equal({ both.n, both.images[2][1][1][1] }, { 2, 7 })
  t.equal({ read("train", 5).n, read("train+unlabeled", 3).images[3][1][1][1] }, { 2, 90 })
  t.raises(function() read("train", -1) end, "stl10: limit must be a whole number")
end)

t.case("STL-10: more images than are read at once", function()
  local many = {}
  for i = 1, 300 do many[i] = stl_image(i % 4) end
  t.write(dir .. "/unlabeled_X.bin", table.concat(many))
  local d = lunette.data.stl10 { root = dir, split = "unlabeled" }
  t.equal({ d.n, d.images[1][1][1][1], d.images[257][1][1][1], d.images[299][1][1][3] }, { 300, 1, 1, 3 + 2 })
end)

t.case("STL-10: broken files are named with what was expected and what came", function()
  local function refused(images, labels, expected)
    t.write(dir .. "/test_X.bin", images)
    t.write(dir .. "/test_y.bin", labels)
    t.raises(function() lunette.data.stl10 { root = dir, split = "test" } end, expected)
  end
  local one = stl_image(0)
  refused(one .. one:sub(1, 9), "\1\1", "test_X.bin: expected a whole number of images of 27648 bytes, got 27657 bytes: image 2 has 9")
  refused("", "", "expected a whole number of images")
  refused(one, "\1\2", "test_y.bin: expected 1 labels of one byte, one per image, got 2 bytes")
  refused(one .. one, "\1\11", "test_y.bin: label 2 (offset 1) is 11; expected 1..10")
  refused(one, "\0", "label 1 (offset 0) is 0; expected 1..10")
  t.raises(function() lunette.data.stl10 { root = dir, split = "unlabelled" } end, "did you mean 'unlabeled'")
  t.raises(function() lunette.data.stl10 { split = "test" } end, "root must be the folder")
  t.raises(function() lunette.data.stl10 { root = dir, spilt = "test" } end, "did you mean 'split'")
  t.raises(function() lunette.data.stl10 { root = dir .. "/nothing" } end, "nothing/train_X.bin")
  local io = require "lunette.io"
  local room = lunette.zeros(1, 96, 96, 3, { dtype = "u8" }):permute(1, 4, 2, 3)
  t.raises(function() io.stl("x.bin", one, room, 1) end, "does not hold 1 images after 1")
  t.raises(function() io.stl("x.bin", one, room, -1) end, "does not hold")
  t.raises(function() io.stl("x.bin", one, lunette.zeros(1, 3, 96, 96), 0) end, "does not hold")
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

t.case("a folder of pictures: named classes, in the order named", function()
  local root = dir .. "/set/train"
  local d = lunette.data.folder { root = root, size = 4, classes = { "cat", "ant" } }
  t.equal({ d.classes, d.labels:totable(), d.images[1][1][2][2] }, { { "cat", "ant" }, { 1, 2 }, 200 })
  t.equal(lunette.data.folder({ root = root, size = 4, classes = { "ant" } }).n, 1)
  t.raises(function() lunette.data.folder { root = root, classes = { "ant", "bee" } } end, "has no folder 'bee', class 2 of 2")
  os.execute(("mkdir -p '%s/bee'"):format(root))
  t.raises(function() lunette.data.folder { root = root, classes = { "bee" } } end, "bee' has no PNG or JPEG files")
  for _, wrong in ipairs { "ant", {}, { 1 }, { "../train/ant" } } do
    t.raises(function() lunette.data.folder { root = root, classes = wrong } end, "classes must be a list of the names of subfolders")
  end
  t.raises(function() lunette.data.folder { root = root, size = 0 } end, "size must be a whole number of pixels, got 0")
  t.write(root .. "/bee/broken.jpg", "\xff\xd8\xff\xe0 no picture")
  t.raises(function() lunette.data.folder { root = root } end, "broken.jpg")
end)

t.case("a folder of real pictures", function()
  local sys = require "lunette.sys"
  local root = shared .. "/imagenet-sample"
  if not sys.stat(root) then
    print("# SKIPPED, no folder " .. root)
    return
  end
  local d = lunette.data.folder { root = root, split = "val", size = 32 }
  t.equal({ d.n, #d.classes, d.images:shape() }, { 60, 10, { 60, 3, 32, 32 } })
  t.equal(lunette.data.folder({ root = root, split = "val", size = 32, classes = { d.classes[3] } }).images[2][1][9][9],
    d.images[14][1][9][9])
  -- A PNG under the name of a JPEG, gray ones, ones with EXIF.
  local odd = lunette.data.folder { root = shared .. "/imagenet-pitfalls", split = "train", size = 32 }
  t.equal(odd.n, 10)
end)

t.finish()
