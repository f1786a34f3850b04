--- `lunette pack`: a run directory, or a recipe that was not run yet, as a bundle (see lunette.recipe.bundle).

local bundle = require "lunette.recipe.bundle"
local datafiles = require "lunette.recipe.datafiles"
local expected = require "lunette.recipe.expected"
local load = require "lunette.recipe.load"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local sys = require "lunette.sys"

local pack = {}

local codes = runner.exit_codes

local function table_of(value) return type(value) == "table" and value or {} end

local function strings(list)
  local result = {}
  for _, item in ipairs(table_of(list)) do result[#result + 1] = tostring(item) end
  return result
end

local function scalars(map)
  local result = {}
  for key, value in pairs(table_of(map)) do
    if type(key) == "string" and (type(value) == "string" or type(value) == "boolean" or math.type(value)) then result[key] = value end
  end
  return result
end

-- Only what the format knows of a data set's record.
local function data_of(record)
  local result = {}
  for set, entry in pairs(table_of(record)) do
    local files = {}
    for name, facts in pairs(table_of(entry.files)) do
      files[name] = { bytes = facts.bytes, sha256 = facts.sha256, images = facts.images }
    end
    result[set] = { kind = entry.kind, settings_sha256 = entry.settings_sha256, files = files }
  end
  return result
end

local function lock_of(facts)
  return { program = scalars(facts.program), device = scalars(facts.device), data = data_of(facts.data),
    overrides = strings(facts.overrides), smoke = facts.smoke == true, determinism = facts.determinism }
end

-- {stage -> {file -> SHA-256}} of what the stages left.
local function weights_of(status)
  local map = {}
  for _, entry in ipairs(table_of(status.stages)) do
    if type(entry.files) == "table" and next(entry.files) then map[entry.name] = entry.files end
  end
  return map
end

--- outcome(dir, status) -> {results, metrics, weights} of a finished run; or nil, message.
function pack.outcome(dir, status)
  local results, message = dir:read_json "results.json"
  if not results then return nil, message end
  local metrics
  metrics, message = dir:read "metrics.jsonl"
  if not metrics then return nil, message end
  return { results = results, metrics = metrics, weights = weights_of(status) }
end

-- The recipe's files as the run directory holds them, bases first.
local function recorded_sources(dir, provenance)
  local sources, message = load.files(dir:file "recipe.lua")
  if not sources then return nil, tostring(message) end
  for i, source in ipairs(sources) do
    local last = i == #sources
    local wanted = last and provenance.recipe_sha256 or table_of(provenance.bases_sha256)[source.relative]
    if source.sha256 ~= wanted then
      return nil, ("'%s' is not what the run recorded; see lunette verify %s"):format(dir:file(source.relative), dir.path)
    end
  end
  return sources
end

local function from_run(path)
  local dir, message = rundir.open(path)
  if not dir then return nil, codes.usage, message end
  local status, provenance
  status, message = dir:read_json "status.json"
  if not status then return nil, codes.usage, message end
  provenance, message = dir:read_json "provenance.json"
  if not provenance then return nil, codes.usage, message end
  if status.state ~= "finished" then
    return nil, codes.usage, ("the run is %s; only a finished one can be packed: lunette resume %s"):format(tostring(status.state), path)
  end
  local sources
  sources, message = recorded_sources(dir, provenance)
  if not sources then return nil, codes.verify, message end
  local recorded = { ["config.json"] = provenance.config_sha256, ["metrics.jsonl"] = table_of(status.files)["metrics.jsonl"],
    ["results.json"] = table_of(status.files)["results.json"] }
  for _, name in ipairs { "config.json", "metrics.jsonl", "results.json" } do
    local hash = sys.sha256_file(dir:file(name))
    if not hash or hash ~= recorded[name] then
      return nil, codes.verify, ("'%s' is not what the run recorded; see lunette verify %s"):format(dir:file(name), path)
    end
  end
  local config_text = dir:read "config.json"
  local config, mistakes = recipe.from_config(config_text, dir:file "config.json")
  if not config then return nil, codes.recipe, tostring(mistakes) end
  local outcome
  outcome, message = pack.outcome(dir, status)
  if not outcome then return nil, codes.usage, message end
  return { sources = sources, config = config, config_text = config_text, expected = expected.of(outcome),
    lock = lock_of { program = provenance.program, device = provenance.device, data = provenance.data,
      overrides = provenance.overrides, smoke = provenance.smoke, determinism = config.determinism } }
end

local function from_recipe(path, options)
  local config, info = recipe.load(path, options.overrides, options.smoke)
  if not config then return nil, codes.recipe, tostring(info) end
  local device = { asked = config.device }
  if options.device_info then
    local found, why = options.device_info(config)
    if not found then return nil, codes.device, why end
    device = found
  end
  local data, problems, code = datafiles.hash(config, datafiles.root(options.data_root))
  if not data then return nil, codes[code], table.concat(problems, "\n") end
  return { sources = info.sources, config = config, config_text = recipe.canonical(config),
    lock = lock_of { program = runner.program_of(options), device = device, data = data, overrides = info.overrides,
      smoke = info.smoke, determinism = config.determinism } }
end

-- "quickstart-0a1b2c3d.bundle"
local function default_path(content)
  return ("%s%s-%s.bundle"):format(content.config.name, content.lock.smoke and "-smoke" or "", sys.sha256(content.config_text):sub(1, 8))
end

--- pack(path, options) -> {path, bytes, sha256, files, expected = whether it has expectations}; or nil, exit code, message.
-- path: a run directory, or a recipe. options: out = the file; for a recipe also overrides, smoke, data_root, and the host's
-- program and device_info.
function pack.pack(path, options)
  local info = sys.stat(path)
  local run = info and info.kind == "directory"
  if run and (options.overrides or options.smoke) then
    return nil, codes.usage, "a run directory is packed as it was run; --set and --smoke are for a recipe"
  end
  local content, code, message
  if run then
    content, code, message = from_run(path)
  else
    content, code, message = from_recipe(path, options)
  end
  if not content then return nil, code, message end
  local text
  text, message = bundle.encode(content)
  if not text then return nil, codes.usage, "no bundle can be made of it: " .. message end
  local out = options.out or default_path(content)
  if sys.stat(out) and not bundle.is(out) then
    return nil, codes.usage, ("'%s' is there and is not a bundle; choose another --out"):format(out)
  end
  local ok
  ok, message = sys.write_atomic(out, text)
  if not ok then return nil, codes.error, message end
  return { path = out, bytes = #text, sha256 = sys.sha256(text), files = #content.sources, expected = content.expected ~= nil }
end

return pack
