--- `lunette verify`: is a run directory what its run left? The hashes it recorded are held against the files and the data;
--- asked to, the run is repeated in a folder beside it, and metrics, results and weights are compared bit for bit.

local machine = require "lunette.recipe.machine"
local bundle = require "lunette.recipe.bundle"
local differences = require "lunette.recipe.differences"
local datafiles = require "lunette.recipe.datafiles"
local errors = require "lunette.recipe.errors"
local expected = require "lunette.recipe.expected"
local json = require "lunette.json"
local load = require "lunette.recipe.load"
local pack = require "lunette.recipe.pack"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local schema = require "lunette.recipe.schema"
local sys = require "lunette.sys"

local verify = {}

-- ---- what was found ----

local Findings = {}
Findings.__index = Findings

local function add(self, state, text)
  self[#self + 1] = { state = state, text = errors.printable(text) }
  self.count[state] = self.count[state] + 1
end

local function new_findings()
  return setmetatable({ count = { ok = 0, differs = 0, missing = 0, note = 0 }, numbers = 0 }, Findings)
end

function Findings:ok(form, ...) add(self, "ok", form:format(...)) end
function Findings:note(form, ...) add(self, "note", form:format(...)) end

-- `missing` is data that is not here, which the run directory cannot be blamed for; a lost file of its own differs.
function Findings:missing(form, ...) add(self, "missing", form:format(...)) end

function Findings:differs(what, recorded, found)
  add(self, "differs", ("%s: recorded %s, found %s"):format(what, recorded, found))
end

-- Of what comes from computing again: another program or device may explain it.
function Findings:number_differs(...)
  self.numbers = self.numbers + 1
  self:differs(...)
end

function Findings:file(path, what, recorded)
  if type(recorded) ~= "string" then return self:note("%s: no hash was recorded", what) end
  if not sys.stat(path) then return self:differs(what, "SHA-256 " .. recorded, "no such file") end
  local hash, message = sys.sha256_file(path)
  if hash == recorded then return self:ok("%s", what) end
  self:differs(what, "SHA-256 " .. recorded, hash and "SHA-256 " .. hash or message)
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(type(map) == "table" and map or {}) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

-- Files named in a record, which may come from a stranger: only what lies below the folder is opened.
local function recorded_files(found, dir, prefix, record)
  for _, name in ipairs(sorted_keys(record)) do
    local problem = load.path_problem(name)
    if problem then
      found:note("%s: the recorded name %s", json.encode(prefix .. name), problem)
    else
      found:file(dir:file(prefix .. name), prefix .. name, record[name])
    end
  end
end

-- ---- the recorded hashes ----

local function strings(list)
  local result = {}
  for _, item in ipairs(type(list) == "table" and list or {}) do
    if type(item) == "string" then result[#result + 1] = item end
  end
  return result
end

-- The configuration, where config.json holds one.
local function check_question(found, dir, provenance)
  found:file(dir:file "recipe.lua", "recipe.lua", provenance.recipe_sha256)
  recorded_files(found, dir, "", provenance.bases_sha256)
  found:file(dir:file "config.json", "config.json", provenance.config_sha256)
  local text = dir:read "config.json"
  if not text then return nil end
  local config, mistakes = recipe.from_config(text, "config.json")
  if not config then
    found:note("this program cannot read the configuration: %s", tostring(mistakes[1]))
    return nil
  end
  local asked, problem = recipe.load(dir:file "recipe.lua", strings(provenance.overrides), provenance.smoke == true)
  if not asked then
    found:note("this program cannot read the recipe: %s", tostring(problem[1]))
  elseif recipe.canonical(asked) == text then
    found:ok("recipe.lua resolves to config.json")
  else
    for _, d in ipairs(differences.of(json.decode(text), json.decode(recipe.canonical(asked)))) do
      found:number_differs(("recipe.lua resolved: %s"):format(d.path), differences.show(d.a), differences.show(d.b))
    end
  end
  return config
end

local function check_data(found, provenance, config, root)
  local recorded = type(provenance.data) == "table" and provenance.data or {}
  for _, set in ipairs(sorted_keys(config.data)) do
    local record = type(recorded[set]) == "table" and recorded[set] or {}
    local hash = datafiles.settings_hash(config.data[set])
    if record.settings_sha256 == hash then
      found:ok("data.%s: its settings", set)
    else
      found:differs(("data.%s: its settings"):format(set), "SHA-256 " .. tostring(record.settings_sha256), "SHA-256 " .. hash)
    end
  end
  for _, entry in ipairs(datafiles.list(config)) do
    local what = ("data.%s: %s"):format(entry.set, load.join(root, entry.relative))
    local files = type(recorded[entry.set]) == "table" and recorded[entry.set].files
    local before = type(files) == "table" and files[entry.file]
    local facts, problem = datafiles.facts(config, root, entry)
    if type(before) ~= "table" then
      found:note("%s: no hash was recorded", what)
    elseif not facts then
      found:missing("%s: recorded SHA-256 %s; %s", what, tostring(before.sha256), problem)
    elseif facts.sha256 == before.sha256 then
      found:ok("%s", what)
    else
      found:differs(what, "SHA-256 " .. tostring(before.sha256), "SHA-256 " .. facts.sha256)
    end
  end
end

local function check_checkpoints(found, dir, folder)
  for _, name in ipairs(sys.list(dir:file(folder)) or {}) do
    local info = name:find("^e%d+[.%d]*$") and dir:read_json(folder .. "/" .. name .. "/info.json")
    if info then recorded_files(found, dir, folder .. "/" .. name .. "/", info.files) end
  end
end

local function check_outcome(found, dir, status)
  for _, entry in ipairs(type(status.stages) == "table" and status.stages or {}) do
    local name = type(entry) == "table" and type(entry.name) == "string" and not load.path_problem(entry.name) and entry.name
    if name then
      local folder = "checkpoints/" .. name
      check_checkpoints(found, dir, folder)
      if entry.state ~= "finished" then
        found:note("stage %s is %s", name, tostring(entry.state))
      elseif type(entry.files) == "table" then
        recorded_files(found, dir, folder .. "/", entry.files)
      elseif schema.tasks[entry.task] and schema.tasks[entry.task].weights then
        found:note("stage %s: no hash of its weights was recorded", name)
      end
    end
  end
  if type(status.files) == "table" then
    recorded_files(found, dir, "", status.files)
  else
    found:note("metrics.jsonl and results.json: no hash was recorded%s", status.state ~= "finished" and ", the run has not finished" or "")
  end
end

-- ---- what the bundle expects, of a run that was made from one ----

-- What was asked beside the bundle's own settings, or nil.
local function asked_otherwise(b, provenance)
  local own, asked = b.lock.overrides, strings(provenance.overrides)
  if (provenance.smoke == true) ~= b.lock.smoke then return "--smoke" end
  if #asked > #own then return "--set " .. asked[#own + 1] end
  for i, text in ipairs(own) do
    if text ~= asked[i] then return "other settings" end
  end
  if b.sources[#b.sources].sha256 ~= provenance.recipe_sha256 then return "another recipe" end
end

local function check_expectations(found, dir, provenance, status)
  if provenance.bundle_sha256 == nil then return end
  found:file(dir:file(bundle.file_name), bundle.file_name, provenance.bundle_sha256)
  if not sys.stat(dir:file(bundle.file_name)) then return end
  local b, problem = bundle.read(dir:file(bundle.file_name))
  if not b then return found:note("%s: %s", bundle.file_name, problem) end
  if not b.expected then return found:note("the bundle was made of a recipe before any run: it expects nothing") end
  local other = asked_otherwise(b, provenance)
  if other then return found:note("the run was made with %s: what the bundle expects is of another run", other) end
  if status.state ~= "finished" then return found:note("not held against the bundle: the run is %s", tostring(status.state)) end
  local outcome
  outcome, problem = pack.outcome(dir, status)
  if not outcome then return found:differs("expected: the outcome", "a finished run", problem) end
  if b.lock.config_sha256 ~= provenance.config_sha256 then
    local config = json.decode(dir:read "config.json" or "")
    for _, d in ipairs(differences.of(b.config, type(config) == "table" and config or {})) do
      found:note("this program resolved %s to %s, the bundle's to %s", d.path, differences.show(d.b), differences.show(d.a))
    end
  end
  outcome.provenance = provenance
  expected.compare(found, b, outcome)
end

-- ---- the run once more ----

local function place(row)
  return ("stage %s%s%s"):format(tostring(row.stage), row.epoch and (", epoch %s"):format(row.epoch) or "",
    row.step and (", step %s"):format(row.step) or "")
end

-- The first row that differs and how many do: what follows it mostly follows from it.
local function compare_metrics(found, recorded, repeated)
  if recorded:read "metrics.jsonl" == repeated:read "metrics.jsonl" then return found:ok("repeated: metrics.jsonl, every byte") end
  local a, b = rundir.read_metrics(recorded.path), rundir.read_metrics(repeated.path)
  if not a or not b then return found:number_differs("repeated: metrics.jsonl", "rows", "a file that cannot be read") end
  local first, count = nil, 0
  for i = 1, math.max(#a, #b) do
    if #differences.of(a[i], b[i]) > 0 then first, count = first or i, count + 1 end
  end
  if not first then return found:number_differs("repeated: metrics.jsonl", "other bytes", "the same values") end
  local where = ("repeated: metrics.jsonl line %d (%s)"):format(first, place(a[first] or b[first]))
  if not (a[first] and b[first]) then
    found:number_differs(where, a[first] and "a row" or "no row", b[first] and "a row" or "no row")
  else
    for _, d in ipairs(differences.of(a[first], b[first])) do
      found:number_differs(where .. ": " .. d.path, differences.show(d.a), differences.show(d.b))
    end
  end
  if count > 1 then found:note("metrics.jsonl: %d of %d lines differ, the first is shown", count, math.max(#a, #b)) end
end

local function without_times(results)
  for _, stage in pairs(results or {}) do
    if type(stage) == "table" then stage.seconds = nil end
  end
  return results
end

local function compare_results(found, recorded, repeated)
  local list = differences.of(without_times(recorded:read_json "results.json"), without_times(repeated:read_json "results.json"))
  if #list == 0 then return found:ok("repeated: results.json, every value but the times") end
  for _, d in ipairs(list) do
    found:number_differs("repeated: results of " .. d.path, differences.show(d.a), differences.show(d.b))
  end
end

-- How far two files of tensors are apart, as a text; nil where they cannot be read.
local function tensors_apart(path_a, path_b)
  local lunette = require "lunette"
  local ok, text = pcall(lunette.scope, function()
    local a, b = lunette.weights.load(path_a), lunette.weights.load(path_b)
    local names, differ, worst, largest = sorted_keys(a), 0, nil, -1
    for _, name in ipairs(names) do
      local x, y = a[name], b[name]
      if not y or table.concat(x:shape(), " ") ~= table.concat(y:shape(), " ") then return "other tensors" end
      local apart = x:numel() > 0 and (x:to("f64") - y:to("f64")):abs():reshape(x:numel()):max(1):item() or 0
      if apart ~= 0 then differ = differ + 1 end
      if apart > largest then worst, largest = name, apart end
    end
    if differ == 0 then return "the same values in other bytes" end
    return ("%d of %d tensors differ, by up to %.3g in %s"):format(differ, #names, largest, worst or names[1])
  end)
  return ok and text or nil
end

local function compare_weights(found, recorded, repeated, config)
  for _, stage in ipairs(config.stages) do
    local folder = "checkpoints/" .. stage.name
    local names = {}
    for _, dir in ipairs { recorded, repeated } do
      for _, name in ipairs(sys.list(dir:file(folder)) or {}) do
        local info = sys.stat(dir:file(folder .. "/" .. name))
        if info and info.kind == "file" then names[name] = true end
      end
    end
    for _, name in ipairs(sorted_keys(names)) do
      local file = folder .. "/" .. name
      local a, b = sys.sha256_file(recorded:file(file)), sys.sha256_file(repeated:file(file))
      if a and a == b then
        found:ok("repeated: %s, every byte", file)
      else
        local apart = a and b and tensors_apart(recorded:file(file), repeated:file(file))
        found:number_differs("repeated: " .. file, a and "SHA-256 " .. a or "no file",
          (b and "SHA-256 " .. b or "no file") .. (apart and (" (%s)"):format(apart) or ""))
      end
    end
  end
end

-- nil; or an exit code and a message where the run could not be repeated.
local function rerun(found, dir, config, options, root, provenance)
  local path = sys.realpath(dir.path) .. ".verify-" .. sys.pid()
  local code, info = runner.run(dir.path, { out = path, data_root = root, progress = options.progress, argv = options.argv,
    threads = runner.threads_of(provenance), program = options.program, device_info = options.device_info,
    interrupted = options.interrupted, report = false })
  if code ~= 0 then
    rundir.remove(path)
    return code, ("the run could not be repeated: %s"):format(info.message or "it stopped")
  end
  local repeated = rundir.open(path)
  local before = found.numbers
  compare_metrics(found, dir, repeated)
  compare_results(found, dir, repeated)
  compare_weights(found, dir, repeated, config)
  if found.numbers > before then
    found:note("the repeated run is kept in '%s'; see also: lunette diff '%s' '%s'", path, dir.path, path)
  else
    rundir.remove(path)
  end
end

-- ---- why ----

-- Whether this is another program or device than the run's, said in notes.
local function explain(found, provenance, config, options)
  local now = { program = options.program, device = config and options.device_info and options.device_info(config) or nil }
  local other = false
  for _, part in ipairs { "program", "device" } do
    local before = type(provenance[part]) == "table" and provenance[part] or {}
    for _, key in ipairs(now[part] and machine[part] or {}) do
      local a, b = differences.show(before[key]), differences.show(now[part][key])
      if a ~= b then
        other = true
        found:note("%s.%s: recorded %s, here %s", part, key, a, b)
      end
    end
  end
  if now.program and now.program.dirty then found:note("this program was built from changed sources, which its commit does not tell") end
  if found.numbers == 0 then return end
  if config and config.determinism == "fast" then
    found:note('determinism = "fast": two runs of this recipe need not be equal')
  elseif other then
    found:note("equal bits are promised for the same program, device and number of threads; the notes above may explain the rest")
  else
    found:note("program and device are those of the run: they do not explain it")
  end
end

--- verify(path, options) -> exit code, findings ({state = "ok" | "differs" | "missing" | "note", text}, ...; count by state);
--- or exit code, nil, message. options: rerun, data_root, progress, argv, and the host's program, device_info, interrupted.
function verify.verify(path, options)
  options = options or {}
  local dir, message = rundir.open(path)
  if not dir then return 2, nil, message end
  local provenance, status
  provenance, message = dir:read_json "provenance.json"
  if not provenance then return 2, nil, message end
  status, message = dir:read_json "status.json"
  if not status then return 2, nil, message end
  if options.rerun and status.state ~= "finished" then
    return 2, nil, ("the run is %s; only a finished one can be repeated: lunette resume %s"):format(tostring(status.state), path)
  end
  local found = new_findings()
  local config = check_question(found, dir, provenance)
  local said = options.data_root or type(status.data_root) == "string" and runner.with_home(status.data_root) or nil
  local root = datafiles.root(said)
  if config then check_data(found, provenance, config, root) end
  -- What the run is made from; another configuration out of the same recipe is the program's doing, and still worth a run.
  local changed = found.count.differs - found.numbers + found.count.missing > 0 or not config
  check_outcome(found, dir, status)
  check_expectations(found, dir, provenance, status)
  local code
  if options.rerun and changed then
    found:note("not repeated: what the run was made from is not what was recorded")
  elseif options.rerun then
    code, message = rerun(found, dir, config, options, root, provenance)
  end
  explain(found, provenance, config, options)
  if code then return code, found, message end
  if found.count.differs > 0 then return runner.exit_codes.verify, found end
  return found.count.missing > 0 and runner.exit_codes.data or 0, found
end

--- summary(findings) -> the last line that `lunette verify` prints.
function verify.summary(found)
  local c = found.count
  local total = c.ok + c.differs + c.missing
  if c.differs + c.missing == 0 then return ("verified: %d of %d as recorded"):format(c.ok, total) end
  local parts = {}
  if c.differs > 0 then parts[#parts + 1] = ("%d of %d differ"):format(c.differs, total) end
  if c.missing > 0 then parts[#parts + 1] = ("%d of %d could not be checked for want of data"):format(c.missing, total) end
  return "not verified: " .. table.concat(parts, ", ")
end

return verify
