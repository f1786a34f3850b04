-- recipe_datafiles.lua: the files of each kind of data set, as a recipe finds, checks and records them before it runs.
local t = require "tap"
local datafiles = require "lunette.recipe.datafiles"
local recipe = require "lunette.recipe"
local sys = require "lunette.sys"

local root = t.folder()

local function config_of(data, train, test)
  local config, mistakes = recipe.from_text(([[return { format = 1, name = "x", data = { d = %s }, stages = {
    { name = "pretrain", task = "simclr", data = "d:%s", epochs = 1, batch = 2, optim = { lr = 0.1 } },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "d:train", test = "d:%s" } } }]]):format(data, train or "train",
    test or "test"), "r.lua")
  return config or error(tostring(mistakes), 0)
end

local function problem(config)
  local record, problems = datafiles.hash(config, root)
  return record and "" or table.concat(problems, "\n"), record
end

t.case("CIFAR-100: two label bytes, the second is checked", function()
  sys.mkdir_p(root .. "/c100")
  local config = config_of "{ kind = 'cifar100', path = 'c100' }"
  local image = ("\7"):rep(3072)
  t.write(root .. "/c100/train.bin", "\19\99" .. image .. "\0\0" .. image)
  t.write(root .. "/c100/test.bin", "\200\5" .. image)
  t.equal(problem(config), "")
  t.write(root .. "/c100/test.bin", "\1\99" .. image .. "\1\100" .. image)
  t.contains(problem(config), "test.bin': record 2 (offset 3075) has label 100; expected 0..99")
  t.write(root .. "/c100/test.bin", "\1" .. image)
  t.contains(problem(config), "has 3073 bytes, which is not a whole number of records of 3074")
end)

t.case("STL-10: images and labels in files of their own", function()
  sys.mkdir_p(root .. "/stl")
  local config = config_of("{ kind = 'stl10', path = 'stl' }", "train+unlabeled")
  local function write(name, bytes) t.write(root .. "/stl/" .. name, bytes) end
  local image = ("\9"):rep(27648)
  write("train_X.bin", image)
  write("train_y.bin", "\1")
  write("test_X.bin", image)
  write("test_y.bin", "\10")
  t.contains(problem(config), "no such file '" .. root .. "/stl/unlabeled_X.bin'")
  write("unlabeled_X.bin", image)
  t.equal(problem(config), "", "one image from each file makes a batch of two")
  write("test_y.bin", "\0")
  t.contains(problem(config), "test_y.bin': record 1 (offset 0) has label 0; expected 1..10")
  write("test_y.bin", "\11")
  t.contains(problem(config), "has label 11; expected 1..10")
  write("test_y.bin", "\10")
  write("test_X.bin", image .. "x")
  t.contains(problem(config), "has 27649 bytes, which is not a whole number of records of 27648")
  write("test_X.bin", image)
  t.contains(problem(config_of "{ kind = 'stl10', path = 'stl' }"), "stages.pretrain.batch is 2, but 'd:train' has only 1 images")
end)

t.case("a limit bounds the images that are counted", function()
  local d = "{ kind = 'stl10', path = 'stl', limit = %d }"
  t.write(root .. "/stl/train_X.bin", (("\9"):rep(27648)):rep(3))
  t.write(root .. "/stl/train_y.bin", "\1\1\1")
  t.equal(problem(config_of(d:format(2))), "")
  t.contains(problem(config_of(d:format(1))), "batch is 2, but 'd:train' has only 1 images")
end)

t.case("STL-10: images without labels can be learned from, not probed", function()
  local ok, message = pcall(config_of, "{ kind = 'stl10', path = 'stl' }", "unlabeled", "train+unlabeled")
  t.equal(ok, false)
  t.contains(message, "'stages.probe.test' is 'd:train+unlabeled', which has no labels; 'linear_probe' needs them")
  ok, message = pcall(config_of, "{ kind = 'stl10', path = 'stl' }", "unlabelled")
  t.equal(ok, false)
  t.contains(message, "did you mean 'unlabeled'")
end)

t.case("a folder of pictures: classes, number, names and content", function()
  for _, folder in ipairs { "train/ant", "train/bee", "train/cow", "val/ant", "val/bee" } do sys.mkdir_p(root .. "/set/" .. folder) end
  local function write(name, bytes) t.write(root .. "/set/" .. name, bytes) end
  write("train/ant/1.jpg", "one")
  write("train/ant/2.JPEG", "two")
  write("train/bee/1.png", "three")
  write("val/ant/1.jpg", "four")
  local config = config_of("{ kind = 'folder', path = 'set', classes = { 'ant', 'bee' } }", "train", "val")
  t.contains(problem(config), "'" .. root .. "/set/val/bee' has no PNG or JPEG files")
  write("val/bee/1.jpg", "five")
  local said, record = problem(config)
  t.equal(said, "")
  t.equal(record.d.files.train, { images = 3, bytes = 11, sha256 = sys.sha256(("ant/1.jpg %s\nant/2.JPEG %s\nbee/1.png %s\n"):format(
    sys.sha256 "one", sys.sha256 "two", sys.sha256 "three")) })
  t.equal(record.d.files.val.images, 2)
  local _, first = problem(config_of("{ kind = 'folder', path = 'set', classes = { 'ant', 'bee' }, limit = 1 }", "train", "val"))
  t.equal(first.d.files.train, { images = 2, bytes = 8, sha256 = sys.sha256(("ant/1.jpg %s\nbee/1.png %s\n"):format(sys.sha256 "one",
    sys.sha256 "three")) }, "a limit is for each class, and the others are not read")
  write("train/bee/1.png", "other")
  local _, problems = datafiles.hash(config, root, record)
  t.contains(problems[1], "/set/train' is not the folder the run began with")
  t.contains(problem(config_of("{ kind = 'folder', path = 'set', classes = { 'ant', 'dog' } }", "train", "val")), "has no folder 'dog'")
  t.contains(problem(config_of("{ kind = 'folder', path = 'none' }", "train", "val")), "no such folder '" .. root .. "/none/train'")
  t.contains(problem(config_of("{ kind = 'folder', path = 'set/train/ant' }", "train", "val")), "no such folder")
  os.execute(("ln -s /etc '%s/linked'"):format(root))
  t.contains(problem(config_of("{ kind = 'folder', path = '.', classes = { 'a', 'b' } }", "train", "val")), "no such folder")
  os.execute(("mkdir '%s/out'; ln -s /etc '%s/out/train'; ln -s /etc '%s/out/val'"):format(root, root, root))
  t.contains(problem(config_of("{ kind = 'folder', path = 'out' }", "train", "val")), "is a link out of the data root")
end)

t.finish()
