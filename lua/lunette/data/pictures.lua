--- The PNG and JPEG files of a folder with one subfolder per class.

local sys = require "lunette.sys"

local pictures = {}

local endings = { png = true, jpg = true, jpeg = true }

local function sorted_list(path)
  local list, message = sys.list(path)
  if not list then error(("folder: %s"):format(message), 0) end
  table.sort(list)
  return list
end

local function is_folder(path)
  local info = sys.stat(path)
  return info and info.kind == "directory"
end

local function folders_of(root)
  local list = {}
  for _, name in ipairs(sorted_list(root)) do
    if is_folder(root .. "/" .. name) then list[#list + 1] = name end
  end
  return list
end

--- list(root [, {classes = {names}, limit =}]) -> names of the classes, {{path, relative, class}, ...}. Files in the order
--- of their names; without `classes`, every subfolder is a class, in the order of the names too; limit keeps the first so
--- many files of each. Raises where the folder, a class or every file is missing.
function pictures.list(root, o)
  o = o or {}
  if not is_folder(root) then error(("folder: no such folder '%s'"):format(root), 0) end
  local classes, files = o.classes or folders_of(root), {}
  for k, class in ipairs(classes) do
    if not is_folder(root .. "/" .. class) then
      error(("folder: '%s' has no folder '%s', class %d of %d"):format(root, class, k, #classes), 0)
    end
    local kept = 0
    for _, file in ipairs(sorted_list(root .. "/" .. class)) do
      local ending = file:match("%.(%w+)$")
      if ending and endings[ending:lower()] and kept < (o.limit or math.huge) then
        kept = kept + 1
        files[#files + 1] = { path = root .. "/" .. class .. "/" .. file, relative = class .. "/" .. file, class = k }
      end
    end
    if kept == 0 and o.classes then
      error(("folder: '%s/%s' has no PNG or JPEG files"):format(root, class), 0)
    end
  end
  if #files == 0 then error(("folder: %s has no folders with PNG or JPEG files"):format(root), 0) end
  return classes, files
end

return pictures
