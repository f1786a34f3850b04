-- Recipes in several files, through every command: what is checked, run, kept in the run directory and run again from there.
local t = require "tap"
local recipe = require "lunette.recipe"
local runner = require "lunette.recipe.run"
local rundir = require "lunette.recipe.rundir"
local support = require "recipe_support"
local sys = require "lunette.sys"

local BASE = [[
return {
  format = 1, name = "base", seed = 7,
  data = { s = { kind = "shapes", n_train = 16, n_test = 8 } },
  model = { backbone = "conv4", width = 4, projector = { 8 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "s:train", epochs = 1, batch = 8, monitor = false,
      optim = { lr = 0.1 } },
    { name = "near", task = "knn", from = "pretrain", data = "s:train", test = "s:test", k = 3 },
  },
}
]]

local MIDDLE = [[
return { extends = "deep/base.lua", stages = { { name = "pretrain", temperature = 0.3 } } }
]]

local TOP = [[
return {
  extends = "base/middle.lua",
  name = "top",
  stages = {
    { name = "pretrain", optim = { lr = 0.05 } },
    { name = "again", like = "pretrain", from = "pretrain", optim = { lr = 0.01 } },
    { name = "nearer", like = "near", from = "again" },
  },
  smoke = { ["pretrain.batch"] = 4 },
}
]]

local ONE = [[
return {
  format = 1, name = "top", seed = 7,
  data = { s = { kind = "shapes", n_train = 16, n_test = 8 } },
  model = { backbone = "conv4", width = 4, projector = { 8 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "s:train", epochs = 1, batch = 8, monitor = false, temperature = 0.3,
      optim = { lr = 0.05 } },
    { name = "near", task = "knn", from = "pretrain", data = "s:train", test = "s:test", k = 3 },
    { name = "again", like = "pretrain", from = "pretrain", optim = { lr = 0.01 } },
    { name = "nearer", like = "near", from = "again" },
  },
  smoke = { ["pretrain.batch"] = 4 },
}
]]

-- A folder with the recipe in three files, or with another text in the place of one.
local function written(change)
  change = change or {}
  local folder = t.folder()
  sys.mkdir_p(folder .. "/base/deep")
  t.write(folder .. "/base/deep/base.lua", change.base or BASE)
  t.write(folder .. "/base/middle.lua", change.middle or MIDDLE)
  return t.write(folder .. "/top.lua", change.top or TOP), folder
end

local function mistakes(change)
  local path, folder = written(change)
  local ok, list = recipe.check(path)
  return ok and "" or (tostring(list):gsub(folder:gsub("%p", "%%%0") .. "/", ""))
end

t.case("three files resolve to what one says, with overrides and with small settings", function()
  local path, folder = written()
  t.write(folder .. "/one.lua", ONE)
  for _, set in ipairs { {}, { "again.optim.lr=0.5", "pretrain.optim={kind='lars', lr=0.2}", "seed=3" } } do
    for _, smoke in ipairs { false, true } do
      local config, problem = recipe.load(path, set, smoke)
      t.ok(config, tostring(problem))
      t.equal(recipe.canonical(config), recipe.canonical(assert(recipe.load(folder .. "/one.lua", set, smoke))))
    end
  end
end)

t.case("a mistake is said where it stands, whichever file that is", function()
  local function base(from, to) return { base = (BASE:gsub(from:gsub("%p", "%%%0"), to)) } end
  t.equal(mistakes(), "")
  t.equal(mistakes(base("projector", "projektor")),
    "base/deep/base.lua:4: unknown key 'model.projektor' (did you mean 'projector'?)")
  t.equal(mistakes(base("epochs = 1", "epochs = 'x'")),
    [[base/deep/base.lua:6: 'stages.pretrain.epochs' must be an integer, got a string "x"]])
  t.equal(mistakes(base("optim = { lr = 0.1 }", "optm = { lr = 0.1 }")),
    "base/deep/base.lua:7: unknown key 'stages.pretrain.optm' (did you mean 'optim'?)")
  t.equal(mistakes { middle = '\nreturn { extends = "deep/base.lua", stages = { { nam = "pretrain", temperature = 0.3 } } }' },
    "base/middle.lua:2: unknown key 'stages[1].nam' (did you mean 'name'?)")
  t.equal(mistakes { middle = '\nreturn { extend = "deep/base.lua" }' },
    "base/middle.lua:2: unknown key 'extend' (did you mean 'extends'?)")
  t.equal(mistakes { top = TOP:gsub('like = "near"', 'like = "neer"') },
    "top.lua:7: 'stages.nearer.like': there is no stage 'neer' (did you mean 'near'?)")
  -- Mistakes of several files at once.
  local both = base("projector", "projektor")
  both.top = TOP:gsub("optim = { lr = 0.05 }", "optim = { lr = 0 }")
  t.contains(mistakes(both), "base/deep/base.lua:4: unknown key")
  t.contains(mistakes(both), "top.lua:5: 'stages.pretrain.optim.lr' must be greater than 0, got 0")
end)

t.case("check lists the bases", function()
  local path = written()
  local code, out = support.command { "check", path }
  t.equal(code, 0)
  t.contains(out, "  extends base/deep/base.lua\n  extends base/middle.lua\n")
end)

t.case("the run directory stands alone: its recipe runs, is verified and compared without the originals", function()
  local path, folder = written()
  local dir, code, info = support.run(path, { overrides = { "seed=3" } })
  t.equal({ code, info.message }, { 0, nil })
  local provenance = rundir.open(dir):read_json "provenance.json"
  t.equal(provenance.bases_sha256, { ["base/middle.lua"] = sys.sha256(MIDDLE), ["base/deep/base.lua"] = sys.sha256(BASE) })
  t.equal(provenance.recipe_sha256, sys.sha256(TOP))
  t.equal(t.read(dir .. "/base/deep/base.lua"), BASE)
  os.execute(("rm -r '%s'"):format(folder))

  local out
  code, out = support.command { "verify", "--progress", "none", "--rerun", dir }
  t.equal(code, 0, out)
  t.contains(out, "ok       base/deep/base.lua\nok       base/middle.lua\n")
  t.contains(out, "ok       recipe.lua resolves to config.json")
  local anew = support.run(dir)
  t.equal(t.read(anew .. "/metrics.jsonl"), t.read(dir .. "/metrics.jsonl"))
  t.equal((support.command { "diff", dir, anew }), 0)
  code, out = support.command { "diff", dir .. "/recipe.lua", dir }
  t.equal(code, 1)
  t.contains(out, "seed: 7 -> 3")

  t.write(dir .. "/base/middle.lua", MIDDLE .. "\n")
  code, out = support.command { "verify", dir }
  t.equal(code, 6)
  t.contains(out, "differs  base/middle.lua: recorded SHA-256 " .. sys.sha256(MIDDLE))
end)

t.case("a run that was stopped goes on as it began, whatever became of the files", function()
  local path, folder = written()
  local whole = support.run(path)
  local polls = 0
  local dir, code = support.run(path, { interrupted = function()
    polls = polls + 1
    return polls > 3 and 2 or nil
  end })
  t.equal(code, 130)
  t.write(folder .. "/base/deep/base.lua", (BASE:gsub("seed = 7", "seed = 8")))
  t.write(dir .. "/base/deep/base.lua", "return {")
  t.equal((runner.resume(dir, { progress = "none", report = false, program = support.program })), 0)
  t.equal(t.read(dir .. "/metrics.jsonl"), t.read(whole .. "/metrics.jsonl"))
end)

t.finish()
