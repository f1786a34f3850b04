--- A sweep: one recipe run with every combination of a grid of settings, one run after the other.
--
-- DIR/sweep.json says which runs there are, and never changes; DIR/<nnn>-<settings>/ is a run directory each, made with its
-- configuration before the first run begins, so that later changes to the recipe reach none of them. How far each got stands in
-- its own status.json ("pending" at first): going on with a sweep is going on with its runs.

local errors = require "lunette.recipe.errors"
local grid = require "lunette.recipe.grid"
local json = require "lunette.json"
local progress = require "lunette.recipe.progress"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local sys = require "lunette.sys"
local tables = require "lunette.recipe.sweep_table"

local sweep = {}

local FILE = "sweep.json"

--- is_sweep(path) -> whether the folder holds a sweep
function sweep.is_sweep(path)
  return sys.stat(path .. "/" .. FILE) ~= nil
end

local function read_json(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text = file:read("a")
  file:close()
  local value, problem = json.decode(text or "")
  if type(value) ~= "table" then return nil, ("%s: %s"):format(path, problem or "no JSON object") end
  return value
end

local function strings(list)
  if type(list) ~= "table" or #list == 0 then return false end
  for _, item in ipairs(list) do
    if type(item) ~= "string" then return false end
  end
  return true
end

-- A sweep may come from a stranger: its folders are plain names, everything is of the type it is taken for.
local function well_formed(plan)
  if type(plan.name) ~= "string" or type(plan.axes) ~= "table" or type(plan.jobs) ~= "table" then return false end
  for _, axis in ipairs(plan.axes) do
    if type(axis) ~= "table" or type(axis.key) ~= "string" or not strings(axis.values) then return false end
  end
  for _, job in ipairs(plan.jobs) do
    if type(job) ~= "table" or type(job.folder) ~= "string" or not job.folder:find("^[%w_][%w._-]*$") then return false end
    if not strings(job.values) or #job.values ~= #plan.axes then return false end
  end
  return #plan.axes > 0 and #plan.jobs > 0
end

--- open(path) -> the plan in sweep.json {name, axes, jobs, smoke, ...}; or nil, message.
function sweep.open(path)
  if not sweep.is_sweep(path) then return nil, ("'%s' is not a sweep: it has no %s"):format(path, FILE) end
  local link = rundir.link_out(path)
  if link then return nil, link end
  local plan, message = read_json(path .. "/" .. FILE)
  if not plan then return nil, message end
  if not well_formed(plan) then return nil, ("%s/%s is not a sweep's plan"):format(path, FILE) end
  return plan
end

-- ---- results ----

--- outcome(path, plan) -> {name, axes, rows, ...} of the runs as they stand; see lunette.recipe.sweep_table.
function sweep.outcome(path, plan)
  local jobs = {}
  for i, job in ipairs(plan.jobs) do
    local dir = rundir.open(path .. "/" .. job.folder)
    local status, config, results, message
    if dir then
      status, message = dir:read_json "status.json"
      config, results = dir:read_json "config.json", dir:read_json "results.json"
    end
    jobs[i] = { folder = job.folder, values = job.values, config = config, results = results,
      status = status or { state = "lost", message = message or "the folder is no run directory any more" },
      report = sys.stat(path .. "/" .. job.folder .. "/report.html") ~= nil }
  end
  return tables.collect(plan, jobs)
end

-- The tables beside the runs. Those that cannot be written are said and lose no run.
local function write_results(path, plan, say)
  local outcome = sweep.outcome(path, plan)
  for name, text in pairs { ["results.json"] = tables.json(outcome), ["results.csv"] = tables.csv(outcome),
    ["results.md"] = tables.markdown(outcome) } do
    local ok, message = sys.write_atomic(path .. "/" .. name, text)
    if not ok then say("%s", message) end
  end
  return outcome
end

--- report(path) -> path of report.html, built anew of the runs as they stand; raises where there is no sweep.
function sweep.report(path)
  local plan, message = sweep.open(path)
  if not plan then error(message, 0) end
  local file = path .. "/report.html"
  local ok
  ok, message = sys.write_atomic(file, require("lunette.report.sweep").html(sweep.outcome(path, plan)))
  if not ok then error(message, 0) end
  return file
end

-- ---- running ----

-- A run that could not even go on has no word of it in its status.
local function note_failure(path, code, message)
  local dir = rundir.open(path)
  local status = dir and dir:read_json "status.json"
  if not status or status.state ~= "pending" then return end
  status.state, status.exit_code, status.message = "failed", code, message
  dir:write_json("status.json", status)
end

local function run_job(path, options)
  local ok, code, info = pcall(runner.resume, path, options)
  if not ok then code, info = runner.exit_codes.error, { message = tostring(code) } end
  if code ~= 0 and not info.signal then note_failure(path, code, info.message) end
  collectgarbage()
  collectgarbage()
  return code, info
end

-- Whether a run is to be left as it is: it is done, or would diverge once more.
local function is_settled(path)
  local dir = rundir.open(path)
  local status = dir and dir:read_json "status.json" or {}
  return status.state == "finished" or (status.state == "failed" and status.exit_code == runner.exit_codes.nan)
end

local function execute(path, plan, options)
  local lock, message, code = sys.lock(path .. "/lock")
  if not lock then
    if code == "EAGAIN" then message = ("another process is running in '%s'"):format(path) end
    return runner.exit_codes.error, { message = message }
  end
  local line = progress.new { mode = options.progress }
  local function say(...) line:message(...) end
  if plan.smoke then say("a smoke run with tiny settings: it shows that everything works, its figures mean nothing") end
  local signal
  for i, job in ipairs(plan.jobs) do
    local folder = path .. "/" .. job.folder
    signal = options.interrupted and options.interrupted()
    if signal then break end
    if not is_settled(folder) then
      say("job %d of %d: %s", i, #plan.jobs, job.folder)
      local failed, info = run_job(folder, options)
      signal = info.signal
      if failed ~= 0 and not signal then say("%s: %s", job.folder, errors.printable(tostring(info.message))) end
      write_results(path, plan, say)
      if signal then break end
    end
  end
  local outcome = write_results(path, plan, say)
  local ok, report = pcall(sweep.report, path)
  if not ok then say("the report could not be written: %s", tostring(report)) end
  line:close()
  lock:close()
  local info = { dir = path, outcome = outcome, report = ok and report or nil, signal = signal }
  if signal then
    info.message = "interrupted"
    return runner.exit_code { code = "interrupt", signal = signal }, info
  end
  local failed = #outcome.rows - outcome.count.finished
  if failed > 0 then
    info.message = ("%d of %d runs did not finish"):format(failed, #outcome.rows)
    return runner.exit_codes.error, info
  end
  return 0, info
end

-- What each run lacks, each thing once, and the first exit code; or the contents of all run directories.
local function prepare(variants, options)
  local contents, messages, seen, code = {}, {}, {}, nil
  local given = setmetatable({ known_data = {} }, { __index = options })
  for i, variant in ipairs(variants) do
    local content, refusal, why = runner.prepare(variant.config, variant.info, given)
    contents[i] = content
    if not content then
      code = code or refusal
      if not seen[why.message] then messages[#messages + 1], seen[why.message] = why.message, true end
    end
  end
  if code then return nil, code, table.concat(messages, "\n") end
  return contents
end

-- All of the sweep's folder or nothing of it: made beside its place, and moved there when it is whole.
local function create(path, plan, contents)
  local free, why = rundir.is_free(path)
  if not free then return nil, why, "usage" end
  path = path:gsub("(.)/+$", "%1")
  local parent, part = path:match("^(.*)/[^/]*$"), ("%s.part-%d"):format(path, sys.pid())
  local ok, message
  if parent and parent ~= "" then
    ok, message = sys.mkdir_p(parent)
    if not ok then return nil, message end
  end
  for i, content in ipairs(contents) do
    content.status.state = "pending"
    ok, message = rundir.create(part .. "/" .. plan.jobs[i].folder, content)
    if not ok then break end
  end
  if ok then ok, message = sys.write_atomic(part .. "/" .. FILE, json.encode(plan, { indent = 2 }) .. "\n") end
  if ok then ok, message = os.rename(part, path) end
  if not ok then
    rundir.remove(part)
    return nil, message
  end
  return path
end

local function default_path(name, smoke)
  return ("runs/%s-%s%s-sweep"):format(os.date("!%Y%m%dT%H%M%SZ"), name, smoke and "-smoke" or "")
end

--- run(recipe file, options) -> exit code, {dir, message, mistakes, outcome, report, signal}. options: those of
--- lunette.recipe.run, and grid (list of "key=value,value"), seeds ("1,2,3").
function sweep.run(path, options)
  local axes, message = grid.axes(options.grid, options.seeds, options.overrides)
  if not axes then return runner.exit_codes.usage, { message = message } end
  local jobs, sets = grid.jobs(axes), {}
  for i, job in ipairs(jobs) do
    sets[i] = table.move(options.overrides or {}, 1, #(options.overrides or {}), 1, {})
    table.move(job.overrides, 1, #job.overrides, #sets[i] + 1, sets[i])
  end
  local variants, mistakes = recipe.variants(path, sets, options.smoke)
  if not variants then return runner.exit_codes.recipe, { mistakes = mistakes } end
  local contents, code
  contents, code, message = prepare(variants, options)
  if not contents then return code, { message = message } end

  local plan = { format = 1, name = variants[1].config.name, smoke = options.smoke or false, axes = json.array {}, jobs = json.array {},
    overrides = json.array(options.overrides or {}), recipe_sha256 = contents[1].provenance.recipe_sha256,
    program = contents[1].provenance.program }
  for i, axis in ipairs(axes) do plan.axes[i] = { key = axis.key, values = json.array(axis.values) } end
  for i, job in ipairs(jobs) do
    plan.jobs[i] = { folder = job.folder, values = json.array(job.values), config_sha256 = contents[i].provenance.config_sha256 }
  end
  local dir
  dir, message, code = create(options.out or default_path(plan.name, plan.smoke), plan, contents)
  if not dir then return code == "usage" and runner.exit_codes.usage or runner.exit_codes.error, { message = message } end
  return execute(dir, plan, options)
end

--- resume(dir, options) -> exit code, {dir, message, outcome, ...}: goes on with the runs that are not finished, one that failed
--- included, unless it diverged.
function sweep.resume(path, options)
  local plan, message = sweep.open(path)
  if not plan then return runner.exit_codes.usage, { message = message } end
  local settled = true
  for _, job in ipairs(plan.jobs) do settled = settled and is_settled(path .. "/" .. job.folder) end
  local code, info = execute(path, plan, options)
  if settled and code == 0 then info.finished = true end
  return code, info
end

return sweep
