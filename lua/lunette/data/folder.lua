--- A folder of pictures: one subfolder per class, PNG and JPEG files in them, all brought to one size and held in memory.

local io = require "lunette.io"
local lunette = require "lunette"
local options = require "lunette.options"
local pictures = require "lunette.data.pictures"

local allowed = { root = true, split = true, size = true, limit = true, classes = true }

-- The shorter side becomes `size`, then the centre is cut out: one resize of the central square.
local function squared(path, size)
  local bytes <close> = io.read(path)
  local picture = io.image_decode(path, bytes, nil)
  local _, c, h, w = table.unpack(picture:shape())
  if c == 1 then picture = io.image_decode(path, bytes, 3) end
  local side = math.min(h, w)
  local box = lunette.tensor({ { (h - side) // 2 + 1, (w - side) // 2 + 1, side, side } }, { dtype = "i64" })
  return (lunette.ops.crop_resize(picture, box, size, size) * 255 + 0.5):to("u8")
end

-- Pictures that are not there are missing data, for the exit code of the program; a script shows it as a text.
local missing = { __tostring = function(e) return e.message end }

local function check_classes(classes)
  local good = type(classes) == "table" and #classes > 0
  for _, name in ipairs(good and classes or {}) do good = good and type(name) == "string" and not name:find("/", 1, true) end
  if not good then error("folder: classes must be a list of the names of subfolders", 3) end
end

--- folder{root =, split =, size = 224, classes = {...}, limit =}: root/split/<class>/*.png|jpg|jpeg (without split:
--- root/<class>/...). Without `classes` every subfolder is one; files, and then the classes too, in the order of their
--- names; limit keeps the first so many files of each class. Every picture is decoded once, its central square brought to
--- size x size, and held: 3 size^2 bytes each, so 126,689 of them take 19 GB at 224 and 2 GB at 72.
local function folder(o)
  options.check("folder", o, allowed)
  if type(o.root) ~= "string" then error("folder: root must be the folder that holds one folder per class", 2) end
  if o.classes ~= nil then check_classes(o.classes) end
  options.check_limit("folder", o.limit)
  local size = o.size or 224
  if math.type(size) ~= "integer" or size < 1 then error("folder: size must be a whole number of pixels, got " .. tostring(size), 2) end
  local ok, classes, files = pcall(pictures.list, o.split and (o.root .. "/" .. o.split) or o.root, o)
  if not ok then error(setmetatable({ code = "data", message = classes }, missing), 0) end
  local paths, targets = {}, {}
  for i, file in ipairs(files) do paths[i], targets[i] = file.path, file.class end
  local images = lunette.zeros(#paths, size, size, 3, { dtype = "u8" }):permute(1, 4, 2, 3)
  for i, path in ipairs(paths) do
    lunette.scope(function() images[{ { i, i }, {}, {}, {} }] = squared(path, size) end)
  end
  return { name = "folder", split = o.split, n = #paths, images = images, labels = lunette.tensor(targets, { dtype = "i64" }),
           classes = classes, files = paths }
end

return folder
