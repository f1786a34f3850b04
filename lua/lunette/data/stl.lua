--- STL-10 in the official binary form.

local io = require "lunette.io"
local lunette = require "lunette"
local options = require "lunette.options"
local sys = require "lunette.sys"

local names = { "airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck" }

-- Labels are those of the train and test files; nobody knows them for the others.
local splits = {
  train = { images = { "train_X.bin" }, labels = "train_y.bin" },
  test = { images = { "test_X.bin" }, labels = "test_y.bin" },
  unlabeled = { images = { "unlabeled_X.bin" } },
  ["train+unlabeled"] = { images = { "train_X.bin", "unlabeled_X.bin" } },
}

local image_bytes = 3 * 96 * 96
local block = 256 -- images read at once: the file with 100,000 of them is not held twice

local function image_count(path)
  local info, message = sys.stat(path)
  if not info then error(("stl10: %s"):format(message), 0) end
  if info.size == 0 or info.size % image_bytes ~= 0 then
    error(("stl10: %s: expected a whole number of images of %d bytes, got %d bytes: image %d has %d"):format(path, image_bytes,
      info.size, info.size // image_bytes + 1, info.size % image_bytes), 0)
  end
  return info.size // image_bytes
end

local function opened(path)
  local file, message = _G.io.open(path, "rb")
  if not file then error(("stl10: %s"):format(message), 0) end
  return file
end

-- Fills images after the first `at`, up to the `last`; returns how many there are now.
local function read_images(path, images, at, last)
  local file <close> = opened(path)
  while at < last do
    local bytes = file:read(math.min(block, last - at) * image_bytes)
    if not bytes then break end
    io.stl(path, bytes, images, at)
    at = at + #bytes // image_bytes
  end
  return at
end

-- The first `kept` of `count` labels.
local function read_labels(path, count, kept)
  local file <close> = opened(path)
  local bytes = file:read("a")
  if #bytes ~= count then
    error(("stl10: %s: expected %d labels of one byte, one per image, got %d bytes"):format(path, count, #bytes), 0)
  end
  local labels = {}
  for i = 1, kept do
    labels[i] = bytes:byte(i)
    if labels[i] < 1 or labels[i] > #names then
      error(("stl10: %s: label %d (offset %d) is %d; expected 1..%d"):format(path, i, i - 1, labels[i], #names), 0)
    end
  end
  return lunette.tensor(labels, { dtype = "i64" })
end

local allowed = { root = true, split = true, limit = true }

--- stl10{root =, split = "train"|"test"|"unlabeled"|"train+unlabeled", limit =}: images (n,3,96,96), the first `limit` of them
--- if given. Labels of the first two only; the others have labels = nil. 5,000, 8,000 and 100,000 images: 27,648 bytes of
--- memory each.
local function stl10(o)
  options.check("stl10", o, allowed)
  if type(o.root) ~= "string" then error("stl10: root must be the folder with the .bin files", 2) end
  local split = splits[o.split or "train"]
  if not split then
    local near = options.suggest(tostring(o.split), splits)
    error(("stl10: unknown split '%s'%s"):format(tostring(o.split), near and (" (did you mean '" .. near .. "'?)") or ""), 2)
  end
  options.check_limit("stl10", o.limit)
  local paths, total, at = {}, 0, 0
  for i, file in ipairs(split.images) do
    paths[i] = o.root .. "/" .. file
    total = total + image_count(paths[i])
  end
  local n = math.min(total, o.limit or total)
  -- Labels first: their mistakes show before the long read.
  local labels = split.labels and read_labels(o.root .. "/" .. split.labels, total, n)
  local images = lunette.zeros(n, 96, 96, 3, { dtype = "u8" }):permute(1, 4, 2, 3)
  for _, path in ipairs(paths) do at = read_images(path, images, at, n) end
  return { name = "stl10", split = o.split or "train", n = n, images = images, labels = labels or nil,
           classes = { table.unpack(names) }, files = paths }
end

return stl10
