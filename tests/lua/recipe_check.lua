local t = require "tap"
local json = require "lunette.json"
local recipe = require "lunette.recipe"
local schema = require "lunette.recipe.schema"
local suggest = require "lunette.suggest"

local QUICKSTART = t.root .. "/examples/quickstart.lua"

local function problems(text, set)
  local config, list = recipe.from_text(text, "r.lua", set)
  return config and "" or tostring(list), config
end

-- A recipe that is right, with `%s` places for what a case changes.
local function small(parts)
  parts = parts or {}
  return ([[
return {
  format = 1, name = "small", %s
  data = { s = { kind = "shapes", n_train = 300, n_test = 100 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "s:train", epochs = 3, batch = 64, optim = { lr = 0.1 }, %s },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "s:train", test = "s:test", %s },
    %s
  },
}]]):format(parts.top or "", parts.pretrain or "", parts.probe or "", parts.more or "")
end

t.case("the quickstart is valid and has the stages its readers expect", function()
  local config, list = recipe.load(QUICKSTART)
  t.ok(config, tostring(list))
  local names = {}
  for i, stage in ipairs(config.stages) do names[i] = stage.name end
  t.equal(names, { "random_probe", "pretrain", "probe", "qscore", "regularized", "regularized_probe", "maps" })
end)

t.case("a monitor takes the epsilon of the recipe's Q-Scores, unless it says its own", function()
  local function epsilon(parts)
    local said, config = problems(small(parts))
    t.equal(said, "")
    return config.stages[1].monitor.epsilon
  end
  local qscore = '{ name = "q", task = "qscore", from = "pretrain", probe = "probe", data = "s:train", test = "s:test", epsilon = 1.5 }'
  t.equal(epsilon(), 4.0)
  t.equal(epsilon { more = qscore }, 1.5)
  t.equal(epsilon { more = qscore, pretrain = "monitor = { epsilon = 3 }" }, 3.0)
end)

t.case("the other example recipes are valid", function()
  for _, name in ipairs { "cifar10_simclr.lua" } do
    local config, list = recipe.load(t.root .. "/examples/" .. name)
    t.ok(config, tostring(list))
  end
end)

t.case("defaults are filled in and `like` is gone", function()
  local _, config = problems(small { more = '{ name = "again", like = "probe", l2 = 1 },' })
  local again, probe = config.stages[3], config.stages[2]
  t.equal(again.like, nil)
  t.equal({ again.name, again.task, again.from, again.l2, again.solver }, { "again", "linear_probe", "pretrain", 1.0, "lbfgs" })
  t.equal(probe.optim, { kind = "sgd", lr = 0.1, momentum = 0.9, weight_decay = 0, nesterov = false })
  t.equal(config.stages[1].from, "random")
  t.equal(config.stages[1].schedule, { kind = "cosine", warmup_epochs = 0, start_lr = 0, min_lr = 0 })
  t.equal(config.stages[1].regularize, false)
  t.equal(config.model.precision, "auto")
  t.equal(config.report.title, "small")
  t.equal(math.type(config.stages[1].epochs), "integer")
  t.equal(math.type(again.l2), "float")
end)

t.case("a configuration checked again is the same, byte for byte", function()
  for _, set in ipairs { {}, { "pretrain.augment=asymmetric", "model.precision=bf16" }, { "qscore.sweep={}" } } do
    local text = recipe.canonical(assert(recipe.load(QUICKSTART, set)))
    local config, list = recipe.from_config(text, "config.json")
    t.ok(config, tostring(list))
    t.equal(recipe.canonical(config), text)
  end
  t.contains(tostring(select(2, recipe.from_config("{", "config.json"))), "config.json: is not a configuration")
  t.contains(tostring(select(2, recipe.from_config("[]", "config.json"))), "config.json: ")
end)

t.case("every type has a line of explanation, every default passes its own check", function()
  local count = 0
  local function walk(type_, path)
    count = count + 1
    t.ok(type(type_.doc) == "string" and #type_.doc > 0, path .. " has no doc")
    t.ok(type_.required == nil or type_.default == nil, path .. " is required and has a default")
    for key, field in pairs(type_.fields or {}) do walk(field, path .. "." .. key) end
    for kind, variant in pairs(type_.variants or {}) do
      t.ok(variant.doc, path .. ":" .. kind)
      for key, field in pairs(variant.fields) do walk(field, path .. ":" .. kind .. "." .. key) end
    end
    if type_.of then walk(type_.of, path .. "[]") end
  end
  walk(schema.recipe, "recipe")
  walk(schema.augment.view, "augment")
  for name, task in pairs(schema.tasks) do
    t.ok(task.doc, name)
    for key, field in pairs(task.fields) do walk(field, name .. "." .. key) end
  end
  t.ok(count > 150, "types: " .. count)
  for name in pairs(schema.tasks) do
    local more = ('{ name = "x", task = "%s", from = "pretrain", data = "s:train", %s },'):format(name,
      schema.tasks[name].trains and "epochs = 1, batch = 8, optim = { lr = 1 }"
        or ({ qscore = 'test = "s:test", probe = "probe"' })[name] or (name == "knn" or name == "linear_probe") and 'test = "s:test"' or "")
    if name == "heatmaps" then more = more:gsub("}", 'probe = "probe" }', 1) end
    t.equal((problems(small { more = more })), "", name)
  end
end)

-- ---- one typo anywhere ----

-- Each key of the source with its position: `name =` inside the returned table.
local function keys_in(text)
  local start = text:find("\nreturn", 1, true)
  local found = {}
  for at, key in text:gmatch("()([%a_][%w_]*) = ") do
    if at > start then found[#found + 1] = { at = at, key = key } end
  end
  return found
end

local function typos(key)
  local list = { key .. "x" }
  if #key > 3 then
    list[#list + 1] = key:sub(1, 2) .. key:sub(4)
    list[#list + 1] = key:sub(1, 1) .. key:sub(3, 3) .. key:sub(2, 2) .. key:sub(4)
  end
  return list
end

t.case("a typo in any key of the quickstart: its line and the right word", function()
  local text = t.read(QUICKSTART)
  local tried = 0
  -- A slip that makes another word of the schema, such as form for from, is no unknown key.
  local words = {}
  for _, task in pairs(schema.tasks) do
    for key in pairs(task.fields) do words[key] = true end
  end
  for _, place in ipairs(keys_in(text)) do
    for _, typo in ipairs(typos(place.key)) do
      if not words[typo] and typo ~= place.key and place.key ~= "shapes" then
        local broken = text:sub(1, place.at - 1) .. typo .. text:sub(place.at + #place.key)
        local _, line = text:sub(1, place.at):gsub("\n", "")
        local said = problems(broken)
        local expected = ("r.lua:%d: unknown key '"):format(line + 1)
        local hint = ("%s' (did you mean '%s'?)"):format(typo, place.key)
        t.contains("\n" .. said, "\n" .. expected, typo)
        t.contains(said, hint, typo)
        tried = tried + 1
      end
    end
  end
  t.ok(tried > 150, "typos tried: " .. tried)
end)

t.case("three typos, three errors, in order, each once", function()
  local said = problems(small { top = "sed = 2,", pretrain = "temperatur = 0.1", probe = "standardize = true" })
  t.equal(said, "r.lua:2: unknown key 'sed' (did you mean 'seed'?)\n"
    .. "r.lua:5: unknown key 'stages.pretrain.temperatur' (did you mean 'temperature'?)\n"
    .. "r.lua:6: unknown key 'stages.probe.standardize' (did you mean 'standardise'?)")
end)

t.case("a key copied by `like` is reported where it was written, and again only there", function()
  local said = problems(small { probe = "standardize = true", more = '{ name = "b", like = "probe" },' })
  for line in said:gmatch("[^\n]+") do t.contains(line, "r.lua:6: ") end
end)

t.case("a key that belongs one level down", function()
  t.contains(problems(small { pretrain = "warmup_epochs = 1" }), "unknown key 'stages.pretrain.warmup_epochs' (it belongs in 'schedule')")
end)

-- ---- types and ranges ----

t.case("strict types", function()
  local function says(parts, message) t.contains(problems(small(parts)), message) end
  says({ top = "seed = 'one'," }, [[r.lua:2: 'seed' must be an integer, got a string "one"]])
  says({ top = "seed = 1.5," }, "'seed' must be an integer, got 1.5")
  says({ top = "seed = -1," }, "'seed' must be at least 0, got -1")
  says({ top = "about = 5," }, "'about' must be a string, got 5")
  says({ top = "needs = 5," }, "'needs' must be a table with named keys, got 5")
  says({ top = "model = { 1 }," }, "'model' must be a table with named keys, got a list")
  says({ top = "model = { projector = 5 }," }, "'model.projector' must be a list { ... }, got 5")
  says({ top = "model = { projector = { 1, 'x' } }," }, [['model.projector[2]' must be an integer, got a string "x"]])
  says({ top = "model = { projector = {} }," }, "'model.projector' must have at least 1 items, got 0")
  says({ top = "model = { projector = { a = 1 } }," }, "'model.projector' must be a list { ... }, got a table")
  says({ top = "model = { stem = 'cifra' }," }, "'model.stem': unknown value 'cifra' (did you mean 'cifar'?)")
  says({ top = "model = { backbone = 'resnet19' }," }, "'model.backbone': unknown backbone 'resnet19' (did you mean 'resnet18'?)")
  says({ top = "model = { backbone = 'conv4', stem = 'cifar' }," }, "unknown key 'model.stem'")
  says({ top = "precision = 'int4'," }, "'precision': unknown value 'int4' (there are: auto, bf16, f32)")
  says({ top = "name = 'A B'," }, [['name' must be small letters, digits, '-' and '_' (at most 64 bytes), got a string "A B"]])
  says({ pretrain = "epochs = 0" }, "'stages.pretrain.epochs' must be at least 1, got 0")
  says({ pretrain = "temperature = 0" }, "'stages.pretrain.temperature' must be greater than 0, got 0")
  says({ pretrain = "batch = 1" }, "'stages.pretrain.batch' must be at least 2, got 1")
  says({ probe = "standardise = 1" }, "'stages.probe.standardise' must be true or false, got 1")
  says({ pretrain = "optim = { kind = 'sdg', lr = 1 }" }, "'stages.pretrain.optim.kind': unknown kind 'sdg' (did you mean 'sgd'?)")
  says({ pretrain = "optim = { kind = 5, lr = 1 }" }, "'stages.pretrain.optim.kind' must be a string, got 5")
  says({ pretrain = "optim = {}" }, "missing key 'stages.pretrain.optim.lr' (learning rate")
  says({ pretrain = "optim = false" }, "'stages.pretrain.optim' must be a table with named keys, got false")
  says({ pretrain = "regularize = true" }, "'stages.pretrain.regularize' must be a table with named keys or false, got true")
  says({ pretrain = "regularize = { low = 0.9, high = 0.5 }" }, "'stages.pretrain.regularize' must lie below 'high': 0.9 and 0.5")
  t.equal((problems(small { pretrain = "epochs = 100 / 2" })), "", "a float without fraction is an integer")
end)

t.case("what is missing is said", function()
  t.equal((problems "return { name = 'x', data = {}, stages = {} }"),
    "r.lua:1: missing key 'format' (version of the recipe format)\n"
    .. "r.lua:1: 'stages' must be a list of stages, got a table")
  t.contains(problems "return { format = 2, name = 'x', data = {} }", "'format' must be at most 1, got 2")
  t.contains(problems "return { format = 1, name = 'x', data = {} }", "missing key 'stages'")
  t.contains(problems(small { more = "{ task = 'knn' }," }), "r.lua:7: missing key 'stages[3].name'")
  t.match(problems(small { more = "{ name = 'x' }," }), "missing key 'stages%.x%.task' %(one of [%w_, ]*byol, [%w_, ]*qscore, simclr")
  t.contains(problems(small { more = "{ name = 'x', task = 'knn' }," }), "missing key 'stages.x.from'")
  t.contains(problems(small { more = "5," }), "'stages[3]' must be a table with named keys, got 5")
  t.contains(problems "return { format = 1, name = 'x', data = { s = {} }, stages = { {} } }",
    "missing key 'data.s.kind' (one of cifar10, cifar100, folder, shapes, stl10)")
end)

-- ---- augment ----

t.case("augment: preset, table, two views", function()
  local function views(text)
    local said, config = problems(small { pretrain = "augment = " .. text })
    t.equal(said, "")
    return config.stages[1].augment
  end
  local default = select(2, problems(small())).stages[1].augment
  t.equal(default, views "'symmetric'")
  t.equal(#default, 2)
  t.equal({ default[1].jitter, default[1].blur }, { { 0.8, 0.8, 0.8, 0.2 }, 0.5 })
  local asymmetric = views "'asymmetric'"
  t.equal({ asymmetric[1].solarize, asymmetric[2].solarize }, { 0, 0.2 })
  local plain = views "{ gray = 0.3 }"
  t.equal({ plain[1].gray, plain[1].blur, plain[1].jitter }, { 0.3, 0, { 0, 0, 0, 0 } })
  t.equal(plain[1], plain[2])
  local changed = views "{ preset = 'asymmetric', crop = { 0.3, 1 } }"
  t.equal({ changed[2].crop, changed[2].solarize, changed[1].solarize }, { { 0.3, 1 }, 0.2, 0 })
  local two = views "{ 'weak', { preset = 'asymmetric', blur = 1 } }"
  t.equal({ two[1].jitter[1], two[2].blur, two[2].solarize }, { 0.4, 1, 0.2 })
end)

t.case("augment: mistakes once, with their place", function()
  local function says(text, message) t.equal((problems(small { pretrain = "augment = " .. text })), "r.lua:5: " .. message) end
  says("'symetric'", "'stages.pretrain.augment': unknown preset 'symetric' (did you mean 'symmetric'?)")
  says("{ preset = 'weka' }", "'stages.pretrain.augment.preset': unknown preset 'weka' (did you mean 'weak'?)")
  says("{ crp = { 0.1, 1 } }", "unknown key 'stages.pretrain.augment.crp' (did you mean 'crop'?)")
  says("{ 'weak', { flp = 1 } }", "unknown key 'stages.pretrain.augment[2].flp' (did you mean 'flip'?)")
  says("{ 'weak' }", "'stages.pretrain.augment' must have 2 to 64 views, got 1")
  says("{ crop = { 1, 0.2 } }", "'stages.pretrain.augment.crop' must be { low, high }, got { 1.0, 0.2 }")
  says("{ flip = 2 }", "'stages.pretrain.augment.flip' must be at most 1, got 2")
  says("5", "'stages.pretrain.augment' must be a preset's name or a table, got 5")
  says("{ 5, 'weak' }", "'stages.pretrain.augment[1]' must be a preset's name or a table, got 5")
end)

-- ---- references ----

t.case("from, like, probe: unknown, later, itself, of the wrong task", function()
  local function says(more, message) t.contains(problems(small { more = more }), message) end
  local knn = "{ name = 'k', task = 'knn', data = 's:train', test = 's:test', from = '%s' },"
  says(knn:format "pretrian", "r.lua:7: 'stages.k.from': there is no stage 'pretrian' (did you mean 'pretrain'?)")
  says(knn:format "k", "'stages.k.from': a stage cannot name itself")
  says(knn:format "probe",
    "'stages.k.from': stage 'probe' is a linear_probe stage and leaves no encoder weights (possible: pretrain, random)")
  says(knn:format "late" .. "{ name = 'late', like = 'pretrain' },", "'stages.k.from': stage 'late' comes later; only earlier")
  says(knn:format "zzzzzz", "there is no stage 'zzzzzz' (there are: pretrain, random)")
  t.equal((problems(small { more = knn:format "random" })), "")
  local score = "{ name = 'q', task = 'qscore', data = 's:train', test = 's:test', from = '%s', probe = '%s' },"
  says(score:format("pretrain", "pretrain"), "stage 'pretrain' is a simclr stage, not a linear_probe (possible: probe)")
  says(score:format("random", "probe"), "'stages.q.probe' is 'probe', which was fitted on the encoder of 'pretrain'")
  says("{ name = 'm', task = 'heatmaps', from = 'pretrain', data = 's:test', select = 'misclassified' },", "which needs 'probe'")
  says("{ name = 'x', like = 'proeb' },", "'stages.x.like': there is no stage 'proeb' (did you mean 'probe'?)")
  says("{ name = 'x', like = 5 },", "'stages.x.like' must be a stage's name, got 5")
  says("{ name = 'probe', like = 'pretrain' },", "there is already a stage 'probe'")
  says("{ name = 'data', like = 'pretrain' },", "a stage cannot be called 'data'")
  says("{ name = 'random', like = 'pretrain' },", "a stage cannot be called 'random'")
  says("{ name = 'A', like = 'pretrain' },", "must be small letters")
  says("{ name = 'x', task = 'simcrl' },", "'stages.x.task': unknown task 'simcrl' (did you mean 'simclr'?)")
  t.contains(problems(small { top = "report = { compare = { 'prob' } }," }),
    "'report.compare[1]': there is no stage 'prob' (did you mean 'probe'?)")
end)

t.case("like: circles are caught, of any length", function()
  t.contains(problems(small { more = "{ name = 'x', like = 'x' }," }), "'stages.x.like': 'x' in turn copies from 'x'")
  local said = problems(small { more = "{ name = 'x', like = 'y' }, { name = 'y', like = 'z' }, { name = 'z', like = 'x' }," })
  t.contains(said, "'like' goes round in a circle")
end)

t.case("like: nested settings merge, another kind replaces, false switches off, chains work", function()
  local said, config = problems(small {
    pretrain = "schedule = { warmup_epochs = 1 }, regularize = { low_weight = 0.5 }",
    more = [[
      { name = "a", like = "pretrain", from = "pretrain", optim = { lr = 0.5 } },
      { name = "b", like = "a", optim = { kind = "lars", lr = 2 } },
      { name = "c", like = "a", regularize = false, augment = "weak" },]],
  })
  t.equal(said, "")
  local a, b, c = config.stages[3], config.stages[4], config.stages[5]
  t.equal({ a.optim.lr, a.optim.kind, a.schedule.warmup_epochs, a.regularize.low_weight, a.epochs }, { 0.5, "sgd", 1, 0.5, 3 })
  t.equal({ b.from, b.optim.kind, b.optim.lr, b.optim.eta, b.optim.clip, b.optim.exclude_1d }, { "pretrain", "lars", 2, 0.02, true, true })
  t.equal({ c.regularize, c.augment[1].jitter[1] }, { false, 0.4 })
end)

t.case("like: between tasks the shared settings are copied", function()
  local said, config = problems(small {
    probe = "l2 = 5, resamples = 7",
    more = "{ name = 'k', task = 'knn', like = 'probe', k = 3 },",
  })
  t.equal(said, "")
  local k = config.stages[3]
  t.equal({ k.from, k.data, k.test, k.resamples, k.l2, k.k, k.batch }, { "pretrain", "s:train", "s:test", 7, nil, 3, 256 })
end)

t.case("data references", function()
  local function says(data, message)
    local stage = ("{ name = 'k', task = 'knn', from = 'random', test = 's:test', data = '%s' },"):format(data)
    t.contains(problems(small { more = stage }), message)
  end
  says("s:trian", "'stages.k.data': unknown split 'trian' (did you mean 'train'?)")
  says("shaeps:train", "there is no data set 'shaeps' (there is: s)")
  says("s", [['stages.k.data' must be a string "name:split", got a string "s"]])
  says("s:train:x", "name:split")
end)

t.case("sizes that cannot be", function()
  t.contains(problems(small { pretrain = "batch = 301" }), "r.lua:5: 'stages.pretrain.batch' is 301, but 's:train' has only 300 images")
  t.contains(problems(small { pretrain = "schedule = { warmup_epochs = 4 }" }), "warms up for 4.0 epochs, but the stage has only 3")
  t.contains(problems(small { more = "{ name = 'k', task = 'knn', from = 'random', data = 's:train', test = 's:test', k = 301 }," }),
    "'stages.k.k' is 301, but")
end)

t.case("sizes of images that the encoder or the method cannot take", function()
  local vit = "model = { backbone = 'vit_tiny', patch = 12, image = 24, projector = { 8 } },"
  local said = problems(small { top = vit, pretrain = "size = 16" })
  t.contains(said, "r.lua:5: 'stages.pretrain.size' gives the encoder images 16 pixels wide, no multiple of 'model.patch', 12")
  t.contains(said, "r.lua:6: 'stages.probe.data' gives the encoder images 32 pixels wide, no multiple")
  t.contains(problems(small { top = "model = { backbone = 'conv4' },", pretrain = "size = 12" }),
    "'stages.pretrain.size' gives the encoder images 12 pixels wide, less than the 16 that 'conv4' needs")
  t.equal(problems(small { top = "model = { backbone = 'conv4' },", pretrain = "size = 16" }), "")
  t.contains(problems(small { pretrain = "augment = { { size = 16 }, { size = 24 } }" }),
    "'stages.pretrain.augment' makes views of 16 and 24 pixels; 'simclr' compares views of one size")
  t.equal(problems(small { pretrain = "augment = { { size = 16 }, { flip = 1 } }, size = 16" }), "")
end)

t.case("what has no effect is said", function()
  t.contains(problems(small { pretrain = "optim = { lr = 0.1, clip_each = true }" }), "has clip_each, which does nothing without clip_norm")
  t.equal(problems(small { pretrain = "optim = { lr = 0.1, clip_each = true, clip_norm = 1 }" }), "")
end)

t.case("paths stay below the data root", function()
  local function says(path, message)
    local text = small():gsub("data = {", ("data = { c = { kind = 'cifar10', path = '%s' },"):format(path), 1)
    t.contains(problems(text), message)
  end
  says("../x", "r.lua:3: 'data.c.path': '../x' leaves its folder through '..'")
  says("a/../../x", "leaves its folder through '..'")
  says("/etc", "is absolute")
  says("~/x", "is absolute")
  says("C:/x", "is absolute")
  says("https://x.org/y", "is a URL")
  says("", "is empty")
  says("a\\\\b", "has a backslash")
  local good = small():gsub("data = {", "data = { c = { kind = 'cifar10', path = 'cifar/..x/bin', files = { train = { 'a.bin' } } },", 1)
  local said, config = problems(good)
  t.equal(said, "")
  t.equal(config.data.c.files, { train = { "a.bin" }, test = { "test_batch.bin" } })
  local bad = good:gsub("'a.bin'", "'../a.bin'")
  t.contains(problems(bad), "'data.c.files.train[1]': '../a.bin' leaves")
  bad = good:gsub("files =", "sha256 = { ['a.bin'] = 'abc' }, files =")
  t.contains(problems(bad), "'data.c.sha256.a.bin' must be 64 hexadecimal digits")
end)

t.case("a huge input ends with an error, soon", function()
  local started = os.clock()
  t.contains(problems("return {" .. ("a={},"):rep(9000) .. "}"), "r.lua:1: ")
  local many = {}
  for i = 1, 900 do many[i] = ("{ name = 'k%d', like = 'probe', lx = 1 },"):format(i) end
  local said = problems(small { more = table.concat(many, "\n") })
  t.contains(said, "r.lua:906: unknown key 'stages.k900.lx'")
  t.ok(os.clock() - started < 10, "seconds: " .. os.clock() - started)
end)

t.case("control characters never reach a terminal", function()
  local said = problems(small(), { "pretrain.epochs=\27[31mred" })
  t.ok(not said:find("\27"), said)
end)

-- ---- overrides ----

t.case("--set: literals, strings, nested keys, every level", function()
  local said, config = problems(small(), { "pretrain.epochs=5", "probe.solver=sgd", "pretrain.optim.lr = 0.25", "seed=0x10",
    "model.projector={ 32, 16 }", "stages.pretrain.temperature=0.1", "data.s.n_test=7", 'about="a b"', "probe.standardise=false",
    "pretrain.schedule.kind=constant", "report.title=x y=z" })
  t.equal(said, "")
  local pretrain, probe = config.stages[1], config.stages[2]
  t.equal({ pretrain.epochs, pretrain.optim.lr, pretrain.temperature, pretrain.schedule.kind }, { 5, 0.25, 0.1, "constant" })
  t.equal({ probe.solver, probe.standardise, config.seed, config.about, config.report.title, config.data.s.n_test },
    { "sgd", false, 16, "a b", "x y=z", 7 })
  t.equal(config.model.projector, { 32, 16 })
end)

t.case("--set reaches what `like` copies, and the last one wins", function()
  local _, config = problems(small { more = "{ name = 'b', like = 'probe' }," }, { "probe.l2=1", "probe.l2=2" })
  t.equal({ config.stages[2].l2, config.stages[3].l2 }, { 2, 2 })
end)

t.case("--set: mistakes name the option", function()
  local function says(set, message) t.equal((problems(small(), { set })), "command line:--set #1: " .. message) end
  says("pretrian.epochs=5", "unknown key 'pretrian' in 'pretrian.epochs' (did you mean 'pretrain'?)")
  says("probe.epochs=ten", [['probe.epochs' must be an integer, got a string "ten"]])
  says("pretrain.schedule.warmup_epoch=1", "unknown key 'pretrain.schedule.warmup_epoch' (did you mean 'warmup_epochs'?)")
  says("sede=1", "unknown key 'sede' in 'sede' (did you mean 'seed'?)")
  says("pretrain=1", "'pretrain' is a stage; name one of its keys, as in pretrain.epochs=5")
  says("epochs", [[a string "epochs" is not of the form stage.key=value]])
  says("=5", [[a string "=5" is not of the form stage.key=value]])
  says("pretrain..epochs=5", [[a string "pretrain..epochs=5" is not of the form stage.key=value]])
  says("pretrain.epochs.x=5", "'pretrain.epochs.x' cannot be set: 'epochs' is 3, which has no keys")
  says("pretrain.augment={ crop = x }", [[the value a string "{ crop = x }" is not a Lua table of literals]])
  says("stages=5", "'stages' cannot be set from the command line")
  says("extends=x.lua", "'extends' cannot be set from the command line")
  says("pretrain.epochs=", [['pretrain.epochs' must be an integer, got a string ""]])
  says("pretrain.epochs=5*2", [['pretrain.epochs' must be an integer, got a string "5*2"]])
end)

t.case("--set: all mistakes at once, after those of the file", function()
  t.equal((problems(small { top = "sed = 1," }, { "x.y=1", "pretrain.epochs=0" })),
    "r.lua:2: unknown key 'sed' (did you mean 'seed'?)\n"
    .. "command line:--set #1: unknown key 'x' in 'x.y'\n"
    .. "command line:--set #2: 'pretrain.epochs' must be at least 1, got 0")
end)

t.case("--set does not change a local that two stages share in the other", function()
  local text = [[
local o = { lr = 0.1 }
return { format = 1, name = "x", data = { s = { kind = "shapes" } }, stages = {
  { name = "a", task = "simclr", data = "s:train", epochs = 1, batch = 8, optim = o },
  { name = "b", task = "simclr", data = "s:train", epochs = 1, batch = 8, optim = o } } }]]
  local _, config = problems(text, { "a.optim.lr=0.7" })
  t.equal({ config.stages[1].optim.lr, config.stages[2].optim.lr }, { 0.7, 0.1 })
end)

t.case("smoke: applied when asked for, before --set, and on record", function()
  local text = small { top = 'smoke = { ["pretrain.epochs"] = 1, ["data.s.n_train"] = 64, ["pretrain.augment"] = "weak" },' }
  local config = recipe.from_text(text, "r.lua")
  t.equal({ config.stages[1].epochs, config.data.s.n_train, config.smoke, config.report.title }, { 3, 300, nil, "small" })
  config = recipe.from_text(text, "r.lua", { "pretrain.epochs=2" }, true)
  t.equal({ config.stages[1].epochs, config.data.s.n_train, config.report.title }, { 2, 64, "small (smoke run)" })
  t.equal(config.smoke, { ["pretrain.epochs"] = 1, ["data.s.n_train"] = 64, ["pretrain.augment"] = "weak" })
  local again = recipe.from_config(recipe.canonical(config), "config.json")
  t.equal(recipe.canonical(again), recipe.canonical(config), "checked again, the same")
  local _, mistakes = recipe.from_text(small(), "r.lua", nil, true)
  t.contains(tostring(mistakes), "--smoke: the recipe has no key 'smoke'")
end)

t.case("smoke: its mistakes are found without it, at their lines", function()
  local function wrong(smoke, expected)
    t.contains(problems((small { top = "\n smoke = " .. smoke .. "," })), expected)
  end
  wrong('{ ["pretrain.epochs"] = 0 }', "r.lua:3: with the settings of 'smoke', 'stages.pretrain.epochs' must be at least 1, got 0")
  wrong('{ ["pretrain.schedule.warmup_epochs"] = 999 }', "with the settings of 'smoke', 'stages.pretrain.schedule")
  wrong('{ ["pretrain.epoch"] = 1 }', "did you mean 'epochs'")
  wrong('{ ["pretrian.epochs"] = 1 }', "did you mean 'pretrain'")
  wrong('{ ["smoke.a"] = 1 }', "'smoke' cannot be set from 'smoke'")
  wrong('{ ["pretrain"] = 1 }', "is a stage; name one of its keys")
  wrong('{ ["pretrain..epochs"] = 1 }', "is not of the form stage.key")
  wrong('{ 1, 2 }', "must be a table with named keys")
  t.contains(problems(small(), { "smoke.a=1" }), "'smoke' cannot be set from the command line")
end)

t.case("the reference names every key with its default", function()
  local reference = require "lunette.recipe.reference"
  local text = reference.text()
  for key in pairs(schema.recipe.fields) do t.contains(text, "\n  " .. key .. " ", key) end
  for _, name in ipairs(reference.names()) do
    local part = reference.text(name)
    for key in pairs((schema.tasks[name] or schema.data[name]).fields) do
      t.contains(part, "\n  " .. key .. " ", name .. "." .. key)
    end
  end
  t.contains(reference.text "simclr", "temperature      temperature of the softmax; number above 0..100 (0.5)")
  t.contains(reference.text "simclr", 'kind = "sgd" (default): stochastic gradient descent')
  t.contains(reference.text "linear_probe",
    "standardise      scale features to mean 0 and variance 1 of the training split; boolean (true)")
  t.equal(reference.text "nothing", nil)
end)

t.case("the nearest word", function()
  t.equal(suggest.distance("abcd", "acbd"), 1)
  t.equal(suggest.distance("", "abc"), 3)
  t.equal(suggest.nearest("warmup_epoch", { "warmup_epochs", "epochs" }), "warmup_epochs")
  t.equal(suggest.nearest("zzz", { "epochs" }), nil)
  t.equal(suggest.nearest(("x"):rep(5000), { "epochs" }), nil)
end)

t.case("the canonical text is stable and complete", function()
  local config = assert(recipe.load(QUICKSTART))
  local text = recipe.canonical(config)
  t.equal(text, recipe.canonical(assert(recipe.load(QUICKSTART))))
  t.equal(json.encode(json.decode(text), { indent = 2 }) .. "\n", text)
end)

t.finish()
