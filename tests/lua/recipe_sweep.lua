-- Sweeps, with small tasks in place of the real ones: what is planned, what runs, what a stop or a failure leaves, the tables.
local t = require "tap"
local grid = require "lunette.recipe.grid"
local json = require "lunette.json"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local support = require "recipe_support"
local sweep = require "lunette.recipe.sweep"
local sys = require "lunette.sys"
local tables = require "lunette.recipe.sweep_table"

local BASE = [[
return {
  format = 1, name = "tiny", seed = 7,
  data = { s = { kind = "shapes", n_train = 300, n_test = 100 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "s:train", epochs = 3, batch = 64, optim = { lr = 0.1 },
      save = { every_epochs = 1, keep = 2 } },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "s:train", test = "s:test" },
  },
}
]]

-- at(env, epoch) may do what a case wants done in the middle of a training.
local at, calls

package.loaded["lunette.tasks.pretrain"] = {
  run = function(stage, env)
    local from = env.resume_state and env.resume_state.epoch or 0
    calls[#calls + 1] = ("%s lr %g seed %d"):format(stage.name, stage.optim.lr, env.seed) .. (from > 0 and " after " .. from or "")
    local state = env.resume_state and tonumber(t.read(env.resume_state.folder .. "/state")) or env.seed
    for epoch = from + 1, stage.epochs do
      state = (state * 31 + epoch + math.floor(stage.optim.lr * 100)) % 10007
      env.metrics { epoch = epoch, loss = state / 10007 }
      if at then at(env, epoch) end
      env.save_checkpoint(epoch, function(folder) t.write(folder .. "/state", tostring(state)) end)
      local signal = env.interrupted()
      if signal then error({ code = "interrupt", signal = signal, message = "stopped after epoch " .. epoch }, 0) end
    end
    t.write(env.weights_path, "weights " .. state)
    return { loss = state / 10007, epochs = stage.epochs }
  end,
}

package.loaded["lunette.tasks.linear_probe"] = {
  run = function(stage, env)
    local state = tonumber(t.read(env.stage_weights_path(stage.from)):match("%d+"))
    return { top1 = state % 100 / 100, ci_low = 0, ci_high = 1, n = 100, loss = 1 }
  end,
}

local function options(more)
  local o = { progress = "none", report = false, program = support.program, out = t.folder() .. "/sweep" }
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

local function written(text)
  at, calls = nil, {}
  local folder = t.folder()
  t.write(folder .. "/base.lua", BASE)
  return t.write(folder .. "/tiny.lua", text or 'return { extends = "base.lua" }'), folder
end

local function states(dir)
  local list = {}
  for i, row in ipairs(sweep.outcome(dir, sweep.open(dir)).rows) do list[i] = row.state end
  return list
end

-- ---- the grid ----

t.case("a grid is multiplied out, the last axis fastest, into folders with plain names", function()
  local jobs = grid.jobs(assert(grid.axes({ "pretrain.optim.lr=0.1, 0.01", "model.projector={8},{8, 4}" }, "1,2")))
  local folders = {}
  for i, job in ipairs(jobs) do folders[i] = job.folder end
  t.equal(folders, { "001-lr-0.1-projector-8-seed-1", "002-lr-0.1-projector-8-seed-2", "003-lr-0.1-projector-8-4-seed-1",
    "004-lr-0.1-projector-8-4-seed-2", "005-lr-0.01-projector-8-seed-1", "006-lr-0.01-projector-8-seed-2",
    "007-lr-0.01-projector-8-4-seed-1", "008-lr-0.01-projector-8-4-seed-2" })
  t.equal(jobs[4].values, { "0.1", "{8, 4}", "2" })
  local same = grid.jobs(assert(grid.axes({ "a.epochs=1", "stages.b.epochs='x,y',../../z" })))
  t.equal({ same[1].folder, same[2].folder }, { "001-a.epochs-1-b.epochs-x-y", "002-a.epochs-1-b.epochs-..-..-z" })
  t.equal(#grid.jobs(assert(grid.axes({ "a.b=" .. ("x"):rep(500) })))[1].folder, 64)
end)

t.case("a grid that cannot be meant is refused", function()
  local function says(expected, ...) t.equal(select(2, grid.axes(...)), expected) end
  says("say what to vary: --grid stage.key=value,value or --seeds 1,2,3")
  says('--grid #1: a string "pretrain" is not of the form stage.key=value,value', { "pretrain" })
  says('--grid #2: a string "=1" is not of the form stage.key=value,value', { "a.b=1", "=1" })
  says('--grid #1: a string "1,,2" has an empty value', { "a.b=1,,2" })
  says("--grid #1: the value '1' is there twice", { "a.b=1, 1" })
  says('--grid #1: a string "{1,2" has a bracket or a quote that is not closed', { "a.b={1,2" })
  says("--grid #2: 'a.b' is set by --grid #1 already", { "a.b=1", "stages.a.b=2" })
  says("--grid #1: 'a.b' is set by --set already", { "a.b=1" }, nil, { "a.b=3" })
  says("--seeds: 'seed' is set by --grid #1 already", { "seed=1" }, "2")
  says("--seeds: 'x' is not a whole number; write --seeds 1,2,3", {}, "1,x")
  local many = {}
  for i = 1, 32 do many[i] = tostring(i) end
  many = table.concat(many, ",")
  says("the grid has more than 1000 jobs; split it", { "a.b=" .. many, "a.c=" .. many })
end)

-- ---- before anything runs ----

t.case("the mistakes of all runs are said at once, each once, and nothing is written", function()
  local path, folder = written 'return { extends = "base.lua",\n seeed = 1 }'
  local o = options { grid = { "pretrain.epochs=2,ten,0", "probe.l2=1,x" } }
  local code, info = sweep.run(path, o)
  t.equal(code, 2)
  t.equal((tostring(info.mistakes):gsub(folder:gsub("%p", "%%%0") .. "/", "")), [[
tiny.lua:2: unknown key 'seeed' (did you mean 'seed'?)
command line:--grid #2: 'probe.l2' must be a number, got a string "x"
command line:--grid #1: 'pretrain.epochs' must be an integer, got a string "ten"
command line:--grid #1: 'pretrain.epochs' must be at least 1, got 0]])
  t.equal({ sys.stat(o.out), #calls }, { nil, 0 })
  path = written('return { extends = "base.lua", needs = { memory_gb = 90000 } }')
  code, info = sweep.run(path, options { seeds = "1,2" })
  t.equal(code, 4)
  t.match(info.message, "^needs.memory_gb: the recipe needs 90000 GB, this machine has [%d.]+$")
end)

t.case("a folder that is taken is refused", function()
  local path = written()
  local o = options { seeds = "1" }
  t.equal((sweep.run(path, o)), 0)
  local code, info = sweep.run(path, o)
  t.equal(code, 2)
  t.contains(info.message, "already holds a run; go on with it by 'lunette resume")
end)

-- ---- running ----

t.case("every run is what it is alone, and a run directory of its own", function()
  local path = written()
  local o = options { grid = { "pretrain.optim.lr=0.1,0.2" }, seeds = "1,2", overrides = { "pretrain.epochs=2" } }
  local code, info = sweep.run(path, o)
  t.equal({ code, info.message }, { 0, nil })
  t.equal(calls, { "pretrain lr 0.1 seed 1", "pretrain lr 0.1 seed 2", "pretrain lr 0.2 seed 1", "pretrain lr 0.2 seed 2" })
  local set = { "pretrain.epochs=2", "pretrain.optim.lr=0.2", "seed=1" }
  local dir = o.out .. "/003-lr-0.2-seed-1"
  t.equal(t.read(dir .. "/config.json"), recipe.canonical(assert(recipe.load(path, set))))
  t.equal(rundir.open(dir):read_json("provenance.json").overrides, set)
  local alone = support.run(path, { overrides = set })
  t.equal(t.read(dir .. "/metrics.jsonl"), t.read(alone .. "/metrics.jsonl"))
  t.equal(t.read(dir .. "/log.txt"):gsub("%S+Z ", ""), t.read(alone .. "/log.txt"):gsub("%S+Z ", ""))
  t.equal((support.command { "verify", dir }), 0)
  t.equal((support.command { "diff", dir, alone }), 0)
  t.equal(sys.stat(o.out .. "/004-lr-0.2-seed-2/base.lua").kind, "file")
end)

t.case("changes to the recipe and its base after the start reach no later run", function()
  local path, folder = written()
  at = function()
    t.write(folder .. "/base.lua", "return { not a recipe")
    t.write(path, 'return { extends = "base.lua", seed = 99 }')
  end
  local o = options { grid = { "pretrain.optim.lr=0.1,0.2,0.3" } }
  t.equal((sweep.run(path, o)), 0)
  t.equal(calls, { "pretrain lr 0.1 seed 7", "pretrain lr 0.2 seed 7", "pretrain lr 0.3 seed 7" })
  t.equal(t.read(o.out .. "/003-lr-0.3/base.lua"), BASE)
end)

t.case("a stop: exit code 130, a checkpoint; going on runs what is left, from where it was", function()
  local path = written()
  local whole = options { seeds = "1,2,3" }
  t.equal((sweep.run(path, whole)), 0)
  calls = {}
  local signal -- told once, to the run, as a handler may
  at = function(env, epoch) signal = env.seed == 2 and epoch == 2 and 2 or nil end
  local o = options { seeds = "1,2,3", interrupted = function()
    local told = signal
    signal = nil
    return told
  end }
  local code, info = sweep.run(path, o)
  t.equal({ code, info.message }, { 130, "interrupted" })
  t.equal(states(o.out), { "finished", "interrupted", "pending" })
  t.equal(#sys.list(o.out .. "/002-seed-2/checkpoints/pretrain"), 2)
  at = nil
  code, info = sweep.resume(o.out, o)
  t.equal({ code, info.finished }, { 0, nil })
  t.equal(calls, { "pretrain lr 0.1 seed 1", "pretrain lr 0.1 seed 2", "pretrain lr 0.1 seed 2 after 2", "pretrain lr 0.1 seed 3" })
  for i = 1, 3 do
    local file = ("/00%d-seed-%d/metrics.jsonl"):format(i, i)
    t.equal(t.read(o.out .. file), t.read(whole.out .. file))
  end
  calls = {}
  code, info = sweep.resume(o.out, o)
  t.equal({ code, info.finished, #calls }, { 0, true, 0 })
end)

t.case("a failure is recorded and the rest go on; it is tried again, a divergence is not", function()
  local path = written()
  at = function(env)
    if env.seed == 1 then env.fail("nan", "the loss is nan") end
    if env.seed == 2 then error "a | bug <b>" end
  end
  local o = options { seeds = "1,2,3" }
  local code, info = sweep.run(path, o)
  t.equal({ code, info.message }, { 1, "2 of 3 runs did not finish" })
  t.equal(states(o.out), { "failed", "failed", "finished" })
  local rows = json.decode(t.read(o.out .. "/results.json")).runs
  t.equal({ rows[1].exit_code, rows[1].message, rows[2].exit_code, rows[3].exit_code }, { 5, "the loss is nan", 1, 0 })
  t.match(t.read(o.out .. "/results.md"), "\n%- 002%-seed%-2: .*a \\| bug \\<b\\>\n")
  at, calls = nil, {}
  t.equal((sweep.resume(o.out, o)), 1)
  t.equal(calls, { "pretrain lr 0.1 seed 2" })
  t.equal(states(o.out), { "failed", "finished", "finished" })
end)

t.case("a run that cannot begin is a failed one", function()
  local path = written()
  local o = options { seeds = "1,2,3" }
  at = function(env)
    if env.seed == 1 then t.write(o.out .. "/002-seed-2/config.json", "{}") end
    if env.seed == 1 then rundir.remove(o.out .. "/003-seed-3") end
  end
  t.equal((sweep.run(path, o)), 1)
  t.equal(states(o.out), { "finished", "failed", "lost" })
  t.contains(t.read(o.out .. "/results.csv"), "/config.json' was changed since the run began; start a new run instead")
end)

t.case("two processes do not run one sweep", function()
  local path = written()
  local o = options { seeds = "1" }
  local code, message
  at = function()
    local other, info = sweep.resume(o.out, options())
    code, message = other, info.message
  end
  t.equal((sweep.run(path, o)), 0)
  t.equal({ code, message }, { 1, ("another process is running in '%s'"):format(o.out) })
end)

-- ---- what is made of it ----

t.case("tables: figures with intervals, means over seeds, the loss of what trains", function()
  local path = written()
  local o = options { grid = { "pretrain.optim.lr=0.1,0.2" }, seeds = "1,2" }
  local _, info = sweep.run(path, o)
  local columns = {}
  for i, column in ipairs(info.outcome.columns) do columns[i] = column.name end
  t.equal(columns, { "pretrain.loss", "probe.top1" })
  local values = {}
  for i = 1, 2 do values[i] = info.outcome.rows[i].figures["probe.top1"].value end
  local group = info.outcome.seeds.rows[1].figures["probe.top1"]
  local mean = (values[1] + values[2]) / 2
  t.ok(math.abs(group.mean - mean) < 1e-12 and math.abs(group.deviation - math.abs(values[1] - values[2]) / math.sqrt(2)) < 1e-12)
  t.contains(t.read(o.out .. "/results.md"), (" | %.1f [0.0, 100.0] |"):format(100 * values[1]))
  t.contains(t.read(o.out .. "/results.md"), ("| 0.1 | 2 | "))
  local lines = {}
  for line in t.read(o.out .. "/results.csv"):gmatch("[^\n]+") do lines[#lines + 1] = line end
  t.equal(#lines, 5)
  t.match(lines[1], "^run,pretrain.optim.lr,seed,state,exit_code,seconds,pretrain.loss,probe.top1,probe.top1.low,probe.top1.high,message$")
  t.match(lines[2], "^001%-lr%-0.1%-seed%-1,0.1,1,finished,0,[%d.e-]+,[%d.]+,[%d.]+,0,1,$")
end)

t.case("tables: a value with a comma, a column that is a table, a run without figures", function()
  local outcome = tables.collect({ name = "x", axes = { { key = "a.b", values = { "{1,2}", '"q"' } } } }, {
    { folder = "001-b", values = { "{1,2}" }, status = { state = "finished", stages = { { seconds = 2 } } },
      config = { stages = { { name = "p", task = "knn" } } }, results = { p = { top1 = 0.5 } } },
    { folder = "002-b", values = { '"q"' }, status = { state = "\27[31m", exit_code = "x", message = "a,\n\27b" } },
  })
  t.equal(tables.csv(outcome), 'run,a.b,state,exit_code,seconds,p.top1,message\n001-b,"{1,2}",finished,0,2,0.5,\n'
    .. '002-b,"""q""",unknown,,0,,"a,\\x0a\\x1bb"\n')
  t.equal(outcome.seeds, nil)
  t.equal(tables.terminal(outcome)[3], '2    "q"    unknown')
end)

t.case("the page: a row a run with its link, escaped, no scripts", function()
  local path = written()
  local o = options { grid = { "about=<script>,b" }, report = function(dir) return t.write(dir .. "/report.html", "x") end }
  at = function(env)
    if env.config.about == "b" then env.fail("error", "</ul><script>") end
  end
  t.equal((sweep.run(path, o)), 1)
  local page = t.read(o.out .. "/report.html")
  t.contains(page, '<a href="001-about-script/report.html">')
  t.contains(page, "&lt;script&gt;")
  t.equal(page:find("<script", 1, true), nil)
  t.contains(page, "1 of 2 runs finished, 1 failed")
  os.remove(o.out .. "/report.html")
  local code, out = support.command { "report", o.out }
  t.equal({ code, out, t.read(o.out .. "/report.html") }, { 0, ("report: %s/report.html"):format(o.out), page })
end)

t.case("a plan from a stranger names no folder outside", function()
  local dir = t.folder()
  for _, folder in ipairs { "../x", "/etc", "a/b", ".x", "" } do
    t.write(dir .. "/sweep.json", json.encode { name = "x", axes = { { key = "a", values = { "1" } } },
      jobs = { { folder = folder, values = { "1" } } } })
    t.equal(select(2, sweep.open(dir)), dir .. "/sweep.json is not a sweep's plan")
  end
  for _, text in ipairs { "", "[]", "{}", '{"name":"x","axes":[],"jobs":[]}', '{"name":"x","axes":[1],"jobs":[2]}' } do
    t.write(dir .. "/sweep.json", text)
    t.equal(sweep.open(dir), nil)
    t.equal((support.command { "resume", dir }), 2)
    t.equal((support.command { "report", dir }), 1)
  end
end)

t.case("commands: the table, the way on, and those that take one run only", function()
  local path = written()
  local out = t.folder() .. "/s"
  at = function(env)
    if env.seed == 2 then env.fail("error", "no") end
  end
  local host = { program = support.program, report = false }
  local code, text, err = support.command({ "sweep", path, "--seeds", "1,2", "--progress", "none", "--out", out }, host)
  t.equal(code, 1)
  t.match(text, "^run  seed  state     time .*\n1    1     finished .*\n2    2     failed .*\n1 of 2 runs finished, 1 failed; intervals")
  t.contains(err, ("lunette sweep: 1 of 2 runs did not finish\ngo on with: lunette resume %s"):format(out))
  at = nil
  code = support.command({ "resume", "--progress", "none", out }, host)
  t.equal(code, 0)
  code, text = support.command({ "resume", "--progress", "none", out }, host)
  t.equal(code, 0)
  t.contains(text, "is finished; there is nothing to resume")
  for _, args in ipairs { { "verify", out }, { "diff", out, out }, { "run", out } } do
    local refused, _, why = support.command(args, host)
    t.equal(refused, 2)
    t.contains(why, ("'%s' is a sweep of several runs; name one of the folders in it"):format(out))
  end
  t.equal((support.command { "sweep", path }), 2)
  t.contains(select(3, support.command { "sweep", path, "--gird", "a=1" }), "unknown option '--gird' (did you mean '--grid'?)")
  t.equal((runner.run(out, { progress = "none" })), 2)
end)

t.finish()
