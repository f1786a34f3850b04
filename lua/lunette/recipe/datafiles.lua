--- The files a recipe reads: found below the data root, hashed, and compared with what was promised.

local json = require "lunette.json"
local load = require "lunette.recipe.load"
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

--- list(config) -> {{set, split, file, relative, sha256 = expected or nil}, ...} in a fixed order, each file once a set.
function datafiles.list(config)
  local sets, result = {}, {}
  for set in pairs(config.data) do sets[#sets + 1] = set end
  table.sort(sets)
  for _, set in ipairs(sets) do
    local spec, seen = config.data[set], {}
    local kind, used = schema.data[spec.kind], used_splits(config, set)
    for _, split in ipairs(kind.splits) do
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
local function record_problem(kind, path, size)
  if not kind.record_bytes then return nil end
  if size == 0 then return ("'%s' is empty"):format(path) end
  if size % kind.record_bytes == 0 then return nil end
  return ("'%s' has %d bytes, which is not a whole number of records of %d: it is cut short or not such a file"):format(path, size,
    kind.record_bytes)
end

-- A label that no class has is found before hours of training, not by the probe behind it.
local function label_problem(kind, path)
  if not kind.classes then return nil end
  local file, message = io.open(path, "rb")
  if not file then return message end
  local number, problem = 0, nil
  for block in function() return file:read(kind.record_bytes * 256) end do
    for at = 1, #block, kind.record_bytes do
      number = number + 1
      local label = block:byte(at)
      if label >= kind.classes then
        problem = ("'%s': record %d (offset %d) has label %d; expected 0..%d"):format(path, number,
          (number - 1) * kind.record_bytes, label, kind.classes - 1)
        break
      end
    end
    if problem then break end
  end
  file:close()
  return problem
end

local function found(root, relative)
  local path = load.join(root, relative)
  local info, message, code = sys.stat(path)
  if not info then
    return nil, code == "ENOENT" and ("no such file '%s' (data root '%s'; say --data-root DIR or set LUNETTE_DATA)"):format(path, root)
      or message
  end
  if info.kind ~= "file" then return nil, ("'%s' is not a file"):format(path) end
  local base, real = sys.realpath(root), sys.realpath(path)
  if not (base and real) or (base ~= "/" and real:sub(1, #base + 1) ~= base .. "/") then
    return nil, ("'%s' is a link out of the data root '%s'"):format(path, root)
  end
  return path, info.size
end

--- too_few(config, record) -> messages of the training stages whose batch is larger than their data.
function datafiles.too_few(config, record)
  local problems = {}
  for _, stage in ipairs(config.stages) do
    local set, split = (stage.data or ""):match("^([^:]*):(.*)$")
    local spec = config.data[set]
    local kind = spec and schema.data[spec.kind]
    if kind and kind.record_bytes and schema.tasks[stage.task].trains then
      local images = 0
      for _, file in ipairs(kind.files(spec, split)) do images = images + record[set].files[file].bytes // kind.record_bytes end
      if stage.batch > images then
        problems[#problems + 1] = ("stages.%s.batch is %d, but '%s' has only %d images"):format(stage.name, stage.batch, stage.data, images)
      end
    end
  end
  return problems
end

--- hash(config, root [, earlier]) -> record for provenance.json; or nil, list of messages.
-- `earlier`: the record of the run that is resumed; data that changed since is an error as a wrong hash is.
function datafiles.hash(config, root, earlier)
  local record, problems = {}, {}
  for set, spec in pairs(config.data) do
    record[set] = { kind = spec.kind, settings_sha256 = sys.sha256(json.encode(spec)), files = {} }
  end
  for _, entry in ipairs(datafiles.list(config)) do
    local path, size = found(root, entry.relative)
    local hash, message
    if path then
      local kind = schema.data[config.data[entry.set].kind]
      message = record_problem(kind, path, size)
      if not message then hash, message = sys.sha256_file(path) end
    else
      message = size
    end
    local before = earlier and earlier[entry.set] and earlier[entry.set].files[entry.file]
    local expected = entry.sha256 or before and before.sha256
    if not hash then
      problems[#problems + 1] = ("data.%s: %s"):format(entry.set, message)
    elseif expected and expected ~= hash then
      problems[#problems + 1] = ("data.%s: '%s' is not the file %s: expected SHA-256 %s, got %s"):format(entry.set, path,
        entry.sha256 and "the recipe asks for" or "the run began with", expected, hash)
    else
      message = label_problem(schema.data[config.data[entry.set].kind], path)
      if message then problems[#problems + 1] = ("data.%s: %s"):format(entry.set, message) end
      record[entry.set].files[entry.file] = { bytes = size, sha256 = hash }
    end
  end
  if #problems == 0 then problems = datafiles.too_few(config, record) end
  if #problems > 0 then return nil, problems end
  return record
end

return datafiles
