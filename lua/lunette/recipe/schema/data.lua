--- The kinds of data sets. A kind is {doc, fields, splits, count(spec, split), files(spec, split), record_bytes}:
--- count = images of a split where the recipe alone tells, files = paths below spec.path that a split reads,
--- record_bytes = bytes of one image in them where that is fixed, classes = how many labels its first byte can take, from 0.

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
  files = function() return {} end,
}

local file_list = {
  train = { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin" },
  test = { "test_batch.bin" },
}

local function files_of(split)
  return t.list {
    of = t.path { doc = "file name below `path`" },
    min_items = 1,
    max_items = 1000,
    default = file_list[split],
    doc = "files of the split, read in this order",
  }
end

kinds.cifar10 = {
  doc = "CIFAR-10 in the official binary form",
  splits = { "train", "test" },
  classes = 10,
  record_bytes = 1 + 3 * 32 * 32, -- label, then the red, green and blue planes
  fields = {
    path = t.path { required = true, doc = "folder with the .bin files, below the data root" },
    files = t.record {
      default = {},
      doc = "which files make which split",
      fields = { train = files_of "train", test = files_of "test" },
    },
    sha256 = t.map {
      of = t.string { pattern = "^%x+$", min = 64, max = 64, expects = "64 hexadecimal digits", doc = "SHA-256 of the file" },
      default = {},
      doc = "expected SHA-256 by file name; a file that differs stops the run",
    },
  },
  count = function() return nil end,
  files = function(spec, split) return spec.files[split] end,
}

return kinds
