-- `lunette verify`: the recorded hashes against the files, and the run once more.
local t = require "tap"
local json = require "lunette.json"
local lunette = require "lunette"
local rundir = require "lunette.recipe.rundir"
local support = require "recipe_support"
local sys = require "lunette.sys"

local MACHINE = { device = "cpu", cpu = "some", threads = 2 }

local function host(more)
  local h = { program = support.program, device_info = function() return MACHINE end }
  for key, value in pairs(more or {}) do h[key] = value end
  return h
end

local function run(path, more)
  more = more or {}
  more.device_info = function() return MACHINE end
  local out, code, info = support.run(path or support.file(), more)
  t.equal({ code, info.message }, { 0 })
  return out
end

local function verify(dir, ...) return support.command({ "verify", dir, "--progress", "none", ... }, host()) end

-- Folders and files beside the run directory.
local function beside(dir) return table.concat(sys.list(dir:match("^(.*)/")), " ") end

local function change(path, from, to)
  local text = t.read(path)
  local at, ending = text:find(from, 1, true)
  t.write(path, text:sub(1, assert(at, from) - 1) .. to .. text:sub(ending + 1))
end

t.case("a run as it was left: every recorded hash, exit code 0", function()
  local dir = run()
  local code, out, err = verify(dir)
  t.equal({ code, err }, { 0, "" })
  t.equal(out, table.concat({
    "ok       recipe.lua",
    "ok       config.json",
    "ok       recipe.lua resolves to config.json",
    "ok       data.s: its settings",
    "ok       checkpoints/pretrain/weights.safetensors",
    "ok       metrics.jsonl",
    "ok       results.json",
    "verified: 7 of 7 as recorded",
  }, "\n"))
  t.equal(beside(dir), "run")
end)

t.case("what the run recorded of its weights is theirs", function()
  local dir = run()
  local status = rundir.open(dir):read_json "status.json"
  t.equal(status.stages[1].files, { ["weights.safetensors"] = sys.sha256_file(dir .. "/checkpoints/pretrain/weights.safetensors") })
  t.equal(status.files["metrics.jsonl"], sys.sha256_file(dir .. "/metrics.jsonl"))
end)

t.case("every file that was changed or lost: recorded and found, exit code 6", function()
  local function says(name, spoil, ...)
    local dir = run(support.file { ["monitor = false"] = "monitor = false, save = { every_epochs = 1 }", ["epochs = 1"] = "epochs = 2" })
    spoil(dir)
    local code, out = verify(dir)
    t.equal(code, 6, name)
    for _, expected in ipairs { ... } do t.contains(out, expected, name) end
    t.match(out, "not verified: %d+ of %d+ differ$", name)
  end
  says("recipe", function(dir) change(dir .. "/recipe.lua", "seed = 7", "seed = 8") end,
    "differs  recipe.lua: recorded SHA-256 ", "differs  recipe.lua resolved: seed: recorded 7, found 8")
  says("configuration", function(dir) change(dir .. "/config.json", '"seed": 7', '"seed": 9') end,
    "differs  config.json: recorded SHA-256 ", "differs  recipe.lua resolved: seed: recorded 9, found 7")
  local file = "/checkpoints/pretrain/weights.safetensors"
  says("weights", function(dir) t.write(dir .. file, "x") end,
    "differs  checkpoints/pretrain/weights.safetensors: recorded SHA-256 ", "found SHA-256 " .. sys.sha256 "x")
  says("lost weights", function(dir) os.remove(dir .. file) end, "weights.safetensors: recorded SHA-256 ", "found no such file")
  says("checkpoint", function(dir) t.write(dir .. "/checkpoints/pretrain/e0001/optimizer.safetensors", "x") end,
    "differs  checkpoints/pretrain/e0001/optimizer.safetensors: recorded")
  says("metrics", function(dir) change(dir .. "/metrics.jsonl", '"epoch":1', '"epoch":3') end, "differs  metrics.jsonl: recorded")
  says("results", function(dir) change(dir .. "/results.json", '"n": 8', '"n": 9') end, "differs  results.json: recorded")
end)

t.case("a base, an override and a smoke run", function()
  local folder = t.folder()
  sys.mkdir_p(folder .. "/base")
  t.write(folder .. "/base/b.lua", support.RECIPE)
  local path = t.write(folder .. "/a.lua", [[return { extends = "base/b.lua", smoke = { ["pretrain.batch"] = 4 } }]])
  local dir = run(path, { overrides = { "seed=3" }, smoke = true })
  local code, out = verify(dir, "--rerun")
  t.equal(code, 0)
  t.contains(out, "ok       base/b.lua\n")
  t.write(dir .. "/base/b.lua", support.RECIPE .. "\n")
  code, out = verify(dir)
  t.equal(code, 6)
  t.contains(out, "differs  base/b.lua: recorded")
end)

t.case("data: changed 6, not there 3, elsewhere with --data-root", function()
  local root = t.folder()
  sys.mkdir_p(root .. "/cifar")
  local record = "\1" .. ("\0\80\255"):rep(1024)
  t.write(root .. "/cifar/a.bin", record:rep(16))
  t.write(root .. "/cifar/b.bin", record:rep(8))
  local dir = run(support.file { ['{ kind = "shapes", n_train = 16, n_test = 8 }'] =
    '{ kind = "cifar10", path = "cifar", files = { train = { "a.bin" }, test = { "b.bin" } } }' }, { data_root = root })
  local code, out = verify(dir)
  t.equal(code, 0)
  t.contains(out, ("ok       data.s: %s/cifar/a.bin"):format(root))
  t.write(root .. "/cifar/a.bin", ("\2" .. record:sub(2)):rep(16))
  code, out = verify(dir, "--rerun")
  t.equal(code, 6)
  t.contains(out, ("differs  data.s: %s/cifar/a.bin: recorded SHA-256 %s, found SHA-256 %s"):format(root, sys.sha256(record:rep(16)),
    sys.sha256(("\2" .. record:sub(2)):rep(16))))
  t.contains(out, "note     not repeated: what the run was made from is not what was recorded")
  os.rename(root .. "/cifar", root .. "/moved")
  code, out = verify(dir)
  t.equal(code, 3)
  t.contains(out, "missing  data.s: " .. root .. "/cifar/a.bin: recorded SHA-256 ")
  t.contains(out, "not verified: 2 of 9 could not be checked for want of data")
  local other = t.folder()
  sys.mkdir_p(other .. "/cifar")
  t.write(other .. "/cifar/a.bin", record:rep(16))
  t.write(other .. "/cifar/b.bin", record:rep(8))
  t.equal((verify(dir, "--data-root", other, "--rerun")), 0)
end)

t.case("--rerun: the same bits, nothing left behind, the run directory untouched", function()
  local dir = run()
  local before = t.read(dir .. "/status.json") .. t.read(dir .. "/log.txt")
  local code, out, err = verify(dir, "--rerun")
  t.equal({ code, err }, { 0, "" })
  t.contains(out, "ok       repeated: metrics.jsonl, every byte\n")
  t.contains(out, "ok       repeated: results.json, every value but the times\n")
  t.contains(out, "ok       repeated: checkpoints/pretrain/weights.safetensors, every byte\n")
  t.contains(out, "verified: 10 of 10 as recorded")
  t.equal(beside(dir), "run")
  t.equal(t.read(dir .. "/status.json") .. t.read(dir .. "/log.txt"), before)
end)

t.case("--rerun is on as many threads as the run was", function()
  local dir = run()
  local threads, set = lunette.threads, {}
  local was = threads()
  lunette.threads = function(n)
    set[#set + 1] = n
    return threads(n)
  end
  local code = verify(dir, "--rerun")
  lunette.threads = threads
  t.equal({ code, set, threads() }, { 0, { MACHINE.threads, was }, was })
end)

-- Another seed's numbers in the place of the run's own, with their hashes: what only a repeated run can find.
local function forged()
  local dir = run()
  local other = run(nil, { overrides = { "seed=8" } })
  local status = rundir.open(dir):read_json "status.json"
  for _, name in ipairs { "metrics.jsonl", "results.json", "checkpoints/pretrain/weights.safetensors" } do
    t.write(dir .. "/" .. name, t.read(other .. "/" .. name))
  end
  status.stages[1].files["weights.safetensors"] = sys.sha256_file(dir .. "/checkpoints/pretrain/weights.safetensors")
  for name in pairs(status.files) do status.files[name] = sys.sha256_file(dir .. "/" .. name) end
  t.write(dir .. "/status.json", json.encode(status))
  return dir
end

t.case("--rerun: numbers that another run made are found, and the repeated run is kept", function()
  local dir = forged()
  t.equal((verify(dir)), 0)
  local code, out = verify(dir, "--rerun")
  t.equal(code, 6)
  t.match(out, "differs  repeated: metrics%.jsonl line 1 %(stage pretrain, epoch 1, step 2%): loss: recorded [%d.]+, found [%d.]+")
  t.match(out, "differs  repeated: results of pretrain%.loss: recorded [%d.]+, found [%d.]+")
  t.match(out, "weights%.safetensors: recorded SHA%-256 %x+, found SHA%-256 %x+ %(%d+ of %d+ tensors differ, by up to [%d.e-]+ in [%w_.]")
  t.contains(out, "note     program and device are those of the run: they do not explain it")
  local kept = out:match("the repeated run is kept in '([^']*)'")
  t.equal(rundir.open(kept):read_json("status.json").state, "finished")
  t.equal(kept:match("^(.*)/"), dir:match("^(.*)/"))
end)

t.case("another program or device is named, and said to explain numbers", function()
  local dir = forged()
  local function with(more) return select(2, support.command({ "verify", dir, "--progress=none", "--rerun" }, host(more))) end
  local out = with { program = { version = "0.1.0", commit = "def", dirty = true } }
  t.contains(out, 'note     program.commit: recorded "abc", here "def"')
  t.contains(out, "built from changed sources")
  t.contains(out, "the notes above may explain the rest")
  out = with { device_info = function() return { device = "cpu", cpu = "some", threads = 3 } end }
  t.contains(out, "note     device.threads: recorded 2, here 3")
  out = with { device_info = function() return { device = "cpu", cpu = "some", threads = 2, gpu = "another" } end }
  t.contains(out, 'note     device.gpu: recorded none, here "another"')
  t.equal(out:find("program.commit", 1, true), nil)
  -- where all is equal it is only named
  dir = run()
  local code
  code, out = support.command({ "verify", dir, "--rerun", "--progress=none" }, host { program = { version = "0.2.0", commit = "abc" } })
  t.equal(code, 0)
  t.contains(out, 'note     program.version: recorded "0.1.0", here "0.2.0"')
  t.equal(out:find("explain", 1, true), nil)
end)

t.case("--rerun that is stopped: its exit code, nothing left behind", function()
  local dir = run()
  local code, _, err = support.command({ "verify", dir, "--rerun", "--progress=none" }, host { interrupted = function() return 2 end })
  t.equal(code, 130)
  t.contains(err, "lunette verify: the run could not be repeated: interrupted")
  t.equal(beside(dir), "run")
end)

t.case("a run that has not finished: what it recorded so far; it cannot be repeated", function()
  local asked = 0
  local dir, code = support.run(support.file { ["epochs = 1"] = "epochs = 3" }, { interrupted = function()
    asked = asked + 1
    return asked > 4 and 2 or nil
  end })
  t.equal(code, 130)
  local out, err
  code, out = verify(dir)
  t.equal(code, 0)
  t.match(out, "ok       checkpoints/pretrain/e%d+/weights%.safetensors")
  t.contains(out, "note     stage pretrain is interrupted")
  t.contains(out, "note     metrics.jsonl and results.json: no hash was recorded, the run has not finished")
  code, out, err = verify(dir, "--rerun")
  t.equal({ code, out }, { 2, "" })
  t.contains(err, "lunette verify: the run is interrupted; only a finished one can be repeated: lunette resume " .. dir)
end)

t.case("a run of a program that recorded less, and one of a stranger", function()
  local dir = run()
  local status = rundir.open(dir):read_json "status.json"
  status.files, status.stages[1].files = nil, nil
  t.write(dir .. "/status.json", json.encode(status))
  local code, out = verify(dir)
  t.equal(code, 0)
  t.contains(out, "note     stage pretrain: no hash of its weights was recorded")
  t.contains(out, "verified: 4 of 4 as recorded")
  status.files, status.state = { ["../x"] = "00", ["/etc/hostname"] = "00" }, "odd\27[2J"
  status.stages[1].state, status.stages[2].name = "odd\27[2J", "../.."
  t.write(dir .. "/status.json", json.encode(status))
  code, out = verify(dir)
  t.equal(code, 0)
  t.contains(out, [[note     "../x": the recorded name leaves its folder through '..']])
  t.contains(out, [[note     "/etc/hostname": the recorded name is absolute]])
  t.equal(out:find("\27", 1, true), nil)
end)

t.case("bad input: exit code 2", function()
  local function says(expected, ...)
    local code, out, err = verify(...)
    t.equal({ code, out }, { 2, "" })
    t.contains(err, expected)
  end
  says("lunette verify: no such folder '/none'", "/none")
  says("is not a run directory", t.folder())
  says("unknown option '--rerunn' (did you mean '--rerun'?)", "x", "--rerunn")
  local dir = run()
  t.write(dir .. "/provenance.json", "[")
  says("provenance.json: ", dir)
end)

t.finish()
