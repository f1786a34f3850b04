-- `lunette report DIR`: the page of a finished and of an interrupted run anew, and nothing else of the run changed.
local t = require "tap"
local support = require "recipe_support"
local sys = require "lunette.sys"

local function report(dir) return support.command { "report", dir } end

-- The SHA-256 of every file below a folder, without those the report consists of.
local function contents(dir)
  local map = {}
  local pipe = io.popen(("cd '%s' && find . -type f"):format(dir))
  for name in pipe:lines() do
    if name ~= "./report.html" and not name:find("^%./figures/[^/]+%.svg$") then map[name] = sys.sha256_file(dir .. "/" .. name) end
  end
  pipe:close()
  return map
end

-- With the report that a run writes by itself.
local function run(interrupted)
  local path = support.file { ["epochs = 1"] = "epochs = 2" }
  return support.run(path, { report = require("lunette.report").write, interrupted = interrupted })
end

t.case("a finished run: the same page again, every other file as it was", function()
  local out, code = run()
  t.equal(code, 0)
  local before, page = contents(out), t.read(out .. "/report.html")
  os.remove(out .. "/report.html")
  local said, err
  code, said, err = report(out)
  t.equal({ code, said, err }, { 0, ("report: %s/report.html"):format(out), "" })
  t.equal(t.read(out .. "/report.html"), page)
  t.contains(page, "lunette verify --rerun .")
  t.equal(contents(out), before)
  t.ok(before["./metrics.jsonl"] and before["./checkpoints/pretrain/weights.safetensors"])
end)

t.case("an interrupted run: what there is so far, every other file as it was", function()
  local asked = 0
  local out, code = run(function()
    asked = asked + 1
    return asked > 4 and 2 or nil
  end)
  t.equal(code, 130)
  local before = contents(out)
  os.remove(out .. "/report.html")
  t.equal((report(out)), 0)
  t.match(t.read(out .. "/report.html"), "interrupted")
  t.contains(t.read(out .. "/report.html"), "near")
  t.equal(contents(out), before)
  os.remove(out .. "/status.json")
  t.equal((report(out)), 0)
end)

t.case("bad input: exit code 2, or 1 where a run is there and cannot be read", function()
  local function says(expected, message, dir)
    local code, said, err = report(dir)
    t.equal({ code, said }, { expected, "" })
    t.contains(err, message)
  end
  says(2, "lunette report: /none is no run directory", "/none")
  local folder = t.folder()
  says(2, "is no run directory", folder)
  t.equal(#sys.list(folder), 0)
  t.write(folder .. "/config.json", "{")
  says(1, "config.json: not a JSON object", folder)
end)

t.finish()
