-- `lunette diff`: recipes, run directories, and one of each.
local t = require "tap"
local differences = require "lunette.recipe.differences"
local json = require "lunette.json"
local support = require "recipe_support"

local recipe_file = support.file

local ZERO = '{ name = "zero", task = "knn", from = "random", data = "s:train", test = "s:test", k = 3 },'

local function diff(...) return support.command { "diff", ... } end

local function run(path, set)
  local out, code, info = support.run(path, { overrides = set })
  t.equal({ code, info.message }, { 0 })
  return out
end

t.case("recipes that say the same in other words are equal: exit code 0", function()
  local a = recipe_file()
  local b = recipe_file { ["epochs = epochs, batch = 8"] = "batch = 2 * 4, epochs = 1.0, temperature = 0.5",
    ["seed = 7,"] = "seed = 7, about = ''," }
  local code, out, err = diff(a, b)
  t.equal({ code, err }, { 0, "" })
  t.equal(out, ("A: %s (recipe)\nB: %s (recipe)\nequal: the resolved configurations"):format(a, b))
end)

t.case("every value that differs: its path as for --set, both values, in one order", function()
  local a = recipe_file()
  local b = recipe_file({ ["epochs = epochs"] = "epochs = 3", ["lr = 0.1"] = "lr = 0.5", ["n_test = 8"] = "n_test = 9",
    ["seed = 7,"] = 'seed = 8, about = "x\\ny",', ["projector = { 8 }"] = "projector = { 8, 4 }",
    ["monitor = false"] = "monitor = false, augment = { crop = { 0.5, 1 } }" })
  local code, out = diff(a, b)
  t.equal(code, 1)
  local lines = {}
  for line in (out .. "\n"):gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  t.equal({ lines[3], lines[4], lines[5], lines[6] },
    { 'about: "" -> "x\\ny"', "data.s.n_test: 8 -> 9", "model.projector: [8] -> [8,4]", "seed: 7 -> 8" })
  t.contains(out, "pretrain.augment[1].crop: [0.08,1] -> [0.5,1]")
  t.contains(out, "pretrain.epochs: 1 -> 3")
  t.match(out, "pretrain%.optim%.lr: [%d.]+ %-> 0%.5")
  t.contains(out, "pretrain.projector: [8] -> [8,4]")
  t.equal(out:find("near", 1, true), nil)
  local again = select(2, diff(a, b))
  t.equal(again, out)
  local _, mirrored = diff(b, a)
  t.contains(mirrored, "pretrain.epochs: 3 -> 1")
end)

t.case("stages that only one has, and another order", function()
  local a = recipe_file()
  local b = recipe_file { ['{ name = "near", task'] = ZERO .. ' { name = "near", task' }
  local _, out = diff(a, b)
  t.match(out, '\nstages%.zero: none %-> "knn"$')
  _, out = diff(b, a)
  t.match(out, '\nstages%.zero: "knn" %-> none$')
  local c = recipe_file { ['{ name = "near", task'] = ZERO:gsub("zero", "near") .. ' { name = "zero", task',
    ['from = "pretrain"'] = 'from = "random"' }
  _, out = diff(b, c)
  t.contains(out, 'near.from: "pretrain" -> "random"')
  t.contains(out, 'order of the stages: ["pretrain","zero","near"] -> ["pretrain","near","zero"]')
end)

t.case("run directories: settings, results without times, data; the program in notes", function()
  local path = recipe_file()
  local a, b = run(path), run(path)
  local code, out = diff(a, b)
  t.equal(code, 0)
  t.contains(out, "A: " .. a .. " (run directory, finished)")
  t.contains(out, "equal: the configurations, the data and the results, apart from the time they took")

  code, out = diff(path, a)
  t.equal({ code, out:match("[^\n]*$") }, { 0, "equal: the resolved configurations" })

  local c = run(path, { "pretrain.epochs=2" })
  code, out = diff(a, c)
  t.equal(code, 1)
  t.contains(out, "\npretrain.epochs: 1 -> 2\n")
  t.match(out, "\nresults%.pretrain%.loss: [%d.]+ %-> [%d.]+")
  t.contains(out, "\nresults.pretrain.epochs: 1 -> 2\n")
  t.equal(out:find("seconds", 1, true), nil)
  -- with a recipe on one side there are no results to compare
  code, out = diff(path, c)
  t.equal({ code, out:match("\n(pretrain[^\n]*)$") }, { 1, "pretrain.epochs: 1 -> 2" })

  local provenance = json.decode(t.read(b .. "/provenance.json"))
  provenance.program.commit = "def"
  t.write(b .. "/provenance.json", json.encode(provenance))
  code, out = diff(a, b)
  t.equal(code, 0)
  t.contains(out, '\nnote: program.commit: "abc" -> "def"\nequal')
  provenance.data.s.files["a.bin"] = { bytes = 1, sha256 = "00" }
  t.write(b .. "/provenance.json", json.encode(provenance))
  code, out = diff(a, b)
  t.equal(code, 1)
  t.contains(out, 'SHA-256 of data.s: none -> {"a.bin":"00"}')
end)

t.case("a run that has not finished is compared as far as it went", function()
  local path = recipe_file()
  local a, b = run(path), run(path)
  t.write(b .. "/status.json", (t.read(b .. "/status.json"):gsub('"state": "finished"', '"state": "interrupted"')))
  local results = json.decode(t.read(b .. "/results.json"))
  results.near = nil
  t.write(b .. "/results.json", json.encode(results))
  local code, out = diff(a, b)
  t.equal(code, 1)
  t.contains(out, "(run directory, interrupted)")
  t.contains(out, "results.near.n: 8 -> none")
  os.remove(b .. "/results.json")
  code, out = diff(a, b)
  t.equal(code, 1)
  t.match(out, "results%.pretrain%.loss: [%d.]+ %-> none")
end)

t.case("bad input: exit code 2 and what is wrong with which side", function()
  local good, bad = recipe_file(), recipe_file { ["seed = 7"] = "sed = 7" }
  local function says(expected, ...)
    local code, out, err = diff(...)
    t.equal({ code, out }, { 2, "" })
    t.contains(err, expected)
  end
  says("lunette diff: " .. bad .. ":3: unknown key 'sed' (did you mean 'seed'?)", good, bad)
  says("lunette diff: /none.lua: no such file", "/none.lua", good)
  local folder = t.folder()
  says("is not a run directory: it has no status.json", good, folder)
  says("lunette diff: name two recipes, run directories or bundles, got 1", good)
  says("lunette diff: two recipes, run directories or bundles at a time, got 3", good, good, good)
  local dir = run(good)
  t.write(dir .. "/results.json", "{")
  says(dir .. "/results.json: ", dir, dir)
  t.write(dir .. "/config.json", '{"stages":[1]}')
  says(dir .. "/config.json is not a configuration", good, dir)
end)

t.case("differences: keys that are no names, lists, what is absent", function()
  local function lines(a, b)
    local texts = {}
    for i, d in ipairs(differences.of(a, b)) do
      texts[i] = ("%s %s %s"):format(d.path, differences.show(d.a), differences.show(d.b))
    end
    return texts
  end
  t.equal(lines({ x = 1, y = { 1, 2 } }, { x = 1.0, y = { 1, 2 } }), {})
  t.equal(lines({ b = 1, a = { c = { d = 1 } } }, { b = 2, a = { c = { d = 2 } } }), { "a.c.d 1 2", "b 1 2" })
  t.equal(lines({ l = { 1, 2 } }, { l = { 1, 3 } }), { "l [1,2] [1,3]" })
  t.equal(lines({ l = { { x = 1 }, { x = 2 } } }, { l = { { x = 1 }, { x = 3 } } }), { "l[2].x 2 3" })
  t.equal(lines({ l = { { x = 1 } } }, { l = { { x = 1 }, { x = 3 } } }), { 'l [{"x":1}] [{"x":1},{"x":3}]' })
  t.equal(lines({ f = { ["a\27.bin"] = 1 } }, { f = {} }), { [[f["a\u001b.bin"] 1 none]] })
  t.equal(lines({ v = false }, {}), { "v false none" })
  t.equal(lines({ v = json.null }, {}), { "v null none" })
end)

t.finish()
