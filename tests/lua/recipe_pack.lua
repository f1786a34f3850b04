-- Bundles: `lunette pack`, runs of what it wrote, and what is refused.
local t = require "tap"
local bundle = require "lunette.recipe.bundle"
local json = require "lunette.json"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local support = require "recipe_support"
local sys = require "lunette.sys"

local MACHINE = { device = "cpu", cpu = "some", threads = 2, isa = "avx2", engine = "one\ntwo", compiler = "c" }

local function host(more)
  local h = { program = support.program, device_info = function() return MACHINE end, report = false }
  for key, value in pairs(more or {}) do h[key] = value end
  return h
end

local function command(...) return support.command({ ... }, host()) end

local function run(path, more)
  more = more or {}
  more.device_info = more.device_info or function() return MACHINE end
  local out, code, info = support.run(path, more)
  t.equal({ code, info.message }, { 0 })
  return out
end

local function packed(source, ...)
  local file = t.folder() .. "/shared"
  local code, out, err = command("pack", source, "--out", file, ...)
  t.equal({ code, err }, { 0, "" })
  t.match(out, "^bundle: " .. file:gsub("%p", "%%%0") .. " %(%d+ bytes, SHA%-256 %x+%)")
  return file
end

local RUN = run(support.file())
local FILE = packed(RUN)
local TEXT = t.read(FILE)

t.case("pack a run, run the bundle elsewhere: bit-equal, and the run directory is complete by itself", function()
  t.ok(bundle.is(FILE))
  local code, out, err = command("check", FILE)
  t.equal({ code, err }, { 0, "" })
  t.contains(out, "recipe 'tiny' is valid")
  local dir = run(FILE)
  os.rename(FILE, FILE .. ".gone")
  t.equal(t.read(dir .. "/metrics.jsonl"), t.read(RUN .. "/metrics.jsonl"))
  code, out = command("verify", dir)
  os.rename(FILE .. ".gone", FILE)
  t.equal(code, 0)
  t.contains(out, "ok       recipe.bundle\n")
  t.contains(out, "ok       expected: metrics, results and weights are bit-equal to those of the bundle")
  -- and can be packed in turn: the same question, the same answers
  local again = packed(dir)
  t.equal(t.read(again), TEXT)
end)

t.case("what a bundle holds", function()
  local b = assert(bundle.parse(TEXT))
  t.equal(b.lock.program, { name = "lunette", version = "0.1.0", commit = "abc", dirty = false })
  t.equal(b.lock.device, MACHINE)
  t.equal(b.sources[1].text, support.RECIPE)
  local provenance = rundir.open(RUN):read_json "provenance.json"
  t.equal(b.lock.data.s.settings_sha256, provenance.data.s.settings_sha256)
  t.equal(b.expected.metrics_sha256, sys.sha256_file(RUN .. "/metrics.jsonl"))
  t.equal(b.expected.results.near.seconds, nil)
  local results = rundir.open(RUN):read_json "results.json"
  t.equal(b.expected.within["near.top1"], { tolerance = math.max(results.near.ci_high - results.near.ci_low, 0.01), by = "interval" })
  t.equal(b.expected.within["pretrain.loss"], { tolerance = results.pretrain.loss / 10, by = "default" })
  t.equal(b.expected.within["pretrain.parameters"], { tolerance = 0, by = "setting" })
  t.equal(TEXT:find(RUN, 1, true), nil, "no path of the machine is in it")
end)

t.case("a recipe with a base, settings and a smoke run", function()
  local folder = t.folder()
  sys.mkdir_p(folder .. "/base")
  t.write(folder .. "/base/b.lua", support.RECIPE)
  local path = t.write(folder .. "/a.lua", [[return { extends = "base/b.lua", smoke = { ["pretrain.batch"] = 4 } }]])
  local dir = run(path, { overrides = { "seed=3" }, smoke = true })
  local file = packed(dir)
  local other = run(file)
  t.equal(t.read(other .. "/config.json"), t.read(dir .. "/config.json"))
  t.equal(t.read(other .. "/base/b.lua"), support.RECIPE)
  local code, out = command("verify", other)
  t.equal(code, 0)
  t.contains(out, "bit-equal to those of the bundle")
  code, out = command("diff", file, dir)
  t.equal(code, 0)
  t.contains(out, "(bundle of a run)")
  -- settings beside the bundle's own make another run
  other = run(file, { overrides = { "seed=4" } })
  code, out = command("verify", other)
  t.equal(code, 0)
  t.contains(out, "note     the run was made with --set seed=4: what the bundle expects is of another run")
  code, out = command("diff", file, other)
  t.equal(code, 1)
  t.contains(out, "seed: 3 -> 4")
end)

t.case("a recipe that was not run: no expectations", function()
  local path = support.file()
  local file = packed(path, "--set", "pretrain.epochs=2")
  local code, out = command("pack", path, "--out", file)
  t.equal(code, 0)
  t.contains(out, "it expects nothing of a run")
  local dir = run(file)
  code, out = command("verify", dir)
  t.equal(code, 0)
  t.contains(out, "note     the bundle was made of a recipe before any run: it expects nothing")
end)

-- The bundle with one part's text changed and every hash made good again.
local function forged(change)
  local b = assert(bundle.parse(TEXT))
  local content = { sources = b.sources, lock = b.lock, config_text = b.config_text, expected = b.expected }
  change(content)
  return content
end

local function write(content)
  local text, problem = bundle.encode(content)
  t.ok(text, problem)
  return t.write(t.folder() .. "/other", text)
end

t.case("another build: what differs is said, and figures are held to their tolerances", function()
  local dir = run(write(forged(function(c)
    c.lock.program.commit, c.lock.device.isa = "other", "avx512"
    c.expected.results.pretrain.loss = c.expected.results.pretrain.loss * 1.01
    c.expected.metrics_sha256 = sys.sha256 "other"
  end)))
  local code, out = command("verify", dir)
  t.equal(code, 0)
  t.contains(out, [[note     program.commit: the bundle's run had "other", this run has "abc"]])
  t.contains(out, [[note     device.isa: the bundle's run had "avx512", this run has "avx2"]])
  t.contains(out, "not bit-equal to the bundle (2 differences, first: metrics.jsonl), which another program or device may explain")
  t.match(out, "ok       expected: pretrain%.loss within [%d.]+ %(default%): [%d.]+, here [%d.]+")
  t.match(out, "ok       expected: near%.top1 within [%d.]+ %(interval%)")

  dir = run(write(forged(function(c)
    c.lock.program.commit = "other"
    c.expected.results.pretrain.loss = c.expected.results.pretrain.loss * 1.2
  end)))
  code, out = command("verify", dir)
  t.equal(code, 6)
  t.match(out, "differs  expected: pretrain%.loss within [%d.]+ %(default%): recorded [%d.]+, found [%d.]+")
  t.equal(out:find("differs  expected: near", 1, true), nil)
end)

t.case("the same build and other numbers: exit code 6", function()
  local dir = run(write(forged(function(c) c.expected.results.pretrain.loss = c.expected.results.pretrain.loss * 1.0001 end)))
  local code, out = command("verify", dir)
  t.equal(code, 6)
  t.match(out, "differs  expected: results of pretrain%.loss: recorded [%d.]+, found [%d.]+")
  t.contains(out, "bit-equal numbers were promised")
  dir = run(write(forged(function(c) c.expected.weights.pretrain["weights.safetensors"] = sys.sha256 "x" end)))
  code, out = command("verify", dir)
  t.equal(code, 6)
  t.match(out, "differs  expected: SHA%-256 of the weights of pretrain")
  -- "fast" promises no bits
  dir = run(write(forged(function(c)
    c.lock.determinism = "fast"
    c.expected.results.pretrain.loss = c.expected.results.pretrain.loss * 1.0001
  end)))
  t.equal((command("verify", dir)), 0)
end)

t.case("a copy in the run directory that was changed or lost", function()
  local dir = run(FILE)
  t.write(dir .. "/recipe.bundle", (TEXT:gsub("tiny", "tinz")))
  local code, out = command("verify", dir)
  t.equal(code, 6)
  t.contains(out, "differs  recipe.bundle: recorded SHA-256")
  os.remove(dir .. "/recipe.bundle")
  code, out = command("verify", dir)
  t.equal(code, 6)
  t.contains(out, "found no such file")
end)

t.case("data that is not the bundle's stops the run before it begins: exit code 3, expected and got", function()
  local root = t.folder()
  sys.mkdir_p(root .. "/cifar")
  local record = "\1" .. ("\0\80\255"):rep(1024)
  t.write(root .. "/cifar/a.bin", record:rep(16))
  t.write(root .. "/cifar/b.bin", record:rep(8))
  local file = packed(run(support.file { ['{ kind = "shapes", n_train = 16, n_test = 8 }'] =
    '{ kind = "cifar10", path = "cifar", files = { train = { "a.bin" }, test = { "b.bin" } } }' }, { data_root = root }))
  local other = ("\2" .. record:sub(2)):rep(16)
  t.write(root .. "/cifar/a.bin", other)
  local out = t.folder() .. "/run"
  local code, _, err = command("run", file, "--data-root", root, "--out", out)
  t.equal({ code, (sys.stat(out)) }, { 3 })
  t.contains(err, ("'%s/cifar/a.bin' is not the file the bundle was made with: expected SHA-256 %s, got %s"):format(root,
    sys.sha256(record:rep(16)), sys.sha256(other)))
  os.remove(root .. "/cifar/a.bin")
  code, _, err = command("run", file, "--data-root", root, "--out", out)
  t.equal({ code, (sys.stat(out)) }, { 3 })
  t.contains(err, "no such file")
end)

-- ---- hostile bundles ----

-- Puts the last line's hash right.
local function sealed(text)
  local body = text:gsub("end %x+\n$", "")
  return body .. "end " .. sys.sha256(body) .. "\n"
end

local function refused(text, expected, what)
  local path = t.write(t.folder() .. "/hostile", text)
  for _, name in ipairs { "check", "run" } do
    local out = t.folder() .. "/run"
    local code, said, err = support.command(name == "run" and { name, path, "--out", out } or { name, path }, host())
    t.equal({ code, said, (sys.stat(out)) }, { 2, "" }, what)
    t.contains(err, path .. ": the bundle is refused: ", what)
    t.contains(err, expected, what)
    t.equal(err:find("\n", 1, true), nil, what)
  end
end

local function part(name, body) return ("part %s %d %s\n%s\n"):format(name, #body, sys.sha256(body), body) end

t.case("each part tampered with", function()
  local names = {}
  for name, size, at in TEXT:gmatch("part (%S+) (%d+) %x+\n()") do
    names[#names + 1] = name
    local middle = at + size // 2
    local other = TEXT:byte(middle) == 65 and "B" or "A"
    refused(TEXT:sub(1, middle - 1) .. other .. TEXT:sub(middle + 1), "part '" .. name .. "' does not have its SHA-256", name)
    refused(sealed(TEXT:sub(1, middle - 1) .. other .. TEXT:sub(middle + 1)), "part '" .. name .. "' does not have its SHA-256", name)
  end
  t.equal(names, { "lock.json", "recipe.lua", "config.json", "expected.json" })
  refused((TEXT:gsub("end %x", function(s) return s == "end 0" and "end 1" or "end 0" end)), "the SHA-256 that its last line promises")
end)

t.case("cut off at every line, and with something behind it", function()
  local at = 0
  while true do
    at = TEXT:find("\n", at + 1, true)
    if not at or at >= #TEXT then break end
    local b, problem = bundle.parse(TEXT:sub(1, at))
    t.ok(not b and (problem:find("cut off", 1, true) or problem:find("does not end where", 1, true)), problem)
  end
  refused(TEXT:sub(1, #TEXT // 2), "it is cut off in part")
  refused(TEXT:sub(1, -2), "it is cut off")
  refused(TEXT .. "x", "something follows its line 'end'")
end)

t.case("sizes, numbers, names and paths", function()
  local lock = TEXT:match("^.-\n(part lock.json .-)part recipe.lua")
  refused(sealed((TEXT:gsub("^lunette%-bundle 1", "lunette-bundle 2"))), "it has format 2, this program reads format 1")
  refused("lunette-bundle one\n", "its first line is not 'lunette-bundle 1'")
  refused(sealed("lunette-bundle 1\n" .. lock .. lock), "part 'lock.json' is there twice")
  for _, name in ipairs { "../recipe.lua", "/etc/passwd", "base-9.lua", "base-0.lua", "lock.json/x", "x\27[2J" } do
    refused(sealed((TEXT:gsub("part recipe%.lua", function() return "part " .. name end))), "is not the name of a part", name)
  end
  refused(sealed((TEXT:gsub("part recipe%.lua %d+", "part recipe.lua 99999999"))), "part 'recipe.lua' has 99999999 bytes; at most 262144")
  refused(sealed((TEXT:gsub("part recipe%.lua %d+", "part recipe.lua 99999999999999999999"))), "its size is not a number of bytes")
  refused(sealed((TEXT:gsub("part recipe%.lua %d+", "part recipe.lua 007"))), "its size is not a number of bytes")
  refused(sealed((TEXT:gsub("part recipe%.lua %d+", "part recipe.lua 7"))), "does not end where its size says")
  refused("lunette-bundle 1\n" .. ("x"):rep(bundle.limits.bytes), "at most 8388608 are allowed")
end)

t.case("JSON that could be read in two ways, is deep, or is not what it should be", function()
  local function with(name, body) -- the bundle with another text of a part
    local out = "lunette-bundle 1\n"
    for n, size, at in TEXT:gmatch("part (%S+) (%d+) %x+\n()") do
      out = out .. part(n, n == name and body or TEXT:sub(at, at + size - 1))
    end
    return out .. "end " .. sys.sha256(out) .. "\n"
  end
  t.ok(bundle.parse(with()))
  local lock = TEXT:match("part lock.json %d+ %x+\n(.-)\npart recipe")
  t.ok(bundle.parse(with("lock.json", lock)))
  refused(with("lock.json", "[1]"), "part 'lock.json' is not a JSON object")
  refused(with("lock.json", "[]"), "not in the form in which bundles are written")
  refused(with("lock.json", "{"), "part 'lock.json' is not a JSON object")
  refused(with("lock.json", (lock:gsub('"smoke": false', '"smoke": true,\n  "smoke": false'))),
    "not in the form in which bundles are written")
  refused(with("lock.json", (lock:gsub('"threads": 2', '"threads": 2.0'))), "not in the form in which bundles are written")
  refused(with("lock.json", (lock:gsub('"smoke": false', '"smoke": 1'))), "'smoke' is not what it should be")
  refused(with("lock.json", (lock:gsub('"smoke": false', '"smoke": false,\n  "snow": 1'))), "unknown key 'snow'")
  refused(with("lock.json", (lock:gsub('"avx2"', [["\u001b[2J"]]))), "a control character")
  refused(with("lock.json", ("{\"a\": "):rep(30) .. "1" .. ("}"):rep(30)), "nested deeper")
  for _, path in ipairs { "../x.lua", "/x.lua", "a/../../x.lua", "recipe.sh", "checkpoints/x.lua", "a//b.lua", "./x.lua" } do
    local text = lock:gsub('"sources": %[', function(s)
      return s .. ('\n    {\n      "part": "base-1.lua",\n      "path": "%s"\n    },'):format(path)
    end)
    local out = "lunette-bundle 1\n" .. part("lock.json", text) .. part("base-1.lua", "return {}")
    for n, size, at in TEXT:gmatch("part (%S+) (%d+) %x+\n()") do
      if n ~= "lock.json" then out = out .. part(n, TEXT:sub(at, at + size - 1)) end
    end
    refused(out .. "end " .. sys.sha256(out) .. "\n", "part 'lock.json': the path '" .. path .. "'", path)
  end
  refused(with("recipe.lua", support.RECIPE .. "--\27[2J"), "part 'recipe.lua' has a control character")
  refused(with("config.json", "{}\n"), "part 'config.json' is not the configuration that lock.json names")
end)

t.case("bases that are not what the files name", function()
  local b = forged(function(c)
    table.insert(c.sources, 1, { relative = "base/b.lua", text = support.RECIPE })
    c.sources[2].text = "return { extends = 'base/c.lua' }"
  end)
  local path = write(b)
  local config, mistakes = recipe.load(path)
  t.equal(config, nil)
  t.contains(tostring(mistakes), "'extends': the bundle holds 'base/b.lua' here")
end)

t.case("changed bytes anywhere: refused, never an error of the reader's own", function()
  local state = 7
  for _ = 1, 300 do
    state = (state * 1103515245 + 12345) % 2147483648
    local at = state % #TEXT + 1
    local byte = string.char(state // 65536 % 256)
    if byte ~= TEXT:sub(at, at) then
      local b, problem = bundle.parse(TEXT:sub(1, at - 1) .. byte .. TEXT:sub(at + 1))
      t.equal(b, nil)
      t.ok(type(problem) == "string" and not problem:find("%c"), problem)
    end
  end
end)

-- ---- what cannot be packed ----

t.case("runs that are not what they recorded, or have not finished", function()
  local function says(code, expected, ...)
    local got, out, err = command("pack", ...)
    t.equal({ got, out }, { code, "" })
    t.contains(err, expected)
  end
  local dir = run(support.file())
  t.write(dir .. "/results.json", (t.read(dir .. "/results.json"):gsub('"n": 8', '"n": 9')))
  says(6, "results.json' is not what the run recorded; see lunette verify", dir)
  dir = run(support.file())
  t.write(dir .. "/recipe.lua", support.RECIPE .. "\n")
  says(6, "recipe.lua' is not what the run recorded", dir)
  dir = run(support.file())
  local status = rundir.open(dir):read_json "status.json"
  status.state = "interrupted"
  t.write(dir .. "/status.json", json.encode(status))
  says(2, "the run is interrupted; only a finished one can be packed", dir)
  says(2, "--set and --smoke are for a recipe", RUN, "--set", "seed=2")
  says(2, "no such file", "/none.lua")
  says(2, "is there and is not a bundle", RUN, "--out", t.write(t.folder() .. "/note.txt", "mine"))
end)

t.finish()
