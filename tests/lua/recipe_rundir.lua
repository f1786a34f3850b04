local t = require "tap"
local checkpoints = require "lunette.recipe.checkpoints"
local json = require "lunette.json"
local rundir = require "lunette.recipe.rundir"
local sys = require "lunette.sys"

local function content()
  return {
    sources = { { relative = "sub/base.lua", text = "return {}" }, { relative = "recipe.lua", text = "return { 1 }" } },
    config_text = "{}\n",
    provenance = { seed = 1 },
    status = { state = "running" },
  }
end

local function new_run()
  local path = t.folder() .. "/run"
  local dir = assert(rundir.create(path, content()))
  assert(dir:open_metrics())
  return dir, path
end

t.case("create writes what was asked before anything runs", function()
  local dir, path = new_run()
  t.equal(t.read(path .. "/recipe.lua"), "return { 1 }")
  t.equal(t.read(path .. "/sub/base.lua"), "return {}")
  t.equal(t.read(path .. "/config.json"), "{}\n")
  t.equal(dir:read_json "provenance.json", { seed = 1 })
  t.equal(dir:read_json "status.json", { state = "running" })
  t.equal(t.read(path .. "/metrics.jsonl"), "")
  t.equal(sys.stat(path .. "/checkpoints").kind, "directory")
  t.equal(sys.stat(path .. "/figures/data").kind, "directory")
end)

t.case("create keeps its hands off what is there", function()
  local _, path = new_run()
  local dir, message, code = rundir.create(path, content())
  t.equal({ dir, code }, { nil, "usage" })
  t.contains(message, "already holds a run; go on with it by 'lunette resume " .. path .. "'")
  local other = t.folder()
  t.write(other .. "/thesis.tex", "x")
  t.contains(select(2, rundir.create(other, content())), "is not empty")
  t.contains(select(2, rundir.create(other .. "/thesis.tex", content())), "is not a folder")
  t.ok(rundir.create(t.folder(), content()), "an empty folder is taken")
  t.equal({ rundir.open(other) }, { nil, ("'%s' is not a run directory: it has no status.json"):format(other) })
  t.contains(select(2, rundir.open(other .. "/none")), "no such folder")
end)

t.case("metrics: appended rows are readable at once", function()
  local dir, path = new_run()
  dir:add_metrics { stage = "a", step = 1, loss = 0.5 }
  dir:add_metrics { stage = "a", step = 2, loss = 0 / 0 }
  t.equal(t.read(path .. "/metrics.jsonl"), '{"loss":0.5,"stage":"a","step":1}\n{"loss":null,"stage":"a","step":2}\n')
  local rows, truncated = rundir.read_metrics(path)
  t.equal({ #rows, truncated, rows[2].loss }, { 2, false, json.null })
end)

t.case("metrics: nothing in them differs from run to run", function()
  local dir = new_run()
  for _, key in ipairs { "time", "seconds", "timestamp", "images_per_second", "rate" } do
    t.raises(function() dir:add_metrics { [key] = 1 } end, ("'%s' differs from run to run"):format(key))
  end
end)

t.case("metrics: a truncated tail is passed over by readers and cut by writers", function()
  local dir, path = new_run()
  dir:add_metrics { a = 1 }
  dir:close()
  local file = path .. "/metrics.jsonl"
  t.write(file, t.read(file) .. '{"a":2,"lo')
  local rows, truncated = rundir.read_metrics(file)
  t.equal({ rows, truncated }, { { { a = 1 } }, true })
  local again = rundir.open(path)
  assert(again:open_metrics())
  again:add_metrics { a = 2 }
  t.equal(t.read(file), '{"a":1}\n{"a":2}\n')
  t.write(file, '{"a":1}\n{"a"\n{"a":3}\n')
  local none, message = rundir.read_metrics(file)
  t.equal(none, nil)
  t.contains(message, "metrics.jsonl:2: ")
  t.equal({ rundir.read_metrics(t.write(file, "")) }, { {}, false })
end)

t.case("metrics: cut back to a checkpoint's mark", function()
  local dir, path = new_run()
  dir:add_metrics { a = 1 }
  local mark = dir:metrics_mark()
  dir:add_metrics { a = 2 }
  dir:close()
  local again = rundir.open(path)
  assert(again:open_metrics(mark))
  t.equal(t.read(path .. "/metrics.jsonl"), '{"a":1}\n')
  local ok, message = rundir.open(path):open_metrics(1000)
  t.equal(ok, nil)
  t.contains(message, "it was changed")
end)

t.case("a lock keeps a second process out", function()
  local dir, path = new_run()
  t.equal(dir:lock(), true)
  local other = rundir.open(path)
  t.equal({ other:lock() }, { nil, ("another process is running in '%s'"):format(path), "EAGAIN" })
  dir:close()
  t.equal(other:lock(), true)
end)

t.case("sweep removes a killed writer's temporaries and nothing else", function()
  local dir, path = new_run()
  t.write(path .. "/.status.json.tmp-123-0", "x")
  t.write(path .. "/figures/data/.a.json.tmp-9-1", "x")
  t.write(path .. "/notes.tmp-1-1", "mine")
  dir:sweep()
  t.equal(sys.stat(path .. "/.status.json.tmp-123-0"), nil)
  t.equal(sys.stat(path .. "/figures/data/.a.json.tmp-9-1"), nil)
  t.ok(sys.stat(path .. "/notes.tmp-1-1"))
end)

t.case("the log has lines with the time of day", function()
  local dir, path = new_run()
  dir:log("stage %s begins", "a")
  dir:log("100% done")
  dir:close()
  t.match(t.read(path .. "/log.txt"), "^%d+%-%d+%-%d+T%d+:%d+:%d+Z stage a begins\n%S+ 100%% done\n$")
end)

-- ---- checkpoints ----

local function store(keep)
  local folder = t.folder()
  local mark = 10
  return checkpoints.open(folder, { keep = keep, mark = function()
    mark = mark + 1
    return mark
  end }), folder
end

local function writer(text)
  return function(folder) t.write(folder .. "/weights", text) end
end

t.case("checkpoints: the latest comes back, older ones go", function()
  local s, folder = store(2)
  t.equal(s:latest(), nil)
  for epoch = 1, 3 do t.equal(s:save(epoch, writer("w" .. epoch), { step = epoch * 10 }), true) end
  t.equal({ #s:entries(), s:entries()[1].name, s:entries()[2].name }, { 2, "e0002", "e0003" })
  local latest, damaged = s:latest()
  t.equal({ latest.epoch, latest.info.extra.step, latest.info.metrics_bytes, damaged }, { 3, 30, 13, 0 })
  t.equal(t.read(latest.folder .. "/weights"), "w3")
  t.equal(sys.stat(folder .. "/e0001"), nil)
  for i = 1, 11 do t.equal(s:save(3, writer("again" .. i)), true, "the same epoch once more") end
  t.equal(t.read(s:latest().folder .. "/weights"), "again11")
  t.equal({ #s:entries(), s:entries()[2].name }, { 2, "e0003.11" })
  s:save(4, writer "w4")
  t.equal(t.read(s:latest().folder .. "/weights"), "w4")
end)

t.case("checkpoints: a damaged or half-written one is passed over", function()
  local s, folder = store(5)
  for epoch = 1, 3 do s:save(epoch, writer("w" .. epoch)) end
  t.write(folder .. "/e0003/weights", "w3 but changed")
  assert(sys.mkdir_p(folder .. "/e0009.tmp"))
  local latest, damaged = s:latest()
  t.equal({ latest.epoch, damaged }, { 2, 1 })
  os.remove(folder .. "/e0002/weights")
  t.equal(s:latest().epoch, 1)
  t.write(folder .. "/e0001/info.json", "{")
  t.equal(s:latest(), nil)
  s:clear()
  t.equal(sys.list(folder), {})
end)

t.case("checkpoints: a writer that fails leaves the old one and nothing new", function()
  local s, folder = store(2)
  s:save(1, writer "w1")
  local ok, message, code = s:save(2, function(temporary)
    t.write(temporary .. "/weights", "half")
    return nil, "no space", "ENOSPC"
  end)
  t.equal({ ok, message, code }, { nil, "no space", "ENOSPC" })
  t.raises(function() s:save(2, function() error({ code = "x", message = "broke" }, 0) end) end, "broke")
  t.equal(sys.list(folder), { "e0001" })
  t.equal(s:latest().epoch, 1)
end)

t.case("checkpoints: a full disk leaves the old one", function()
  local folder = t.folder()
  if not os.execute(("mount -t tmpfs -o size=128k tmpfs '%s' 2>/dev/null"):format(folder)) then
    print("# mounting is not permitted here")
    return
  end
  local s = checkpoints.open(folder, { keep = 2, mark = function() return 0 end })
  local function write(bytes)
    return function(temporary) return sys.write_atomic(temporary .. "/weights", ("w"):rep(bytes)) end
  end
  local first = s:save(1, write(1000))
  local ok, message, code = s:save(2, write(1 << 20))
  local names, latest = sys.list(folder), s:latest()
  os.execute(("umount '%s'"):format(folder))
  t.equal({ first, ok, code, names, latest.epoch }, { true, nil, "ENOSPC", { "e0001" }, 1 })
  t.contains(message, "No space left on device")
end)

t.finish()
