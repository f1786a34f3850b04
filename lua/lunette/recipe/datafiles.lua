--- The files a recipe reads: found below the data root, hashed, and compared with what was promised.

local json = require "lunette.json"
local load = require "lunette.recipe.load"
local pictures = require "lunette.data.pictures"
local schema = require "lunette.recipe.schema"
local sys = require "lunette.sys"

local datafiles = {}

--- The folder data paths are resolved against: what the user said, the variable LUNETTE_DATA, the current folder.
function datafiles.root(said)
  if said and said ~= "" then return said end
  local variable = os.getenv "LUNETTE_DATA"
  return variable and variable ~= "" and variable or "."
end

-- Splits of a data set that the recipe's stages read: those they name, and for the mean and deviation that images are
-- normalised with, the training split.
local function used_splits(config, set)
  local used = {}
  for _, stage in ipairs(config.stages) do
    for _, key in ipairs { "data", "test" } do
      local name, split = (stage[key] or ""):match("^([^:]*):(.*)$")
      if name == set then used[split], used.train = true, true end
    end
  end
  return used
end

--- list(config) -> {{set, split, file, relative, sha256 = expected or nil, pictures}, ...} in a fixed order, each file once a
--- set. An entry with `folder` is a folder of pictures, those that pictures.list gives with the options `pictures`.
function datafiles.list(config)
  local sets, result = {}, {}
  for set in pairs(config.data) do sets[#sets + 1] = set end
  table.sort(sets)
  for _, set in ipairs(sets) do
    local spec, seen = config.data[set], {}
    local kind, used = schema.data[spec.kind], used_splits(config, set)
    for _, split in ipairs(kind.splits) do
      if used[split] and kind.pictures then
        local folder, options = kind.pictures(spec, split)
        result[#result + 1] = { set = set, split = split, file = folder, relative = load.join(spec.path, folder), folder = true,
          pictures = options }
      end
      for _, file in ipairs(used[split] and kind.files(spec, split) or {}) do
        if not seen[file] then
          seen[file] = true
          local expected = spec.sha256 and spec.sha256[file]
          result[#result + 1] = { set = set, split = split, file = file, relative = load.join(spec.path, file),
            sha256 = expected and expected:lower() }
        end
      end
    end
  end
  return result
end

-- A file cut short (or with something behind it) ends within a record.
local function record_problem(record, path, size)
  if size == 0 then return ("'%s' is empty"):format(path) end
  if size % record.bytes == 0 then return nil end
  return ("'%s' has %d bytes, which is not a whole number of records of %d: it is cut short or not such a file"):format(path, size,
    record.bytes)
end

-- A label that no class has is found before hours of training, not by the probe behind it.
local function label_problem(record, path)
  if not record.label then return nil end
  local file, message = io.open(path, "rb")
  if not file then return message end
  local number, problem = 0, nil
  for block in function() return file:read(record.bytes * 256) end do
    for at = record.label, #block, record.bytes do
      number = number + 1
      local label = block:byte(at) - record.lowest
      if label < 0 or label >= record.classes then
        problem = ("'%s': record %d (offset %d) has label %d; expected %d..%d"):format(path, number,
          (number - 1) * record.bytes + record.label - 1, label + record.lowest, record.lowest, record.lowest + record.classes - 1)
        break
      end
    end
    if problem then break end
  end
  file:close()
  return problem
end

local function link_out(root, path)
  local base, real = sys.realpath(root), sys.realpath(path)
  if not (base and real) or (base ~= "/" and real:sub(1, #base + 1) ~= base .. "/") then
    return ("'%s' is a link out of the data root '%s'"):format(path, root)
  end
end

local function found(root, relative, kind)
  local path = load.join(root, relative)
  local info, message, code = sys.stat(path)
  if not info then
    return nil, code == "ENOENT" and ("no such %s '%s' (data root '%s'; --data-root DIR or LUNETTE_DATA names another)"):format(
      kind == "file" and "file" or "folder", path, root) or message
  end
  if info.kind ~= kind then return nil, ("'%s' is not a %s"):format(path, kind == "file" and "file" or "folder") end
  local out = link_out(root, path)
  if out then return nil, out end
  return path, info.size
end

--- images_in_files(spec, split, bytes_of) -> images of a split that is read from files with records; nil where bytes_of(file), the
--- bytes of one of them, is.
function datafiles.images_in_files(spec, split, bytes_of)
  local kind, images = schema.data[spec.kind], 0
  for _, file in ipairs(kind.files(spec, split)) do
    local form, bytes = kind.record(file), bytes_of(file)
    if not bytes then return nil end
    if form.images then images = images + bytes // form.bytes end
  end
  return math.min(images, spec.limit or images)
end

-- Images of a split, of files that are on record.
local function images_of(kind, spec, split, record)
  if kind.pictures then return record.files[kind.pictures(spec, split)].images end
  return datafiles.images_in_files(spec, split, function(file) return record.files[file].bytes end)
end

--- too_few(config, record) -> messages of the training stages whose batch is larger than their data.
function datafiles.too_few(config, record)
  local problems = {}
  for _, stage in ipairs(config.stages) do
    local set, split = (stage.data or ""):match("^([^:]*):(.*)$")
    local spec = config.data[set]
    local kind = spec and schema.data[spec.kind]
    if kind and (kind.record or kind.pictures) and schema.tasks[stage.task].trains then
      local images = images_of(kind, spec, split, record[set])
      if stage.batch > images then
        problems[#problems + 1] = ("stages.%s.batch is %d, but '%s' has only %d images"):format(stage.name, stage.batch, stage.data, images)
      end
    end
  end
  return problems
end

-- Of a file: {bytes, sha256}; or nil, what is wrong with it.
local function hash_file(kind, root, entry)
  local path, size = found(root, entry.relative, "file")
  if not path then return nil, size end
  local form = kind.record(entry.file)
  local problem = record_problem(form, path, size)
  if problem then return nil, problem end
  local hash, message = sys.sha256_file(path)
  if not hash then return nil, message end
  return { bytes = size, sha256 = hash }, label_problem(form, path)
end

-- Of a folder of pictures: {images, bytes, sha256}, the hash of a line "class/file SHA-256" for each in the loader's order.
local function hash_folder(root, entry)
  local path, message = found(root, entry.relative, "directory")
  if not path then return nil, message end
  local ok, classes, files = pcall(pictures.list, path, entry.pictures)
  if not ok then return nil, (tostring(classes):gsub("^folder: ", "")) end
  local lines, bytes, seen = {}, 0, {}
  for i, file in ipairs(files) do
    local folder = file.path:match("^(.*)/[^/]*$")
    local here, out = sys.stat(file.path, "nofollow"), nil
    if not seen[folder] or here and here.kind == "link" then out = link_out(root, file.path) end
    if out then return nil, out end
    seen[folder] = true
    local info, why = sys.stat(file.path)
    local hash
    if info then hash, why = sys.sha256_file(file.path) end
    if not hash then return nil, why end
    lines[i], bytes = ("%s %s\n"):format(file.relative, hash), bytes + info.size
  end
  return { images = #files, bytes = bytes, sha256 = sys.sha256(table.concat(lines)) }
end

--- facts(config, root, entry of the list) -> {bytes, sha256, images of a folder} or nil; then what is wrong with it, if anything.
function datafiles.facts(config, root, entry)
  if entry.folder then return hash_folder(root, entry) end
  return hash_file(schema.data[config.data[entry.set].kind], root, entry)
end

--- settings_hash(spec) -> SHA-256 of a data set's settings, which say what a set made on the fly holds.
function datafiles.settings_hash(spec)
  return sys.sha256(json.encode(spec))
end

--- hash(config, root [, earlier [, known [, says]]]) -> record for provenance.json; or nil, list of messages and "data" or, where
--- the recipe asks for what this data cannot give, "recipe".
-- `earlier`: the record of the run that is resumed, or of a bundle, which `says` tells ("the run began with"); data that
-- changed since is an error as a wrong hash is.
-- `known`: a table that keeps what was hashed, for the next of many configurations on the same data.
function datafiles.hash(config, root, earlier, known, says)
  local record, problems = {}, {}
  known = known or {}
  for set, spec in pairs(config.data) do
    record[set] = { kind = spec.kind, settings_sha256 = datafiles.settings_hash(spec), files = {} }
  end
  for _, entry in ipairs(datafiles.list(config)) do
    local function complain(form, ...) problems[#problems + 1] = ("data.%s: "):format(entry.set) .. form:format(...) end
    local key = datafiles.settings_hash(config.data[entry.set]) .. " " .. entry.relative
    if not known[key] then known[key] = table.pack(datafiles.facts(config, root, entry)) end
    local facts, problem = known[key][1], known[key][2]
    local before = earlier and earlier[entry.set] and earlier[entry.set].files[entry.file]
    local expected = entry.sha256 or before and before.sha256
    if facts and expected and expected ~= facts.sha256 then
      complain("'%s' is not the %s %s: expected SHA-256 %s, got %s", load.join(root, entry.relative),
        entry.folder and "folder" or "file", entry.sha256 and "the recipe asks for" or says or "the run began with", expected, facts.sha256)
    elseif problem then
      complain("%s", problem)
    end
    record[entry.set].files[entry.file] = facts
  end
  if #problems > 0 then return nil, problems, "data" end
  problems = datafiles.too_few(config, record)
  if #problems > 0 then return nil, problems, "recipe" end
  return record
end

return datafiles
