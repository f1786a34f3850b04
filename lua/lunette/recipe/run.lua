--- Runs a recipe stage by stage in its run directory, and goes on where a run stopped.
--
-- A task is a module lunette.tasks.NAME with run(stage, env) -> results (plain data for results.json). It stops a run
-- by error{code = , message = }: "data" | "device" | "memory" | "nan" | "interrupt" (signal = 2 or 15); any other
-- error is a run-time error. What `env` holds is said at `environment` below.

local bundle = require "lunette.recipe.bundle"
local checkpoints = require "lunette.recipe.checkpoints"
local datafiles = require "lunette.recipe.datafiles"
local json = require "lunette.json"
local needs = require "lunette.recipe.needs"
local overrides = require "lunette.recipe.overrides"
local progress = require "lunette.recipe.progress"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local schema = require "lunette.recipe.schema"
local sys = require "lunette.sys"

local run = {}

run.exit_codes = { ok = 0, error = 1, usage = 2, recipe = 2, data = 3, device = 4, memory = 4, nan = 5, verify = 6 }

--- exit_code{code, signal} -> 0..143
function run.exit_code(problem)
  if problem.code == "interrupt" then return 128 + (problem.signal == 15 and 15 or 2) end
  return run.exit_codes[problem.code] or run.exit_codes.error
end

-- What the runtime calls its failures, where that decides the exit code.
local RUNTIME_CODES = { data = "data", device = "device", memory = "memory", divergence = "nan", interrupted = "interrupt" }

-- An error as {code, message, signal, traceback}. Errors of the runtime are texts; its last_error() says of what kind
-- the latest was, which counts where the text is that of the error at hand.
local function problem_of(err, session, traceback)
  if type(err) == "table" and err.message then
    return { code = err.code or "error", message = tostring(err.message), signal = err.signal }
  end
  local message, code = tostring(err), "error"
  if message:find("not enough memory", 1, true) then code = "memory" end
  if message:find("interrupted!", 1, true) and session.interrupted() then
    return { code = "interrupt", signal = session.interrupted(),
      message = "interrupted at once: what was done since the last checkpoint is lost" }
  end
  local kind, text = session.last_error()
  if text and text ~= "" and message:find(text, 1, true) then
    code = RUNTIME_CODES[kind] or code
    -- Which line of the library called the op is for the log; whoever runs a recipe has no such line.
    message = message:gsub("^%S*lunette/[%w_/]+%.lua:%d+: ", "")
  end
  return { code = code, message = message, traceback = traceback }
end

-- The home folder's name is the user's: neither belongs in a file that is mailed.
local function without_home(text)
  local home = os.getenv "HOME"
  if not home or #home < 2 then return text end
  local at = text:find(home, 1, true)
  if not at then return text end
  local next_char = text:sub(at + #home, at + #home)
  if next_char ~= "" and next_char ~= "/" then return text end
  return text:sub(1, at - 1) .. "~" .. text:sub(at + #home)
end

--- The path that without_home wrote.
function run.with_home(path)
  local home = os.getenv "HOME"
  return home and path:find("^~") and home .. path:sub(2) or path
end

--- program_of(options) -> what provenance says of this program.
function run.program_of(options)
  local program = options.program
  if not program then
    local ok, lunette = pcall(require, "lunette")
    local build = ok and lunette.build or {}
    program = { version = ok and lunette.version, commit = build.commit, dirty = build.dirty }
  end
  return { name = "lunette", version = program.version or "unknown", commit = program.commit or "unknown",
    dirty = program.dirty or false }
end

-- ---- status ----

local function new_status(config, data_root)
  local stages = json.array {}
  for i, stage in ipairs(config.stages) do stages[i] = { name = stage.name, task = stage.task, state = "pending", seconds = 0 } end
  return { state = "running", stages = stages, started = os.date("!%Y-%m-%dT%H:%M:%SZ"),
    data_root = data_root and without_home(data_root) }
end

local function save_status(session)
  local status = session.status
  status.updated = os.date("!%Y-%m-%dT%H:%M:%SZ")
  local ok, message = session.dir:write_json("status.json", status)
  if not ok then error({ code = "error", message = message }, 0) end
end

-- ---- what a task gets ----

local function stage_of(config, name)
  for _, stage in ipairs(config.stages) do
    if stage.name == name then return stage end
  end
end

local function folder_of_stage(session, name)
  return session.dir:file("checkpoints/" .. name)
end

local function weights_path(session, name)
  return folder_of_stage(session, name) .. "/weights.safetensors"
end

-- A recipe may keep many checkpoints of a large model. Those still to come are counted as large as the latest, so that this
-- is found after one epoch and not when the disk is full.
local function check_disk(session, store)
  local entries, allowed = store:entries(), needs.disk_gb(session.config)
  local latest = entries[#entries] and session.dir:bytes(store.folder .. "/" .. entries[#entries].name) or 0
  local total = session.dir:bytes() + math.max(0, store.keep - #entries) * latest
  if total > allowed * 1e9 then
    error({ code = "error", message = ("the run would take %.3g GB of disk, and needs.disk_gb allows %g; keep fewer checkpoints ('save'), "
      .. "or allow more"):format(total / 1e9, allowed) }, 0)
  end
end

--- The environment of a task:
--   config, stage                  the configuration, and this stage's part of it
--   seed, device, precision        as the stage, the recipe and the model say; device "auto" is resolved
--   rundir, progress               lunette.recipe.rundir and .progress objects
--   metrics(row)                   appends a row to metrics.jsonl with `stage` added; no times in it
--   earlier_metrics()              the rows this stage has in metrics.jsonl, after a resumption
--   log(form, ...)                 a line in log.txt
--   warn(warning, again)           {kind, epoch, message}: into log.txt, the progress output, status.json and the stage's
--                                  results; again = true: it was said before the resumption, and is only kept
--   checkpoint_dir, weights_path   this stage's folder; where a stage with weights must leave its final ones
--   save_checkpoint(epoch, write, extra)   complete or not at all; see lunette.recipe.checkpoints; raises on failure
--   resume_state                   nil, or {epoch, folder, info} of the checkpoint to go on from; metrics.jsonl has
--                                  been cut back to where that checkpoint was made
--   stage_weights_path(name)       file of an earlier stage's weights; nil for "random"
--   load_stage_weights(name)       their table of tensors; nil for "random"
--   stage_config(name), stage_dir(name), results(name)     of an earlier stage
--   figure_path(file), chart_path(name)    in figures/ and figures/data/
--   data(ref)                      {set, split, spec, folder}: "shapes:train" taken apart, spec.path resolved to `folder`
--   interrupted()                  nil, or the signal that asks the run to stop
--   fail(code, form, ...)          raises an error object
local function environment(session, stage, resume_state)
  local dir, config = session.dir, session.config
  local folder = folder_of_stage(session, stage.name)
  local store = session.stores[stage.name]

  local env = {
    config = config,
    stage = stage,
    seed = stage.seed or config.seed,
    device = session.device or (config.device == "cuda" and "cuda" or "cpu"), -- nobody looked for another: "auto" is the CPU
    precision = config.model.precision,
    rundir = dir,
    progress = session.progress,
    checkpoint_dir = folder,
    weights_path = weights_path(session, stage.name),
    resume_state = resume_state,
  }

  function env.fail(code, form, ...)
    error({ code = code, message = select("#", ...) > 0 and form:format(...) or form }, 0)
  end

  function env.metrics(row)
    local full = { stage = stage.name }
    for key, value in pairs(row) do full[key] = value end
    local ok, message = dir:add_metrics(full)
    if not ok then env.fail("error", "%s", message) end
  end

  function env.earlier_metrics()
    local rows = {}
    for _, row in ipairs(dir.metrics:size() > 0 and rundir.read_metrics(dir.path) or {}) do
      if row.stage == stage.name then rows[#rows + 1] = row end
    end
    return rows
  end

  function env.log(...) dir:log(...) end

  function env.warn(warning, again)
    local entry = session.entry
    entry.warnings = entry.warnings or json.array {}
    table.insert(entry.warnings, warning)
    if again then return end
    local text = ("warning: %s, epoch %d: %s"):format(stage.name, warning.epoch, warning.message)
    dir:log("%s", text)
    session.progress:message("%s", text)
    save_status(session)
  end

  function env.save_checkpoint(epoch, write, extra)
    local ok, message = store:save(epoch, write, extra)
    if not ok then env.fail("error", "%s", ("checkpoint of epoch %d: %s"):format(epoch, message)) end
    check_disk(session, store)
    session.note_time()
    save_status(session)
  end

  function env.stage_weights_path(name)
    if name == "random" then return nil end
    local earlier = stage_of(config, name)
    if not earlier or not schema.tasks[earlier.task].weights then
      env.fail("error", "stage '%s' has no encoder weights", name)
    end
    return weights_path(session, name)
  end

  function env.load_stage_weights(name)
    local path = env.stage_weights_path(name)
    if not path then return nil end
    return require("lunette").weights.load(path)
  end

  function env.stage_config(name) return stage_of(config, name) end
  function env.stage_dir(name) return folder_of_stage(session, name) end
  function env.results(name) return session.results[name] end
  function env.figure_path(file) return dir:file("figures/" .. file) end
  function env.chart_path(name) return dir:file("figures/data/" .. (name or stage.name) .. ".json") end

  function env.data(reference)
    local set, split = reference:match("^([^:]*):(.*)$")
    local spec = config.data[set]
    local folder_path = spec.path and (session.data_root == "." and spec.path or session.data_root .. "/" .. spec.path)
    return { set = set, split = split, spec = spec, folder = folder_path }
  end

  env.interrupted = session.interrupted
  return env
end

-- ---- stages ----

-- The self-supervised methods share one module.
local function task_module(name)
  local module_name = "lunette.tasks." .. (schema.tasks[name].trains and "pretrain" or name)
  local ok, module = pcall(require, module_name)
  if ok then return module end
  if tostring(module):find("module '" .. module_name .. "' not found", 1, true) then
    error({ code = "error", message = ("this build has no task '%s' (module %s)"):format(name, module_name) }, 0)
  end
  error(module, 0)
end

-- A task that this build lacks is found before the first stage has run for hours.
local function missing_task(config)
  for _, stage in ipairs(config.stages) do
    local ok, problem = pcall(task_module, stage.task)
    if not ok then return type(problem) == "table" and problem.message or tostring(problem) end
  end
end

--- group_problem(config) -> nil, or what is wrong with a stage's groups of parameters. Only the built model has their names.
function run.group_problem(config)
  for _, stage in ipairs(config.stages) do
    local problem = stage.optim and stage.optim.groups and task_module(stage.task).group_problem(config, stage)
    if problem then return problem end
  end
end

local function summary(results)
  local parts = {}
  for _, key in ipairs { "top1", "auroc", "auprc", "base_rate", "miou_core", "miou_spurious", "pointing", "loss" } do
    local value = results[key]
    if type(value) == "number" then parts[#parts + 1] = ("%s %.4g"):format(key, value) end
  end
  local warnings = results.warnings and #results.warnings or 0
  if warnings > 0 then parts[#parts + 1] = ("%d warning%s"):format(warnings, warnings == 1 and "" or "s") end
  return #parts > 0 and table.concat(parts, "  ") or "done"
end

-- {name -> SHA-256} of the files, not the folders, among these names below a folder: what `lunette verify` holds them against.
local function hashes(folder, names)
  local map = {}
  for _, name in ipairs(names) do
    local path = folder .. "/" .. name
    local info = sys.stat(path)
    if info and info.kind == "file" then
      local hash, message = sys.sha256_file(path)
      if not hash then error({ code = "error", message = message }, 0) end
      map[name] = hash
    end
  end
  return map
end

local function run_stage(session, index)
  local dir, stage, entry = session.dir, session.config.stages[index], session.status.stages[index]
  local folder = folder_of_stage(session, stage.name)
  local ok, message = sys.mkdir_p(folder)
  if not ok then error({ code = "error", message = message }, 0) end
  local store = checkpoints.open(folder, { keep = stage.save and stage.save.keep or 1, mark = function() return dir:metrics_mark() end })
  session.stores[stage.name] = store

  -- metrics.jsonl goes back to the checkpoint, or to where the stage began.
  local resume_state, damaged
  if entry.metrics_start then
    resume_state, damaged = store:latest()
    if damaged > 0 then
      local note = ("%s: %d damaged checkpoint(s) passed over; it %s"):format(stage.name, damaged,
        resume_state and ("goes on after epoch %d"):format(resume_state.epoch) or "begins anew")
      dir:log("%s", note)
      session.progress:message("%s", note)
    end
  end
  local start = resume_state and resume_state.info.metrics_bytes or entry.metrics_start
  if start and start < dir.metrics:size() then
    ok, message = dir.metrics:truncate(start)
    if not ok then error({ code = "error", message = message }, 0) end
  elseif start and start > dir.metrics:size() then
    error({ code = "error", message = ("%s is shorter than when the checkpoint was made"):format(dir:file "metrics.jsonl") }, 0)
  end
  if not resume_state then store:clear() end

  entry.state, entry.warnings, entry.files = "running", nil, nil
  session.entry = entry
  entry.metrics_start = entry.metrics_start or dir.metrics:size()
  session.status.stage = stage.name
  local before, began = entry.seconds or 0, sys.monotonic()
  session.note_time = function() entry.seconds = before + sys.monotonic() - began end
  save_status(session)

  session.progress:stage(stage.name, stage.task, index, #session.config.stages)
  dir:log("stage %s (%s) %s", stage.name, stage.task,
    resume_state and ("goes on after epoch %d"):format(resume_state.epoch) or "begins")
  local results = task_module(stage.task).run(stage, environment(session, stage, resume_state))
  if type(results) ~= "table" then
    error({ code = "error", message = ("task '%s' returned %s instead of its results"):format(stage.task, type(results)) }, 0)
  end
  if schema.tasks[stage.task].weights and not sys.stat(weights_path(session, stage.name)) then
    error({ code = "error", message = ("task '%s' left no weights in %s"):format(stage.task, weights_path(session, stage.name)) }, 0)
  end

  session.note_time()
  results.seconds, results.warnings = entry.seconds, entry.warnings
  session.results[stage.name] = results
  local mark
  mark, message = dir:metrics_mark()
  if not mark then error({ code = "error", message = message }, 0) end
  ok, message = dir:write_json("results.json", session.results)
  if not ok then error({ code = "error", message = message }, 0) end
  entry.state, entry.files = "finished", hashes(folder, sys.list(folder))
  save_status(session)
  dir:log("stage %s finished: %s", stage.name, summary(results))
  session.progress:stage_done(summary(results))
end

-- The report shows a run that failed or was interrupted as well: what there is so far, and what went wrong.
local function write_report(session, code)
  local report = session.options.report
  if report == nil then
    local found, module = pcall(require, "lunette.report")
    if not found then
      session.dir:log("no report: %s", tostring(module))
      return nil
    end
    report = module.write
  end
  if not report then return nil end
  local ok, path, message = pcall(report, session.dir.path)
  if ok and path then return path end
  session.dir:log("no report: %s", tostring(not ok and path or message))
  -- Of a run that failed, what failed first is enough to say.
  if code == 0 then session.progress:message("the report could not be written: %s", tostring(not ok and path or message)) end
end

-- The library, where the host has one; else nothing.
local function library()
  local loaded = package.loaded.lunette
  return type(loaded) == "table" and loaded or {}
end

-- The library as the run needs it: its determinism, and the number of threads where that is given. Returns what undoes it.
local function set_library(session)
  local lunette = library()
  if not lunette.determinism then return function() end end
  local mode, threads = lunette.determinism(), lunette.threads()
  lunette.determinism(session.config.determinism or "strict")
  if session.threads then lunette.threads(session.threads) end
  return function()
    lunette.determinism(mode)
    lunette.threads(threads)
  end
end

-- Bits depend on the number of threads: a run that goes on, or is repeated, has that of its beginning.
function run.threads_of(provenance)
  local n = type(provenance.device) == "table" and provenance.device.threads
  return math.type(n) == "integer" and n >= 1 and n <= 1024 and n or nil
end

-- Everything after the run directory is there. Returns the exit code and what `run` returns beside it.
local function execute(session)
  local undo = set_library(session)
  local ok, problem = xpcall(function()
    for index, entry in ipairs(session.status.stages) do
      local stage = session.config.stages[index]
      local has_weights = not schema.tasks[stage.task].weights or sys.stat(weights_path(session, stage.name))
      if entry.state ~= "finished" or not session.results[stage.name] or not has_weights then
        local signal = session.interrupted()
        if signal then error({ code = "interrupt", signal = signal, message = "interrupted" }, 0) end
        -- A finished stage goes on from its last checkpoint where its weights or results were lost; what came after
        -- it begins anew.
        for later = index + 1, #session.status.stages do
          local other = session.status.stages[later]
          other.state, other.metrics_start, other.seconds = "pending", nil, 0
        end
        run_stage(session, index)
      end
    end
    session.status.files = hashes(session.dir.path, { "metrics.jsonl", "results.json" })
  end, function(err) return problem_of(err, session, type(err) ~= "table" and debug.traceback("", 2) or nil) end)

  undo()
  -- Lua runs no handler when memory is short.
  if not ok and (type(problem) ~= "table" or not problem.message) then problem = problem_of(problem, session) end
  local status, dir = session.status, session.dir
  local code, message = 0, nil
  if ok then
    status.state, status.stage, status.message = "finished", nil, nil
  else
    code, message = run.exit_code(problem), problem.message
    status.state = problem.code == "interrupt" and "interrupted" or "failed"
    status.message = message
    if session.note_time then session.note_time() end
    for _, entry in ipairs(status.stages) do
      if entry.state == "running" then entry.state = status.state end
    end
    dir:log("%s with exit code %d: %s", status.state, code, message)
    if problem.traceback then dir:log("%s", problem.traceback) end
  end
  status.exit_code = code
  session.progress:close()
  -- The last status is worth trying, but a full disk must not hide what went wrong first.
  local saved, why = pcall(save_status, session)
  if not saved and ok then code, message = 1, type(why) == "table" and why.message or tostring(why) end
  local report_path = write_report(session, code)
  dir:close()
  return code, { dir = dir.path, message = message, report = report_path, results = session.results,
    signal = not ok and problem.signal or nil }
end

local function new_session(options)
  return {
    last_error = options.last_error or library().last_error or function() end,
    options = options,
    progress = options.progress_object or progress.new { mode = options.progress },
    interrupted = options.interrupted or function() return nil end,
    stores = {},
    results = {},
  }
end

local function refuse(code, message)
  return run.exit_codes[code] or 1, { message = message }
end

-- ---- the two ways in ----

--- prepare(config, loaded, options) -> all that a run directory holds before the run (see rundir.create), with the config and
--- data_root; or nil, exit code, {message}: what the recipe needs and this machine or its data lack. loaded: the second value
--- of recipe.load. options: as for run, and known_data (see datafiles.hash).
function run.prepare(config, loaded, options)
  local function lacks(kind, message) return nil, refuse(kind, message) end
  local program = run.program_of(options)
  local lacking, kind = needs.problem(config, program.version)
  if lacking then return lacks(kind, lacking) end
  lacking = missing_task(config)
  if lacking then return lacks("error", lacking) end
  lacking = run.group_problem(config)
  if lacking then return lacks("recipe", lacking) end
  local device = { asked = config.device }
  if options.device_info then
    local found, why = options.device_info(config)
    if not found then return lacks("device", why) end
    device = found
  end
  local data_root = datafiles.root(options.data_root)
  local packed = loaded.bundle
  local promised = packed and packed.lock.data
  local data, problems, what = datafiles.hash(config, data_root, promised, options.known_data, "the bundle was made with")
  if not data then return lacks(what, table.concat(problems, "\n")) end

  local text = recipe.canonical(config)
  local hash = sys.sha256(text)
  local bases = {}
  for i = 1, #loaded.sources - 1 do bases[loaded.sources[i].relative] = loaded.sources[i].sha256 end
  local argv = json.array {}
  for i, word in ipairs(options.argv or {}) do argv[i] = without_home(word) end
  return {
    config = config,
    data_root = data_root,
    sources = loaded.sources,
    -- What the run is to be held against lies in its folder.
    files = packed and { [bundle.file_name] = packed.text },
    config_text = text,
    status = new_status(config, data_root ~= "." and data_root or nil),
    provenance = {
      program = program,
      recipe_sha256 = loaded.sources[#loaded.sources].sha256,
      bases_sha256 = bases,
      config_sha256 = hash,
      overrides = json.array(overrides.texts(loaded.overrides)),
      smoke = options.smoke or loaded.smoke or false,
      bundle_sha256 = packed and packed.sha256,
      seed = config.seed,
      determinism = config.determinism,
      device = device,
      argv = argv,
      data = data,
    },
  }
end

-- What the log says first.
local function log_begin(dir, program, config, smoke)
  dir:log("%s %s: %s%s", program.name, program.version, config.name, smoke and ", a smoke run" or "")
end

--- run(path_or_dir, options) -> exit code, {dir, message, mistakes, report, results}
-- A bundle (see lunette.recipe.bundle) is a recipe with the settings it was run with, before the others.
-- A run directory given instead of a recipe is run anew, with the overrides it was run with, in another folder.
-- options: overrides (list), smoke (with the recipe's own settings for a quick trial), out (folder), data_root, progress
-- (mode), argv (list), threads (of the ops; default: as many as are set), and from the host program:
-- program {version, commit, dirty}, interrupted() -> nil or signal, device_info(config) -> plain data or nil, message,
-- last_error() -> kind, text of the runtime's latest failure (default: lunette.last_error), report(dir) -> path (false: none).
function run.run(path, options)
  options = options or {}
  local set, smoke = {}, options.smoke or false
  local info = sys.stat(path)
  if info and info.kind == "directory" then
    local earlier, message = rundir.open(path)
    if not earlier and not sys.stat(path .. "/recipe.lua") then return refuse("usage", message) end
    local provenance = earlier and earlier:read_json "provenance.json"
    for _, text in ipairs(provenance and provenance.overrides or {}) do set[#set + 1] = text end
    smoke = smoke or provenance and provenance.smoke == true
    path = path .. "/recipe.lua"
  end
  for _, text in ipairs(options.overrides or {}) do set[#set + 1] = text end

  local config, loaded = recipe.load(path, set, smoke)
  if not config then return run.exit_codes.recipe, { mistakes = loaded, message = tostring(loaded) } end
  local given = {}
  for key, value in pairs(options) do given[key] = value end
  smoke = loaded.smoke
  given.smoke = smoke
  local content, refusal, why = run.prepare(config, loaded, given)
  if not content then return refusal, why end
  local session = new_session(options)
  session.config, session.data_root, session.status = config, content.data_root, content.status
  session.device = content.provenance.device.device
  session.threads = options.threads
  local dir, message, code = rundir.create(options.out or rundir.default_path(config, content.provenance.config_sha256), content)
  if not dir then return code == "usage" and 2 or 1, { message = message } end
  session.dir = dir
  local ok
  ok, message = dir:lock()
  if ok then ok, message = dir:open_metrics() end
  if not ok then return refuse("error", message) end
  log_begin(dir, content.provenance.program, config, smoke)
  if smoke then session.progress:message("a smoke run with tiny settings: it shows that everything works, its figures mean nothing") end
  return execute(session)
end

--- resume(dir, options) -> exit code, {dir, message, ...}: goes on where a run stopped, or begins one that a sweep left pending;
--- options as for run.
function run.resume(path, options)
  options = options or {}
  local dir, message = rundir.open(path)
  if not dir then return refuse("usage", message) end
  local status
  status, message = dir:read_json "status.json"
  if not status then return refuse("usage", message) end
  if status.state == "finished" then
    return 0, { dir = path, finished = true, message = ("the run in '%s' is finished; there is nothing to resume"):format(path) }
  end
  local provenance, text
  provenance, message = dir:read_json "provenance.json"
  if not provenance then return refuse("usage", message) end
  text, message = dir:read "config.json"
  if not text then return refuse("usage", message) end
  if sys.sha256(text) ~= provenance.config_sha256 then
    return refuse("usage", ("'%s' was changed since the run began; start a new run instead"):format(dir:file "config.json"))
  end
  local config, mistakes = recipe.from_config(text, dir:file "config.json")
  if not config then return run.exit_codes.recipe, { mistakes = mistakes, message = tostring(mistakes) } end
  if type(status.stages) ~= "table" or #status.stages ~= #config.stages then
    return refuse("usage", ("'%s' does not fit config.json"):format(dir:file "status.json"))
  end

  -- On the device on which it began, whatever "auto" would choose now: another one's bits differ.
  local device = type(provenance.device) == "table" and provenance.device.device or nil
  if device and options.device_info then
    local found, why = options.device_info({ device = device })
    if not found then return refuse("device", why) end
  end

  local program = run.program_of(options)
  local said = options.data_root or (type(status.data_root) == "string" and run.with_home(status.data_root)) or nil
  local data_root = datafiles.root(said)
  local data, problems, what = datafiles.hash(config, data_root, provenance.data)
  if not data then return refuse(what, table.concat(problems, "\n")) end

  local ok
  ok, message = dir:lock()
  if not ok then return refuse("error", message) end
  dir:sweep()
  ok, message = dir:open_metrics()
  if not ok then
    dir:close()
    return refuse("error", message)
  end
  local session = new_session(options)
  session.dir, session.config, session.data_root, session.device = dir, config, data_root, device
  session.status = status
  json.array(status.stages)
  local begins = status.state == "pending"
  status.state, status.message, status.exit_code = "running", nil, nil
  session.results = dir:read_json "results.json" or {}
  if begins then
    log_begin(dir, program, config, provenance.smoke)
  else
    dir:log("resumed by %s %s", program.name, program.version)
  end
  local began = provenance.program or {}
  if began.version ~= program.version or began.commit ~= program.commit then
    local note = ("the run began with version %s (%s), this is %s (%s): its numbers may differ"):format(tostring(began.version),
      tostring(began.commit), program.version, program.commit)
    dir:log("%s", note)
    session.progress:message("%s", note)
  end
  local source = dir:read "recipe.lua"
  if source and type(provenance.recipe_sha256) == "string" and sys.sha256(source) ~= provenance.recipe_sha256 then
    session.progress:message("recipe.lua was changed since the run began; it goes on with the configuration that it began with")
  end
  session.threads = run.threads_of(provenance)
  local threads = library().threads
  if session.threads and threads and threads() ~= session.threads then
    session.progress:message("on %d thread%s, as the run began", session.threads, session.threads == 1 and "" or "s")
  end
  return execute(session)
end

return run
