--- `lunette diff`: what differs between two recipes, run directories or bundles, or one of each. Resolved configurations are
--- compared, with every default filled in, so two recipes that say the same thing in other words are equal.

local differences = require "lunette.recipe.differences"
local errors = require "lunette.recipe.errors"
local json = require "lunette.json"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local sys = require "lunette.sys"

local diff = {}

local function is_configuration(config)
  if type(config.stages) ~= "table" then return false end
  for _, stage in ipairs(config.stages) do
    if type(stage) ~= "table" or type(stage.name) ~= "string" then return false end
  end
  return true
end

-- What the run wrote is compared as it stands: a run of an older version may have settings this one does not know.
local function open_run(path)
  local dir, message = rundir.open(path)
  if not dir then return nil, message end
  local side = { path = path, results = {} }
  for key, name in pairs { config = "config.json", provenance = "provenance.json", status = "status.json" } do
    side[key], message = dir:read_json(name)
    if not side[key] then return nil, message end
  end
  if not is_configuration(side.config) then return nil, ("%s is not a configuration"):format(dir:file "config.json") end
  if sys.stat(dir:file "results.json") then
    side.results, message = dir:read_json "results.json"
    if not side.results then return nil, message end
  end
  side.what = ("run directory, %s"):format(errors.printable(tostring(side.status.state)))
  return side
end

local function open(path)
  local info = sys.stat(path)
  if info and info.kind == "directory" then return open_run(path) end
  local config, loaded = recipe.load(path)
  if not config then return nil, tostring(loaded) end
  local packed = loaded.bundle
  if packed and packed.expected then
    return { path = path, what = "bundle of a run", config = packed.config, provenance = packed.lock, results = packed.expected.results }
  end
  -- Through JSON as a run's configuration is, so that both sides have the same types.
  return { path = path, what = packed and "bundle of a recipe" or "recipe", config = json.decode(recipe.canonical(config)) }
end

local function by_name(stages)
  local map, names = {}, {}
  for i, stage in ipairs(stages) do
    map[stage.name], names[i] = stage, stage.name
  end
  return map, names
end

-- Paths are those of --set: a stage's begin with its name.
local function configurations(a, b)
  local found = {}
  local rest = { {}, {} }
  for i, config in ipairs { a, b } do
    for key, value in pairs(config) do
      if key ~= "stages" then rest[i][key] = value end
    end
  end
  differences.of(rest[1], rest[2], "", found)
  local first, names = by_name(a.stages)
  local second, others = by_name(b.stages)
  local common, common_others = {}, {}
  for _, name in ipairs(names) do
    if second[name] then
      common[#common + 1] = name
      differences.of(first[name], second[name], name, found)
    else
      found[#found + 1] = { path = "stages." .. name, a = first[name].task }
    end
  end
  for _, name in ipairs(others) do
    if first[name] then
      common_others[#common_others + 1] = name
    else
      found[#found + 1] = { path = "stages." .. name, b = second[name].task }
    end
  end
  differences.of(common, common_others, "order of the stages", found)
  return found
end

-- How long a stage took differs from run to run and says nothing about the numbers.
local function figures(results, name)
  local copy = {}
  for key, value in pairs(type(results[name]) == "table" and results[name] or {}) do
    if key ~= "seconds" then copy[key] = value end
  end
  return copy
end

local function results(a, b, found)
  local names, seen = {}, {}
  for _, side in ipairs { a, b } do
    for _, stage in ipairs(side.config.stages) do
      if not seen[stage.name] then names[#names + 1], seen[stage.name] = stage.name, true end
    end
  end
  for _, name in ipairs(names) do
    differences.of(figures(a.results, name), figures(b.results, name), "results." .. name, found)
  end
end

-- What the bytes of the data were; their settings are in the configuration.
local function data_files(side)
  local files = {}
  for set, record in pairs(type(side.provenance.data) == "table" and side.provenance.data or {}) do
    for file, facts in pairs(type(record) == "table" and type(record.files) == "table" and record.files or {}) do
      files[set] = files[set] or {}
      files[set][file] = type(facts) == "table" and facts.sha256 or nil
    end
  end
  return files
end

--- compare(path_a, path_b) -> {a, b = {path, what}, found = {{path, a, b}, ...}, notes = differences that explain others and
--- are none themselves, results = whether results were compared}; or nil, message.
function diff.compare(path_a, path_b)
  local a, message = open(path_a)
  if not a then return nil, message end
  local b
  b, message = open(path_b)
  if not b then return nil, message end
  local found, notes = configurations(a.config, b.config), {}
  local runs = a.results ~= nil and b.results ~= nil
  if runs then
    differences.of(data_files(a), data_files(b), "SHA-256 of data", found)
    results(a, b, found)
    differences.of(a.provenance.program, b.provenance.program, "program", notes)
    differences.of(a.provenance.device, b.provenance.device, "device", notes)
  end
  return { a = a, b = b, found = found, notes = notes, results = runs }
end

local function line(d)
  return ("%s: %s -> %s"):format(d.path, differences.show(d.a), differences.show(d.b))
end

--- lines(comparison) -> what `lunette diff` prints: a line for each difference, or that there is none.
function diff.lines(c)
  local out = { ("A: %s (%s)"):format(c.a.path, c.a.what), ("B: %s (%s)"):format(c.b.path, c.b.what) }
  for _, d in ipairs(c.found) do out[#out + 1] = line(d) end
  for _, d in ipairs(c.notes) do out[#out + 1] = "note: " .. line(d) end
  if #c.found == 0 then
    out[#out + 1] = c.results and "equal: the configurations, the data and the results, apart from the time they took"
      or "equal: the resolved configurations"
  end
  return out
end

return diff
