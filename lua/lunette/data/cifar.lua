--- CIFAR-10 and CIFAR-100 in the official binary form.

local io = require "lunette.io"
local options = require "lunette.options"

local cifar = {}

local ten = { "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck" }

local kinds = {
  cifar10 = {
    label_bytes = 1, classes = 10, names = function() return { table.unpack(ten) } end,
    files = {
      train = { "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin" },
      test = { "test_batch.bin" },
      heldout = { "heldout_batch.bin" },
    },
  },
  cifar100 = {
    label_bytes = 2, classes = 100, files = { train = { "train.bin" }, test = { "test.bin" } },
  },
}

-- The hundred names come with the data; without them classes are named by number.
function kinds.cifar100.names(root)
  local names = {}
  local file = _G.io.open(root .. "/fine_label_names.txt")
  if file then
    for line in file:lines() do
      if line ~= "" then names[#names + 1] = line end
    end
    file:close()
  end
  if #names ~= 100 then
    for k = 1, 100 do names[k] = ("class %d"):format(k) end
  end
  return names
end

local allowed = { root = true, split = true, files = true, limit = true }

-- The file's bytes, to be closed; of its records the first `limit`, if not all.
local function contents_of(path, record, limit)
  if not limit then return io.read(path) end
  local file <close>, message = _G.io.open(path, "rb")
  if not file then error(message, 0) end
  return file:read(limit * record) or ""
end

local function load(kind, o)
  local def = kinds[kind]
  options.check(kind, o, allowed, 2)
  if type(o.root) ~= "string" then error(("%s: root must be the folder with the .bin files"):format(kind), 3) end
  local split = o.split or "train"
  local files = o.files or def.files[split]
  if not files then
    local near = options.suggest(tostring(split), def.files)
    error(("%s: unknown split '%s'%s; give files = {...} for a split of your own"):format(kind, tostring(split),
      near and (" (did you mean '" .. near .. "'?)") or ""), 3)
  end
  if type(files) ~= "table" or #files == 0 then error(("%s: files must be a list of file names"):format(kind), 3) end
  options.check_limit(kind, o.limit, 3)
  local paths, contents, left = {}, {}, o.limit
  local record = def.label_bytes + 3 * 32 * 32
  for i, file in ipairs(files) do
    if left == 0 then break end
    paths[i] = o.root .. "/" .. file
    contents[i] = contents_of(paths[i], record, left)
    if left then left = left - #contents[i] // record end
  end
  local images, labels = io.cifar(paths, contents, def.label_bytes, def.classes)
  for _, bytes in ipairs(contents) do
    if type(bytes) ~= "string" then bytes:free() end
  end
  return { name = kind, split = split, n = labels:shape()[1], images = images, labels = labels, classes = def.names(o.root), files = paths }
end

--- cifar10{root =, split = "train"|"test"|"heldout", files = {...}, limit =}: files are names below root, read in this order;
--- limit keeps the first so many images of them.
function cifar.cifar10(o) return load("cifar10", o) end

--- cifar100{root =, split = "train"|"test", files = {...}, limit =}: labels are the 100 fine ones.
function cifar.cifar100(o) return load("cifar100", o) end

return cifar
