-- `lunette run --dry-run`: what it prints, that it writes nothing, and that its counts are those of the run.
local t = require "tap"
local dryrun = require "lunette.recipe.dryrun"
local estimate = require "lunette.recipe.estimate"
local json = require "lunette.json"
local layers = require "lunette.recipe.layers"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local support = require "recipe_support"
local sys = require "lunette.sys"

local MACHINE = { device = "cpu", cpu = "some", threads = 2, isa = "avx2", memory_bytes = 1e12 }

local function dry(path, more, ...)
  local host = { program = support.program, device_info = function() return MACHINE end }
  for key, value in pairs(more or {}) do host[key] = value end
  return support.command({ "run", "--dry-run", path, ... }, host)
end

-- Every name below a folder, with size and time of change.
local function listing(folder)
  local pipe = assert(io.popen(("cd '%s' && find . -printf '%%p %%s %%T@\\n' | sort"):format(folder)))
  local text = pipe:read("a")
  pipe:close()
  return text
end

t.case("settings, layers, stages, what is read and written; nothing is written", function()
  local folder = t.folder()
  local path = t.write(folder .. "/tiny.lua", support.RECIPE)
  -- Where a run goes by default; it may hold earlier ones.
  local function runs() return sys.stat "runs" and listing "runs" end
  local before, runs_before = listing(folder), runs()
  local code, out, err = dry(path, nil, "--out", folder .. "/run")
  t.equal({ code, err }, { 0, "" })
  t.equal(listing(folder), before)
  t.equal(runs(), runs_before)
  t.contains(out, "recipe 'tiny'")
  t.contains(out, '"n_test":8')
  t.match(out, "conv1 +Conv2d +4 x 32 x 32 +112\n")
  t.match(out, "encoder%.conv2 +Conv2d +4 x 16 x 16 +148\n")
  t.contains(out, "data    s:train, 16 images; test s:test, 8 images")
  t.contains(out, "steps   2 (1 epochs x 2), batch 8")
  t.contains(out, "makes   data 's' (shapes) from seed 7, nothing is read")
  t.contains(out, "writes  " .. folder .. "/run/")
  t.contains(out, "device  cpu: some, avx2, 2 threads")
  t.match(out, "memory  about [%d.]+ MB at most")
  t.match(out, "time    about [%d.]+ s")
  t.contains(out, "are rough")
end)

t.case("the settings that are printed are the configuration, as JSON", function()
  local path = support.file()
  local out = select(2, dry(path, nil, "--set", "seed=9"))
  local text = out:match("\n\n({.-\n})\n\n")
  t.equal(json.encode(json.decode(text)), json.encode(json.decode(recipe.canonical((recipe.load(path, { "seed=9" }))))))
  for line in text:gmatch("[^\n]+") do t.ok(#line <= 140, line) end
end)

t.case("parameters are exact, for every method and backbone", function()
  for _, row in ipairs(require("lunette.ssl").methods) do
    local small = { projector = { 16, 8 } }
    for _, key in ipairs { "prototypes", "queue", "predictor" } do small[key] = row.settings[key] and 16 or nil end
    local given = { encoder = lunette.models.conv4 { width = 4 } }
    for key, value in pairs(small) do given[key] = value end
    local method = lunette.ssl[row.name](given)
    local total = 0
    local rows = layers.of(method, function() method:loss { lunette.zeros(2, 3, 16, 16), lunette.zeros(2, 3, 16, 16) } end)
    for _, r in ipairs(rows) do total = total + r.parameters end
    t.equal(total, method:count(), row.name)
  end
  local makers = { resnet18 = { width = 4 }, resnet50 = { width = 4 }, conv4 = { width = 4 },
    vit_tiny = { depth = 2, patch = 8, image = 16 } }
  for name, options in pairs(makers) do
    local encoder, total = lunette.models[name](options), 0
    local rows = layers.of(encoder, function() encoder(lunette.zeros(2, 3, 16, 16)) end)
    for _, r in ipairs(rows) do total = total + r.parameters end
    t.equal(total, encoder:count(), name)
    t.ok(rows[#rows].shape, "the last layer of " .. name .. " has an output")
    -- the modules are as they were
    encoder:each_module(function(_, m) t.equal(rawget(m, "forward"), nil) end)
  end
end)

t.case("counts and sizes of files are those that the run makes", function()
  local path = support.file { ["monitor = false"] = "monitor = false, save = { every_epochs = 1, keep = 1 }",
    ["epochs = 1"] = "epochs = 2" }
  local config = recipe.load(path)
  local e = estimate.run(config, { ["s:train"] = 16, ["s:test"] = 8 })
  local out, code = support.run(path)
  t.equal(code, 0)
  local results = rundir.open(out):read_json "results.json"
  local trained = e.stages[1].training
  t.equal(trained.parameters, results.pretrain.parameters)
  t.equal(trained.encoder_parameters, lunette.models.conv4({ width = 4 }):count())
  t.equal(trained.parameter_bytes, 4 * trained.parameters)
  t.equal(e.stages[1].steps, 2)
  local function near(estimated, file)
    local size = sys.stat(out .. "/checkpoints/pretrain/" .. file).size
    t.ok(estimated <= size and size <= estimated + 6000, ("%s: %d estimated, %d"):format(file, estimated, size))
  end
  near(trained.state_bytes, "weights.safetensors")
  near(trained.optimizer_bytes, "e0001/optimizer.safetensors")
  t.equal(e.stages[1].kept, 1)
end)

t.case("memory grows with batch, width and a teacher", function()
  local function peak(change)
    return estimate.run(recipe.load(support.file(change)), { ["s:train"] = 512, ["s:test"] = 8 }).stages[1]
  end
  local more = { ["n_train = 16"] = "n_train = 512" }
  local function with(change)
    local all = {}
    for key, value in pairs(more) do all[key] = value end
    for key, value in pairs(change) do all[key] = value end
    return peak(all)
  end
  local small, large = with {}, with { ["batch = 8"] = "batch = 256" }
  local ratio = large.training.step.bytes / small.training.step.bytes
  t.ok(ratio > 20 and ratio < 40, "32 times the batch: " .. ratio)
  local teacher = with { ['task = "simclr"'] = 'task = "byol", predictor = 8' }
  t.ok(teacher.training.state_bytes > 2 * teacher.training.parameter_bytes * 0.8, "the teacher is counted")
  t.equal(small.training.optimizer_bytes // 4 * 4 >= small.training.parameter_bytes, true)
  local adam = with { ["optim = { lr = 0.1 }"] = 'optim = { kind = "adamw", lr = 0.1 }' }
  t.ok(adam.training.optimizer_bytes >= 2 * adam.training.parameter_bytes)
end)

t.case("data that is missing: flagged, exit code 3; a batch that is too large: 2; no device: 4", function()
  local root = t.folder()
  sys.mkdir_p(root .. "/cifar")
  local record = "\1" .. ("\0\80\255"):rep(1024)
  t.write(root .. "/cifar/a.bin", record:rep(16))
  local path = support.file { ['{ kind = "shapes", n_train = 16, n_test = 8 }'] =
    '{ kind = "cifar10", path = "cifar", files = { train = { "a.bin" }, test = { "b.bin" } } }' }
  local code, out, err = dry(path, nil, "--data-root", root)
  t.equal(code, 3)
  t.contains(out, ("reads   %s/cifar/a.bin (0.0 MB)"):format(root))
  t.contains(out, ("reads   %s/cifar/b.bin (MISSING)"):format(root))
  t.contains(out, "Stages whose images cannot be counted have no estimate.")
  t.contains(err, "lunette run: 1 of the data's files are missing")
  t.write(root .. "/cifar/b.bin", record:rep(8))
  code, out = dry(path, nil, "--data-root", root)
  t.equal(code, 0)
  t.contains(out, "s:train, 16 images; test s:test, 8 images")
  local function says(expected_code, expected, ...)
    local got, _, said = dry(...)
    t.equal(got, expected_code)
    t.contains(said, expected)
  end
  says(2, "lunette run: stages.pretrain.batch is 17, but 's:train' has only 16 images", path, nil, "--data-root", root, "--set",
    "pretrain.batch=17")
  says(4, "lunette run: no such device", path, { device_info = function() return nil, "no such device" end }, "--data-root", root)
  says(2, "did you mean 'seed'?", support.file { ["seed = 7"] = "sed = 7" })
end)

t.case("a bundle, and a run directory", function()
  local path = support.file()
  local dir = support.run(path, { overrides = { "seed=5" } })
  local file = t.folder() .. "/b"
  t.equal((support.command { "pack", dir, "--out", file }), 0)
  for _, given in ipairs { file, dir } do
    local code, out = dry(given)
    t.equal(code, 0)
    t.contains(out, '"seed": 5')
  end
end)

t.case("texts", function()
  t.equal(dryrun.size(512), "512 bytes")
  t.equal(dryrun.size(3400000), "3.4 MB")
  t.equal(dryrun.size(3.456e9), "3.46 GB")
  t.equal(dryrun.settings({}), { "{}" })
  t.equal(dryrun.settings({ b = 1, a = { ("x"):rep(120) } }),
    { "{", '  "a": [', '    "' .. ("x"):rep(120) .. '"', "  ],", '  "b": 1', "}" })
end)

t.finish()
