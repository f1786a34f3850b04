-- fixtures.lua DIR: small data files in the formats that examples read, so that each runs where nothing was downloaded.
-- The class shows as the brightness.
--   DIR/cifar10/      data_batch_1 to 5, test_batch and heldout_batch.bin: 96, 4, 4, 4, 4, 48 and 48 records
--   DIR/cifar100/     train.bin and test.bin: 104 and 48 records
--   DIR/stl10/        train, test and unlabeled: 32, 24 and 16 images
--   DIR/imagenet100/  train and val: a PNG for each of the classes that the recipes name
local io_bytes = require "lunette.io"
local lunette = require "lunette"
local recipe = require "lunette.recipe"
local sys = require "lunette.sys"

local dir = arg[1]
local state = 1

local function byte(mean) -- a linear congruential generator: the same files on every machine
  state = (1103515245 * state + 12345) % 2147483648
  return string.char((mean + state // 65536 % 64) % 256)
end

local function noise(count, mean)
  local pixels = {}
  for k = 1, count do pixels[k] = byte(mean) end
  return table.concat(pixels)
end

local function write(name, parts)
  assert(sys.mkdir_p(dir .. "/" .. name:match("^(.*)/")))
  local file = assert(io.open(dir .. "/" .. name, "wb"))
  file:write(table.concat(parts))
  assert(file:close())
end

-- Records of label bytes and a picture; classes in turn.
local function cifar(name, count, classes, coarse)
  local records = {}
  for i = 1, count do
    local label = i % classes
    records[i] = coarse .. string.char(label) .. noise(3072, 190 * label // classes)
  end
  write(name, records)
end

local function stl10(name, count, labelled)
  local images, labels = {}, {}
  for i = 1, count do
    -- 96 columns of few different kinds: drawing every pixel would take seconds.
    local column = noise(96, 19 * (i % 10))
    images[i], labels[i] = column:rep(3 * 96), string.char(i % 10 + 1)
  end
  write("stl10/" .. name .. "_X.bin", images)
  if labelled then write("stl10/" .. name .. "_y.bin", labels) end
end

local function folder(split, classes)
  for k, class in ipairs(classes) do
    local gray = lunette.full({ 1, 1, 20 + k % 5, 24 }, 2 * k, { dtype = "u8" }):channels_last()
    local png = io_bytes.png_encode(gray)
    write(("imagenet100/%s/%s/%s_1.JPEG"):format(split, class, class), { io_bytes.text(png, 1) })
  end
end

cifar("cifar10/data_batch_1.bin", 96, 10, "")
cifar("cifar10/test_batch.bin", 48, 10, "")
cifar("cifar10/heldout_batch.bin", 48, 10, "")
for k = 2, 5 do cifar(("cifar10/data_batch_%d.bin"):format(k), 4, 10, "") end
cifar("cifar100/train.bin", 104, 100, "\0")
cifar("cifar100/test.bin", 48, 100, "\0")
stl10("train", 32, true)
stl10("test", 24, true)
stl10("unlabeled", 16, false)
local config, mistakes = recipe.load "examples/recipes/imagenet100/simclr.lua"
local classes = config and config.data.imagenet100.classes or error(tostring(mistakes), 0)
folder("train", classes)
folder("val", classes)
