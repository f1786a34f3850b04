--- The kinds of data sets. A kind is {doc, fields, splits, count(spec, split), options(spec, split), ...}:
---   count                images of a split where the recipe alone tells
---   side(spec)           height and width of the images, in pixels
---   options              what lunette.data[kind] is given beside root and split
---   files(spec, split)   paths below spec.path that a split reads, of the form that record(file) tells: {bytes = of a
---                        record, images = whether it holds one, label = position of its label byte, lowest and classes =
---                        the label's values}
---   pictures(spec, split)   for a folder with one subfolder per class instead: the folder below spec.path, and the options of
---                        lunette.data.pictures.list
---   unlabelled           splits without labels, by name

local t = require "lunette.recipe.schema.types"

local kinds = {}

kinds.shapes = {
  doc = "small scenes made on the fly from a seed, with exact core and spurious masks",
  splits = { "train", "test" },
  fields = {
    n_train = t.integer { default = 4000, min = 1, max = 10000000, doc = "images of the training split" },
    n_test = t.integer { default = 1000, min = 1, max = 10000000, doc = "images of the test split" },
    size = t.integer { default = 32, min = 8, max = 1024, doc = "height and width in pixels" },
    classes = t.integer { default = 10, min = 2, max = 10, doc = "number of classes" },
    correlation = t.number { default = 0.8, min = 0, max = 1, doc = "how often a class has its own background in training" },
    seed = t.integer { min = 0, max = 2 ^ 53 // 1 | 0, doc = "seed of the images; without it, the recipe's" },
  },
  count = function(spec, split) return split == "train" and spec.n_train or spec.n_test end,
  side = function(spec) return spec.size end,
  files = function() return {} end,
  options = function(spec, split)
    return { n = split == "train" and spec.n_train or spec.n_test, size = spec.size, classes = spec.classes,
             correlation = spec.correlation }
  end,
}

local function unknown() return nil end

local function limit(of)
  return t.integer { min = 1, max = 10000000, doc = ("only the first so many images of each %s; without it, all"):format(of) }
end

local data_path = t.path { required = true, doc = "folder with the .bin files, below the data root" }

local sha256 = t.map {
  of = t.string { pattern = "^%x+$", min = 64, max = 64, expects = "64 hexadecimal digits", doc = "SHA-256 of the file" },
  default = {},
  doc = "expected SHA-256 by file name; a file that differs stops the run",
}

-- CIFAR: label bytes, then the red, green and blue planes. `files`: those of each split.
local function cifar(doc, files, label_bytes, classes)
  local lists = {}
  for split, list in pairs(files) do
    lists[split] = t.list {
      of = t.path { doc = "file name below `path`" },
      min_items = 1,
      max_items = 1000,
      default = list,
      doc = "files of the split, read in this order",
    }
  end
  local record = { bytes = label_bytes + 3 * 32 * 32, images = true, label = label_bytes, lowest = 0, classes = classes }
  return {
    doc = doc,
    splits = { "train", "test" },
    fields = {
      path = data_path,
      files = t.record { default = {}, doc = "which files make which split", fields = lists },
      sha256 = sha256,
      limit = limit "split",
    },
    count = unknown,
    side = function() return 32 end,
    files = function(spec, split) return spec.files[split] end,
    record = function() return record end,
    options = function(spec, split) return { files = spec.files[split], limit = spec.limit } end,
  }
end

kinds.cifar10 = cifar("CIFAR-10 in the official binary form", {
  train = { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin" },
  test = { "test_batch.bin" },
}, 1, 10)

kinds.cifar100 = cifar("CIFAR-100 in the official binary form, with its 100 fine labels", {
  train = { "train.bin" },
  test = { "test.bin" },
}, 2, 100)

local stl10_files = {
  train = { "train_X.bin", "train_y.bin" },
  test = { "test_X.bin", "test_y.bin" },
  unlabeled = { "unlabeled_X.bin" },
  ["train+unlabeled"] = { "train_X.bin", "unlabeled_X.bin" },
}

kinds.stl10 = {
  doc = "STL-10 in the official binary form",
  splits = { "train", "test", "unlabeled", "train+unlabeled" },
  unlabelled = { unlabeled = true, ["train+unlabeled"] = true },
  fields = { path = data_path, sha256 = sha256, limit = limit "split" },
  count = unknown,
  side = function() return 96 end,
  files = function(_, split) return stl10_files[split] end,
  record = function(file)
    if file:find("_y%.bin$") then return { bytes = 1, label = 1, lowest = 1, classes = 10 } end
    return { bytes = 3 * 96 * 96, images = true }
  end,
  options = function(spec) return { limit = spec.limit } end,
}

kinds.folder = {
  doc = "pictures in path/train/CLASS and path/val/CLASS, PNG and JPEG, as ImageNet has them",
  splits = { "train", "val" },
  fields = {
    path = t.path { required = true, doc = "folder with `train` and `val`, below the data root" },
    size = t.integer {
      default = 224, min = 8, max = 1024,
      doc = "height and width that each picture's central square is brought to; memory holds 3 size^2 bytes of each",
    },
    classes = t.list {
      of = t.path { doc = "name of a subfolder" },
      min_items = 2,
      max_items = 10000,
      doc = "the subfolders that are the classes, in this order; without it, all",
    },
    limit = limit "class",
  },
  count = unknown,
  side = function(spec) return spec.size end,
  files = function() return {} end,
  pictures = function(spec, split) return split, { classes = spec.classes, limit = spec.limit } end,
  options = function(spec) return { size = spec.size, classes = spec.classes, limit = spec.limit } end,
}

return kinds
