-- The runner with small tasks in place of the real ones: what it writes, how it stops, how it goes on.
local t = require "tap"
local cli = require "lunette.cli"
local json = require "lunette.json"
local lunette = require "lunette"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local sys = require "lunette.sys"

local RECIPE = [[
return {
  format = 1, name = "tiny", seed = 7,
  data = { s = { kind = "shapes", n_train = 300, n_test = 100 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "s:train", epochs = 4, batch = 64, optim = { lr = 0.1 },
      save = { every_epochs = 1, keep = 2 } },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "s:train", test = "s:test" },
    { name = "near", task = "knn", like = "probe", k = 5 },
  },
}
]]

-- What the tasks do, changed by the cases: at[stage] is called with env and the epoch.
local at, calls = {}, {}

package.loaded["lunette.tasks.pretrain"] = {
  run = function(stage, env)
    calls[#calls + 1] = stage.name .. (env.resume_state and "@" .. env.resume_state.epoch or "")
    -- The "weights" are a number that depends on every step, so that a wrong resume shows.
    local state = env.seed
    local first = 1
    if env.resume_state then
      state = tonumber(t.read(env.resume_state.folder .. "/state"))
      first = env.resume_state.epoch + 1
    end
    for epoch = first, stage.epochs do
      for step = 1, 3 do
        state = (state * 31 + epoch * 7 + step) % 10007
        env.metrics { epoch = epoch, step = step, loss = state / 10007 }
      end
      if at[stage.name] then at[stage.name](env, epoch) end
      env.save_checkpoint(epoch, function(folder) t.write(folder .. "/state", tostring(state)) end, { lr = stage.optim.lr })
      local signal = env.interrupted()
      if signal then error({ code = "interrupt", signal = signal, message = "stopped after epoch " .. epoch }, 0) end
    end
    t.write(env.weights_path, "weights " .. state)
    return { loss = state / 10007, epochs = stage.epochs }
  end,
}

local function measuring(name)
  package.loaded["lunette.tasks." .. name] = {
    run = function(stage, env)
      calls[#calls + 1] = stage.name
      if at[stage.name] then at[stage.name](env) end
      local weights = t.read(env.stage_weights_path(stage.from))
      local top1 = tonumber(weights:match("%d+")) / 10007
      env.metrics { epoch = 1, top1 = top1 }
      return { top1 = top1, ci_low = 0, ci_high = 1, n = 100 }
    end,
  }
end
measuring "linear_probe"
measuring "knn"

local function options(more)
  local o = { progress = "none", report = false, program = { version = "0.1.0", commit = "abc", dirty = false } }
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

local function fresh(text)
  at, calls = {}, {}
  local folder = t.folder()
  return t.write(folder .. "/tiny.lua", text or RECIPE), folder .. "/run"
end

local function run_to_end(more)
  local path, out = fresh()
  local o = options(more)
  o.out = out
  return out, runner.run(path, o)
end

t.case("a run directory holds all that its readers look for", function()
  local path, out = fresh()
  local code, info = runner.run(path, options { out = out, overrides = { "pretrain.epochs=3" }, argv = { "lunette", "run", path } })
  t.equal({ code, info.message }, { 0, nil })
  t.equal(calls, { "pretrain", "probe", "near" })
  local dir = rundir.open(out)
  local status, results, provenance = dir:read_json "status.json", dir:read_json "results.json", dir:read_json "provenance.json"
  t.equal({ status.state, status.exit_code, status.stage }, { "finished", 0, nil })
  for i, name in ipairs { "pretrain", "probe", "near" } do
    t.equal({ status.stages[i].name, status.stages[i].state }, { name, "finished" })
    t.ok(results[name].seconds >= 0, name)
  end
  t.equal({ results.probe.n, results.probe.ci_high, results.pretrain.epochs }, { 100, 1, 3 })
  local config_text = t.read(out .. "/config.json")
  t.equal(config_text, recipe.canonical(assert(recipe.load(path, { "pretrain.epochs=3" }))))
  t.equal(provenance.config_sha256, sys.sha256(config_text))
  t.equal(provenance.recipe_sha256, sys.sha256(RECIPE))
  t.equal(provenance.overrides, { "pretrain.epochs=3" })
  t.equal(provenance.program, { name = "lunette", version = "0.1.0", commit = "abc", dirty = false })
  t.equal({ provenance.seed, provenance.argv[1], provenance.data.s.kind }, { 7, "lunette", "shapes" })
  t.equal(t.read(out .. "/recipe.lua"), RECIPE)
  local rows = rundir.read_metrics(out)
  t.equal({ #rows, rows[1].stage, rows[1].epoch, rows[10].stage }, { 11, "pretrain", 1, "probe" })
  t.contains(t.read(out .. "/log.txt"), "stage probe (linear_probe) begins")
end)

t.case("provenance is there before the first stage begins, without user and host names", function()
  local path, out = fresh()
  local seen
  at.pretrain = function(env)
    seen = seen or { env.rundir:read_json "provenance.json", env.rundir:read_json "status.json" }
  end
  t.equal((runner.run(path, options { out = out, argv = { "lunette", "run", (os.getenv "HOME" or "") .. "/x.lua" } })), 0)
  t.equal({ seen[1].seed, seen[2].state, seen[2].stage, seen[2].stages[1].state }, { 7, "running", "pretrain", "running" })
  if #(os.getenv "HOME" or "") > 1 then t.equal(seen[1].argv[3], "~/x.lua") end
  local text = t.read(out .. "/provenance.json")
  for _, command in ipairs { "uname -n", "id -un" } do
    local pipe = io.popen(command)
    local name = pipe:read("l")
    pipe:close()
    t.ok(not text:find('"' .. name .. '"', 1, true), name)
  end
end)

t.case("determinism is the recipe's while its stages run, the caller's before and after, and recorded", function()
  for _, mode in ipairs { "fast", "strict" } do
    local other = mode == "fast" and "strict" or "fast"
    for _, fails in ipairs { false, true } do
      local path, out = fresh()
      local seen
      at.pretrain = function()
        seen = lunette.determinism()
        if fails then error("no") end
      end
      lunette.determinism(other)
      t.equal((runner.run(path, options { out = out, overrides = { "determinism=" .. mode } })), fails and 1 or 0)
      t.equal({ seen, lunette.determinism() }, { mode, other })
      t.equal(rundir.open(out):read_json("provenance.json").determinism, mode)
      at, seen = {}, nil
      at.pretrain = function() seen = lunette.determinism() end
      if fails then
        t.equal((runner.resume(out, options())), 0)
        t.equal({ seen, lunette.determinism() }, { mode, other })
      end
      at = {}
    end
  end
  lunette.determinism "strict"
end)

t.case("a run goes on with the number of threads it began with, and says when its recipe was changed", function()
  local was = lunette.threads()
  local path, out = fresh()
  local seen, said
  at.pretrain = function(_, epoch)
    if epoch == 2 then error({ code = "interrupt", signal = 2, message = "stopped" }, 0) end
  end
  local function device_info(config) return { device = config.device == "auto" and "cpu" or config.device, threads = 3 } end
  lunette.threads(3)
  t.equal((runner.run(path, options { out = out, device_info = device_info })), 130)
  lunette.threads(2)
  at = {}
  at.pretrain = function() seen = lunette.threads() end
  t.write(out .. "/recipe.lua", t.read(out .. "/recipe.lua") .. "-- a note\n")
  local given = options { device_info = device_info }
  given.progress_object = setmetatable({ message = function(_, text, ...) said = (said or "") .. text:format(...) .. "\n" end },
    { __index = function() return function() end end })
  t.equal((runner.resume(out, given)), 0)
  t.equal({ seen, lunette.threads() }, { 3, 2 })
  t.contains(said, "on 3 threads, as the run began")
  t.contains(said, "recipe.lua was changed since the run began")
  at = {}
  lunette.threads(was)
end)

t.case("the same recipe twice gives the same bytes", function()
  local first, second = run_to_end(), run_to_end()
  for _, file in ipairs { "metrics.jsonl", "config.json", "provenance.json", "checkpoints/pretrain/weights.safetensors" } do
    t.equal(t.read(first .. "/" .. file), t.read(second .. "/" .. file), file)
  end
end)

local function same_as_uninterrupted(out)
  local whole = run_to_end()
  for _, file in ipairs { "metrics.jsonl", "config.json", "checkpoints/pretrain/weights.safetensors" } do
    t.equal(t.read(out .. "/" .. file), t.read(whole .. "/" .. file), file)
  end
  local a, b = rundir.open(out):read_json "results.json", rundir.open(whole):read_json "results.json"
  for name in pairs(b) do a[name].seconds, b[name].seconds = 0, 0 end
  t.equal(a, b)
end

t.case("interrupted: exit 130 or 143 with a checkpoint; resume gives what an uninterrupted run gives", function()
  for signal, expected in pairs { [2] = 130, [15] = 143 } do
    local path, out = fresh()
    local asked
    at.pretrain = function(_, epoch) if epoch == 2 then asked = signal end end
    local code, info = runner.run(path, options { out = out, interrupted = function() return asked end })
    t.equal({ code, info.message }, { expected, "stopped after epoch 2" })
    local status = rundir.open(out):read_json "status.json"
    t.equal({ status.state, status.stage, status.exit_code, status.stages[1].state, status.stages[2].state },
      { "interrupted", "pretrain", expected, "interrupted", "pending" })
    at, calls = {}, {}
    t.equal((runner.resume(out, options())), 0)
    t.equal(calls, { "pretrain@2", "probe", "near" })
    same_as_uninterrupted(out)
  end
end)

t.case("interrupted again and again, in the middle of epochs", function()
  local path, out = fresh()
  local asked = 2
  local function interrupted() return asked end
  t.equal((runner.run(path, options { out = out })), 0)
  path, out = fresh()
  -- A signal that is there from the start is heard before the first stage begins.
  t.equal((runner.run(path, options { out = out, interrupted = interrupted })), 130)
  t.equal(calls, {})
  for _ = 1, 3 do
    asked = nil
    at.pretrain = function() asked = 2 end
    t.equal((runner.resume(out, options { interrupted = interrupted })), 130)
  end
  at, asked = {}, nil
  t.equal((runner.resume(out, options())), 0)
  t.equal(calls, { "pretrain", "pretrain@1", "pretrain@2", "pretrain@3", "probe", "near" })
  same_as_uninterrupted(out)
end)

t.case("between stages a signal stops the run too", function()
  local path, out = fresh()
  local asked
  at.probe = function() asked = 2 end
  t.equal((runner.run(path, options { out = out, interrupted = function() return asked end })), 130)
  t.equal(calls, { "pretrain", "probe" })
  at, calls = {}, {}
  t.equal((runner.resume(out, options())), 0)
  t.equal(calls, { "near" })
  same_as_uninterrupted(out)
end)

-- Runs a script in another interpreter that can be killed; returns when it is dead.
local function killed(body)
  local script = t.folder() .. "/child.lua"
  t.write(script, ("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath) .. body)
  os.execute(("'%s' '%s' >/dev/null 2>&1"):format(arg[-1] or "lua5.4", script))
end

t.case("killed by SIGKILL in the middle of an epoch: resume gives the same bytes", function()
  local path, out = fresh()
  killed(([[
    local source = assert(io.open(%q)):read("a")
    source = source:sub(1, source:find("\nt.case", 1, true)) .. [=[
      at.pretrain = function(env, epoch)
        if epoch < 3 then return end
        env.metrics { torn = 1 }
        os.execute("kill -9 " .. sys.pid())
      end
      runner.run(%q, options { out = %q })
    ]=]
    assert(load(source))()
  ]]):format(debug.getinfo(1, "S").source:sub(2), path, out))
  local status = rundir.open(out):read_json "status.json"
  t.equal({ status.state, status.stages[1].state }, { "running", "running" })
  t.contains(t.read(out .. "/metrics.jsonl"), "torn")
  -- and the last line was cut off by the kill
  local file = out .. "/metrics.jsonl"
  t.write(file, t.read(file) .. '{"epoch":3,"lo')
  t.equal((runner.resume(out, options())), 0)
  t.equal(calls, { "pretrain@2", "probe", "near" })
  same_as_uninterrupted(out)
end)

t.case("a stage without checkpoint begins anew, its rows with it", function()
  local path, out = fresh()
  at.probe = function(env)
    env.metrics { torn = 1 }
    error "broke"
  end
  local code, info = runner.run(path, options { out = out })
  t.equal(code, 1)
  t.contains(info.message, "broke")
  t.contains(t.read(out .. "/log.txt"), "stack traceback")
  at, calls = {}, {}
  t.equal((runner.resume(out, options())), 0)
  t.equal(calls, { "probe", "near" })
  same_as_uninterrupted(out)
end)

t.case("a damaged checkpoint is passed over for the one before", function()
  local path, out = fresh()
  local asked
  at.pretrain = function(_, epoch) if epoch == 3 then asked = 2 end end
  runner.run(path, options { out = out, interrupted = function() return asked end })
  t.write(out .. "/checkpoints/pretrain/e0003/state", "1")
  at, calls = {}, {}
  t.equal((runner.resume(out, options())), 0)
  t.equal(calls[1], "pretrain@2")
  t.contains(t.read(out .. "/log.txt"), "1 damaged checkpoint(s) passed over")
  same_as_uninterrupted(out)
end)

t.case("lost weights: the stage goes on from its last checkpoint, all after it run again", function()
  local path, out = fresh()
  at.near = function() error "broke" end
  runner.run(path, options { out = out })
  os.remove(out .. "/checkpoints/pretrain/weights.safetensors")
  at, calls = {}, {}
  t.equal((runner.resume(out, options())), 0)
  t.equal(calls, { "pretrain@4", "probe", "near" })
  same_as_uninterrupted(out)
end)

t.case("resume of a finished run says so and touches nothing", function()
  local out = run_to_end()
  local function snapshot()
    local pipe = io.popen(("cd '%s' && find . -printf '%%p %%T@ %%s\\n' | sort"):format(out))
    local text = pipe:read("a")
    pipe:close()
    return text
  end
  local before = snapshot()
  calls = {}
  local code, info = runner.resume(out, options())
  t.equal({ code, info.message }, { 0, ("the run in '%s' is finished; there is nothing to resume"):format(out) })
  t.equal(calls, {})
  t.equal(snapshot(), before)
end)

t.case("exit codes by what a task raises", function()
  local function code_of(raise)
    local path, out = fresh()
    at.probe = function() error(raise, 0) end
    local code, info = runner.run(path, options { out = out })
    local status = rundir.open(out):read_json "status.json"
    t.equal({ status.state, status.exit_code, status.stages[2].state }, { "failed", code, "failed" })
    return code, info.message
  end
  t.equal({ code_of { code = "data", message = "gone" } }, { 3, "gone" })
  t.equal({ code_of { code = "device", message = "no cuda" } }, { 4, "no cuda" })
  t.equal({ code_of { code = "memory", message = "short" } }, { 4, "short" })
  t.equal({ code_of { code = "nan", message = "NaN" } }, { 5, "NaN" })
  t.equal({ code_of { code = "other", message = "x" } }, { 1, "x" })
  t.equal({ code_of "plain" }, { 1, "plain" })
  t.equal({ code_of "not enough memory" }, { 4, "not enough memory" })
end)

t.case("errors of the runtime have the exit code of their kind, other errors after them do not", function()
  local function code_of(kind, raised)
    local path, out = fresh()
    at.probe = function() error(raised, 0) end
    local asked = kind == "interrupted" and function() return #calls > 1 and 2 or nil end or nil
    return (runner.run(path, options { out = out, interrupted = asked, last_error = function() return kind, "conv2d: no room" end }))
  end
  t.equal(code_of("memory", "x.lua:3: conv2d: no room"), 4)
  t.equal(code_of("device", "conv2d: no room"), 4)
  t.equal(code_of("data", "conv2d: no room"), 3)
  t.equal(code_of("divergence", "conv2d: no room"), 5)
  t.equal(code_of("shape", "conv2d: no room"), 1)
  t.equal(code_of("memory", "something else"), 1)
  t.equal(code_of("interrupted", "task.lua:5: interrupted!"), 130)
end)

t.case("tasks that do not keep their promises", function()
  local path, out = fresh()
  local real = package.loaded["lunette.tasks.knn"]
  package.loaded["lunette.tasks.knn"] = { run = function() end }
  local code, info = runner.run(path, options { out = out })
  package.loaded["lunette.tasks.knn"] = real
  t.equal({ code, info.message }, { 1, "task 'knn' returned nil instead of its results" })

  path, out = fresh()
  real = package.loaded["lunette.tasks.pretrain"]
  package.loaded["lunette.tasks.pretrain"] = { run = function() return {} end }
  code, info = runner.run(path, options { out = out })
  package.loaded["lunette.tasks.pretrain"] = real
  t.equal(code, 1)
  t.contains(info.message, "task 'simclr' left no weights in ")
end)

t.case("a task this build lacks is found before anything is written", function()
  local path, out = fresh()
  local real = package.loaded["lunette.tasks.knn"]
  package.loaded["lunette.tasks.knn"] = nil
  package.preload["lunette.tasks.knn"] = function() error("module 'lunette.tasks.knn' not found: taken away by the test", 0) end
  local code, info = runner.run(path, options { out = out })
  package.loaded["lunette.tasks.knn"], package.preload["lunette.tasks.knn"] = real, nil
  t.equal({ code, info.message }, { 1, "this build has no task 'knn' (module lunette.tasks.knn)" })
  t.equal(sys.stat(out), nil)
end)

t.case("what env offers", function()
  local path, out = fresh(RECIPE:gsub("s:test\" },", "s:test\", seed = 99 },"))
  local seen = {}
  at.pretrain = function(env)
    seen.pretrain = seen.pretrain or { seed = env.seed, data = env.data "s:train", precision = env.precision }
  end
  at.probe = function(env)
    seen.probe = {
      seed = env.seed, random = env.stage_weights_path "random", loss = env.results("pretrain").loss,
      epochs = env.stage_config("pretrain").epochs, chart = env.chart_path(), figure = env.figure_path "a.png",
      dir = env.stage_dir "pretrain", name = env.stage.name,
    }
    t.raises(function() env.stage_weights_path "near" end, "stage 'near' has no encoder weights")
    t.raises(function() env.metrics { seconds = 1 } end, "differs from run to run")
    env.fail("data", "%d files", 3)
  end
  local code, info = runner.run(path, options { out = out })
  t.equal({ code, info.message }, { 3, "3 files" })
  t.equal({ seen.pretrain.seed, seen.pretrain.precision, seen.pretrain.data.set, seen.pretrain.data.split,
    seen.pretrain.data.spec.n_train, seen.pretrain.data.folder }, { 7, "auto", "s", "train", 300, nil })
  t.equal({ seen.probe.seed, seen.probe.random, seen.probe.epochs, seen.probe.name }, { 99, nil, 4, "probe" })
  t.equal({ seen.probe.chart, seen.probe.figure, seen.probe.dir },
    { out .. "/figures/data/probe.json", out .. "/figures/a.png", out .. "/checkpoints/pretrain" })
  t.ok(seen.probe.loss)
end)

t.case("two processes cannot work in one folder", function()
  local path, out = fresh()
  local code, info
  at.probe = function() code, info = runner.resume(out, options()) end
  t.equal((runner.run(path, options { out = out })), 0)
  t.equal({ code, info.message }, { 1, ("another process is running in '%s'"):format(out) })
end)

t.case("resume refuses what does not belong to the run", function()
  local path, out = fresh()
  at.probe = function() error "broke" end
  runner.run(path, options { out = out })
  local config = t.read(out .. "/config.json")
  t.write(out .. "/config.json", (config:gsub('"epochs": 4', '"epochs": 5')))
  local code, info = runner.resume(out, options())
  t.equal(code, 2)
  t.contains(info.message, "was changed since the run began")
  t.write(out .. "/config.json", config)
  at = {}
  t.write(out .. "/metrics.jsonl", "")
  code, info = runner.resume(out, options())
  t.equal(code, 1)
  t.contains(info.message, "is shorter than when the checkpoint was made")
  code, info = runner.resume(out .. "/none", options())
  t.equal({ code, info.message }, { 2, ("no such folder '%s/none'"):format(out) })
end)

t.case("another version of the program is noted", function()
  local path, out = fresh()
  at.probe = function() error "broke" end
  runner.run(path, options { out = out })
  at = {}
  t.equal((runner.resume(out, options { program = { version = "0.2.0", commit = "def" } })), 0)
  t.contains(t.read(out .. "/log.txt"), "the run began with version 0.1.0 (abc), this is 0.2.0 (def)")
end)

t.case("a run directory can be run anew, with its overrides", function()
  local path, out = fresh()
  runner.run(path, options { out = out, overrides = { "pretrain.epochs=2" } })
  local code = runner.run(out, options { out = out .. "2", overrides = { "seed=8" } })
  t.equal(code, 0)
  local config = rundir.open(out .. "2"):read_json "config.json"
  t.equal({ config.stages[1].epochs, config.seed }, { 2, 8 })
  t.equal(rundir.open(out .. "2"):read_json("provenance.json").overrides, { "pretrain.epochs=2", "seed=8" })
end)

t.case("a full disk: exit 1 with the reason, what was there stays", function()
  local path = fresh()
  local mount = t.folder()
  if not os.execute(("mount -t tmpfs -o size=512k tmpfs '%s' 2>/dev/null"):format(mount)) then
    print("# mounting is not permitted here")
    return
  end
  local out = mount .. "/run"
  at.pretrain = function(env, epoch)
    if epoch == 2 then
      env.save_checkpoint(2, function(folder) return sys.write_atomic(folder .. "/state", ("x"):rep(1 << 20)) end)
    end
  end
  local code, info = runner.run(path, options { out = out })
  at, calls = {}, {}
  local again = runner.resume(out, options())
  local first_call = calls[1]
  local status = rundir.open(out):read_json "status.json"
  os.execute(("umount '%s'"):format(mount))
  t.equal(code, 1)
  t.contains(info.message, "checkpoint of epoch 2: cannot write")
  t.contains(info.message, "No space left on device")
  t.equal({ again, first_call, status.state }, { 0, "pretrain@1", "finished" })
end)

t.case("data files: missing, wrong, changed, out of the data root: exit 3", function()
  local files = "c = { kind = 'cifar10', path = 'cifar', files = { train = { 'a.bin' }, test = { 'b.bin' } }, %%s }"
  local text = RECIPE:gsub("data = { s =", "data = { " .. files .. ", s =")
    :gsub("from = \"pretrain\", data = \"s:train\", test = \"s:test\"",
      "from = \"pretrain\", data = \"c:train\", test = \"c:test\"")
  local root = t.folder()
  local function try(extra, more)
    local path, out = fresh(text:format(extra or ""))
    local o = options { out = out, data_root = root }
    for key, value in pairs(more or {}) do o[key] = value end
    local code, info = runner.run(path, o)
    return code, info, out
  end
  local code, info, out = try()
  t.equal(code, 3)
  t.contains(info.message, ("data.c: no such file '%s/cifar/a.bin' (data root '%s'; --data-root DIR or LUNETTE_DATA"):format(root, root))
  t.contains(info.message, "b.bin")
  t.equal(sys.stat(out), nil, "nothing was written")

  sys.mkdir_p(root .. "/cifar")
  local a, b = ("\1"):rep(3073 * 70), ("\2"):rep(3073)
  t.write(root .. "/cifar/a.bin", a)
  t.write(root .. "/cifar/b.bin", b)
  code, info = try("sha256 = { ['a.bin'] = '" .. ("0"):rep(64) .. "' }")
  t.equal(code, 3)
  t.contains(info.message, "is not the file the recipe asks for: expected SHA-256 000")
  t.contains(info.message, "got " .. sys.sha256(a))

  code, info, out = try("sha256 = { ['a.bin'] = '" .. sys.sha256(a):upper() .. "' }")
  t.equal({ code, info.message }, { 0, nil })
  t.equal(rundir.open(out):read_json("provenance.json").data.c.files,
    { ["a.bin"] = { bytes = #a, sha256 = sys.sha256(a) }, ["b.bin"] = { bytes = #b, sha256 = sys.sha256(b) } })

  local path
  path, out = fresh(text:format "")
  at.near = function(env)
    t.equal(env.data("c:train").folder, root .. "/cifar")
    error "broke"
  end
  runner.run(path, options { out = out, data_root = root })
  t.write(root .. "/cifar/a.bin", ("c"):rep(#a))
  code, info = runner.resume(out, options())
  t.equal(code, 3)
  t.contains(info.message, "is not the file the run began with")

  t.write(root .. "/cifar/a.bin", a:sub(1, 3073) .. "\10" .. a:sub(3075))
  code, info = try()
  t.equal(code, 3)
  t.contains(info.message, "a.bin': record 2 (offset 3073) has label 10; expected 0..9")

  t.write(root .. "/cifar/a.bin", a .. "x")
  code, info = try()
  t.equal(code, 3)
  t.contains(info.message, "has 215111 bytes, which is not a whole number of records of 3073")
  t.write(root .. "/cifar/a.bin", "")
  t.contains(select(2, try()).message, "a.bin' is empty")
  t.write(root .. "/cifar/a.bin", a)
  code, info, out = try(nil, { overrides = { "pretrain.data=c:train", "pretrain.batch=71" } })
  t.equal({ code, info.message, (sys.stat(out)) }, { 2, "stages.pretrain.batch is 71, but 'c:train' has only 70 images" })

  os.remove(root .. "/cifar/a.bin")
  os.execute(("ln -s /etc/hostname '%s/cifar/a.bin'"):format(root))
  code, info = try()
  t.equal(code, 3)
  t.contains(info.message, "is a link out of the data root")
end)

t.case("a smoke run says that it is one, and its copy is one too", function()
  local text = RECIPE:gsub("seed = 7,", 'seed = 7, smoke = { ["pretrain.epochs"] = 1, ["pretrain.save.keep"] = 1 },')
  local path, out = fresh(text)
  local code = runner.run(path, options { out = out, smoke = true })
  local dir = rundir.open(out)
  local config, provenance = dir:read_json "config.json", dir:read_json "provenance.json"
  t.equal({ code, provenance.smoke, config.stages[1].epochs, config.stages[1].save.keep }, { 0, true, 1, 1 })
  t.equal(config.smoke, { ["pretrain.epochs"] = 1, ["pretrain.save.keep"] = 1 })
  t.contains(config.report.title, "(smoke run)")
  t.contains(t.read(out .. "/log.txt"), "tiny, a smoke run")
  local copy = out .. "-copy"
  runner.run(out, options { out = copy })
  t.equal(rundir.open(copy):read_json("provenance.json").smoke, true)
  t.equal(t.read(copy .. "/config.json"), t.read(out .. "/config.json"))
  path, out = fresh(text)
  runner.run(path, options { out = out })
  t.equal({ rundir.open(out):read_json("provenance.json").smoke, rundir.open(out):read_json("config.json").smoke }, { false, nil })
end)

t.case("needs: version, device, memory", function()
  local function try(needs, more)
    local path, out = fresh((RECIPE:gsub("seed = 7,", "seed = 7, needs = { " .. needs .. " },")))
    local o = options { out = out }
    for key, value in pairs(more or {}) do o[key] = value end
    local code, info = runner.run(path, o)
    return code, info.message
  end
  t.equal({ try "program = '>=0.1 <1.0'" }, { 0 })
  t.equal({ try "program = '>=0.3'" }, { 2, "needs.program: the recipe is for >=0.3, this is 0.1.0" })
  t.equal({ try "program = 'new'" }, { 2, "needs.program: cannot read 'new'; write it as '>=0.3 <1.0'" })
  t.equal((try "memory_gb = 99999"), 4)
  t.equal({ try("device = 'cuda'", { overrides = { "device=cpu" } }) }, { 4, "needs.device: the recipe runs on cuda, not on 'cpu'" })
  t.equal({ try("", { device_info = function() return nil, "no such device" end }) }, { 4, "no such device" })
end)

t.case("the report is written last, and its failure does not fail the run", function()
  local path, out = fresh()
  local code, info = runner.run(path, options { out = out, report = function(dir) return dir .. "/report.html" end })
  t.equal({ code, info.report }, { 0, out .. "/report.html" })
  path, out = fresh()
  code, info = runner.run(path, options { out = out, report = function() error "no ink" end })
  t.equal({ code, info.report }, { 0, nil })
  t.contains(t.read(out .. "/log.txt"), "no ink")
end)

t.case("a folder that is taken, a recipe that is wrong: exit 2, nothing written", function()
  local path, out = fresh()
  t.equal((runner.run(path, options { out = out })), 0)
  local code, info = runner.run(path, options { out = out })
  t.equal(code, 2)
  t.contains(info.message, "already holds a run")
  path, out = fresh "return { format = 1, nmae = 'x' }"
  code, info = runner.run(path, options { out = out })
  t.equal(code, 2)
  t.contains(tostring(info.mistakes), "tiny.lua:1: unknown key 'nmae' (did you mean 'name'?)")
  t.equal(sys.stat(out), nil)
end)

-- ---- the command line ----

local function command(args, host)
  local out, err = {}, {}
  host = host or {}
  host.out = function(line) out[#out + 1] = line end
  host.err = function(line) err[#err + 1] = line end
  host.report = host.report or false
  local code = cli.main(args, host)
  return code, table.concat(out, "\n"), table.concat(err, "\n")
end

t.case("cli: run, resume, check", function()
  local path, out = fresh()
  local code, said, err = command { "run", "--out", out, "--set", "pretrain.epochs=2", "--progress=none", path }
  t.equal({ code, said, err }, { 0, "run directory: " .. out, "" })
  t.equal(rundir.open(out):read_json("provenance.json").argv,
    { "lunette", "run", "--out", out, "--set", "pretrain.epochs=2", "--progress=none", path })
  code, said = command { "resume", out }
  t.equal({ code, said }, { 0, ("the run in '%s' is finished; there is nothing to resume"):format(out) })
  code, said = command { "check", path }
  t.equal(code, 0)
  t.contains(said, "recipe 'tiny' is valid")
  t.contains(said, "makes   data 's' (shapes) from seed 7, nothing is read")
  t.match(said, "writes  runs/<time>%-tiny%-%x+/")
  t.match(said, "1  pretrain +simclr +random +s:train +4 x 4")
end)

t.case("cli: an interrupted run says how to go on", function()
  local path, out = fresh()
  local code, _, err = command({ "run", "--progress", "none", "--out", out, path }, { interrupted = function() return 2 end })
  t.equal(code, 130)
  t.contains(err, "go on with: lunette resume " .. out)
end)

t.case("cli: every mistake of a recipe, one line each, exit 2", function()
  local path = fresh "return { format = 1, nmae = 'x',\n sed = 1, data = {}, stages = { { name = 'a', task = 'simcrl' } } }"
  local code, said, err = command { "check", path, "--set", "a.b" }
  t.equal({ code, said }, { 2, "" })
  t.contains(err, path .. ":1: unknown key 'nmae' (did you mean 'name'?)")
  t.contains(err, path .. ":2: unknown key 'sed' (did you mean 'seed'?)")
  t.contains(err, path .. ":2: 'stages.a.task': unknown task 'simcrl' (did you mean 'simclr'?)")
  t.contains(err, [[command line:--set #1: a string "a.b" is not of the form]])
end)

t.case("cli: usage errors exit 2 with one clear line and the usage", function()
  local function says(args, message)
    local code, _, err = command(args)
    t.equal(code, 2)
    t.contains(err, message)
  end
  says({ "rnu" }, "lunette: unknown command 'rnu' (did you mean 'run'?)")
  says({}, "lunette: unknown command 'nil'")
  says({ "run" }, "lunette run: name a recipe")
  says({ "resume" }, "lunette resume: name a run directory")
  says({ "run", "a", "b" }, "lunette run: one RECIPE at a time, got 2")
  says({ "run", "--otu", "x" }, "lunette run: unknown option '--otu' (did you mean '--out'?)")
  says({ "run", "x", "--out" }, "lunette run: option '--out' needs a value (DIR)")
  says({ "run", "--progress", "brr", "x" }, "option '--progress': unknown mode 'brr' (did you mean 'bar'?)")
  says({ "check", "--out", "x", "y" }, "lunette check: unknown option '--out'")
  says({ "run", "/none/x.lua" }, "/none/x.lua: no such file")
  says({ "resume", "/none" }, "lunette resume: no such folder '/none'")
  t.equal((command { "run", "--help" }), 0)
end)

t.case("results hold what JSON has no number for as null, and a resumed run keeps them", function()
  local path, out = fresh()
  local real = package.loaded["lunette.tasks.linear_probe"]
  package.loaded["lunette.tasks.linear_probe"] = { run = function() return { top1 = 0 / 0 } end }
  at.near = function() error "broke" end
  runner.run(path, options { out = out })
  package.loaded["lunette.tasks.linear_probe"] = real
  at = {}
  t.equal((runner.resume(out, options())), 0)
  t.equal(rundir.open(out):read_json("results.json").probe.top1, json.null)
end)

t.finish()
