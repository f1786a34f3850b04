--- A folder of pictures: one subfolder per class, PNG and JPEG files in them, all brought to one size and held in memory.

local io = require "lunette.io"
local lunette = require "lunette"
local options = require "lunette.options"
local sys = require "lunette.sys"

local allowed = { root = true, split = true, size = true, limit = true }
local endings = { png = true, jpg = true, jpeg = true }

local function sorted_list(path)
  local list, message = sys.list(path)
  if not list then error(("folder: %s"):format(message), 0) end
  table.sort(list)
  return list
end

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

--- folder{root =, split =, size = 224, limit =}: root/split/<class>/*.png|jpg|jpeg (without split: root/<class>/...).
--- Classes and files in the order of their names; limit keeps the first so many files of each class.
local function folder(o)
  options.check("folder", o, allowed)
  if type(o.root) ~= "string" then error("folder: root must be the folder that holds one folder per class", 2) end
  local root, size = o.split and (o.root .. "/" .. o.split) or o.root, o.size or 224
  local classes, paths, targets = {}, {}, {}
  for _, class in ipairs(sorted_list(root)) do
    local info = sys.stat(root .. "/" .. class)
    if info and info.kind == "directory" then
      classes[#classes + 1] = class
      local kept = 0
      for _, file in ipairs(sorted_list(root .. "/" .. class)) do
        local ending = file:match("%.(%w+)$")
        if ending and endings[ending:lower()] and kept < (o.limit or math.huge) then
          kept = kept + 1
          paths[#paths + 1], targets[#targets + 1] = root .. "/" .. class .. "/" .. file, #classes
        end
      end
    end
  end
  if #paths == 0 then error(("folder: %s has no folders with PNG or JPEG files"):format(root), 2) end
  local images = lunette.zeros(#paths, size, size, 3, { dtype = "u8" }):permute(1, 4, 2, 3)
  for i, path in ipairs(paths) do
    lunette.scope(function() images[{ { i, i }, {}, {}, {} }] = squared(path, size) end)
  end
  return { name = "folder", split = o.split, n = #paths, images = images, labels = lunette.tensor(targets, { dtype = "i64" }),
           classes = classes, files = paths }
end

return folder
