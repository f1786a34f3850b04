-- Every self-supervised method at one small budget on real images, and what Q-Score regularization adds to each:
--
--   lunette examples/compare_methods.lua --data-root PATH [--out DIR] [--methods simclr,byol] [--epochs N] [--seeds 1]
--                                        [--width 32] [--more 1] [--size 16] [--batch N] [--threads N]
--
-- PATH holds cifar10/ with the official .bin files: 10,000 images to learn from, test_batch.bin and heldout_batch.bin to test
-- on.
-- Each method is one recipe in a run directory DIR/METHOD-SEED, so that an interrupted comparison goes on where it stopped;
-- the table is printed and written to DIR/table.md; two processes with other methods may share DIR. `more` epochs of fine-tuning
-- follow, once as before and once with the regularizer: only the difference of those two is what the regularizer does, the rest is
-- longer training.
-- Tests run this with: --data-root DATA --methods simclr,moco --epochs 1 --more 1 --width 4 --batch 16 --out DATA/compare
local lunette = require "lunette"
local paired = require "lunette.report.paired"
local json = require "lunette.json"
local sys = require "lunette.sys"

-- Settings for few epochs of small views: heads narrower, teachers faster and rates higher than in the recipes that the
-- methods' own defaults come from. Every method has the same images and views, 6 epochs and a batch of 64 unless it says its own.
-- BYOL and SimSiam, which compare no image with another, learn more from more steps of fewer images; 3 and 4 such epochs take about
-- as long as 6 of the others. Their predictor must be ahead of the encoder. At a rate of 0.2 the encoder's rank falls to a few
-- directions at some seeds. Barlow Twins: with 64 images, what is off the diagonal is mostly noise, of weight lambda width / 64
-- next to the diagonal, so both are small. SwAV: 64 prototypes as a batch has 64 images, and a sharper assignment; with 128
-- prototypes and epsilon 0.05 its loss stays at ln K.
local sgd = 'kind = "sgd", lr = 0.06, momentum = 0.9, weight_decay = 5e-4'
local methods = {
  {"simclr", "512, 128", "temperature = 0.2", sgd},
  {"moco", "512, 128", "temperature = 0.2, queue = 2048, ema = 0.99", sgd},
  {"mocov3", "512, 128", "temperature = 0.2, predictor = 512, ema = 0.99", sgd},
  {"byol", "512, 128", "predictor = 512, ema = 0.9, ema_final = 0.95",
   'kind = "sgd", lr = 0.03, momentum = 0.9, weight_decay = 5e-4, groups = { { match = { "predictor.*" }, lr_scale = 4 } }',
   batch = 16, epochs = 3},
  {"simsiam", "512, 128", "predictor = 256",
   'kind = "sgd", lr = 0.03, momentum = 0.9, weight_decay = 5e-4, groups = { { match = { "predictor.*" }, lr_scale = 4 } }',
   batch = 16, epochs = 4},
  {"swav", "512, 64", "prototypes = 64, freeze_epochs = 0, epsilon = 0.03",
   'kind = "sgd", lr = 0.3, momentum = 0.9, weight_decay = 1e-4'},
  {"dino", "512, 512, 128", "prototypes = 256, ema = 0.98, freeze_epochs = 0, batch_norm = true",
   'kind = "sgd", lr = 0.2, momentum = 0.9, weight_decay = 1e-4, clip_norm = 3'},
  {"vicreg", "512, 512, 512", "", 'kind = "sgd", lr = 0.03, momentum = 0.9, weight_decay = 5e-4'},
  {"barlow", "512, 128", "lambda = 0.005, scale = 0.1", 'kind = "sgd", lr = 0.03, momentum = 0.9, weight_decay = 5e-4'},
}

local options = {["data-root"] = false, out = "runs/compare_methods", methods = false, epochs = false, seeds = "1", width = "32",
                 more = "1", size = "16", batch = false, threads = lunette.threads()}
local function wrong(...)
  io.stderr:write("compare_methods: ", ...)
  io.stderr:write("; see the head of this file\n")
  os.exit(2)
end

local i = 1
while arg[i] do
  local name = arg[i]:match "^%-%-(.+)$"
  if options[name or ""] == nil or not arg[i + 1] then wrong("unknown option or missing value: ", arg[i]) end
  options[name], i = arg[i + 1], i + 2
end

for _, name in ipairs{"epochs", "seeds", "width", "more", "size", "batch", "threads"} do
  if options[name] then
    local n = math.tointeger(tonumber(options[name]))
    if not n or n < 1 then wrong("--", name, " must be a whole number from 1 on, got ", options[name]) end
    options[name] = n
  end
end
lunette.threads(options.threads)
local chosen = {}
for name in (options.methods or ""):gmatch "[^,]+" do
  local known = false
  for _, m in ipairs(methods) do known = known or m[1] == name end
  if not known then wrong("--methods: there is no ", name) end
  chosen[name] = true
end

-- $NAME stands for a value of `with`.
local function filled(text, with)
  return (text:gsub("%$(%u+)", function(name) return assert(with[name:lower()], name) end))
end

local recipe = [[return {
  format = 1,
  name = "compare-$METHOD",
  seed = $SEED,
  data = { cifar10 = { kind = "cifar10", path = "cifar10",
    files = { train = { "data_batch_1.bin" }, test = { "test_batch.bin", "heldout_batch.bin" } } } },
  model = { backbone = "resnet18", stem = "cifar", width = $WIDTH, projector = { $PROJECTOR } },
  stages = {
    { name = "random_probe", task = "linear_probe", from = "random", data = "cifar10:train", test = "cifar10:test" },
    { name = "random_knn", task = "knn", from = "random", data = "cifar10:train", test = "cifar10:test" },
    { name = "pretrain", task = "$METHOD", data = "cifar10:train", epochs = $EPOCHS, batch = $BATCH, size = $SIZE, $SETTINGS,
      augment = { crop = { 0.15, 0.8 }, flip = 0.5, jitter = { 0.4, 0.4, 0.4, 0.1 }, jitter_p = 0.8, gray = 0.2 },
      optim = { $OPTIM }, schedule = { kind = "cosine", warmup_epochs = 0.5 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", like = "random_knn", from = "pretrain" },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe", data = "cifar10:train", test = "cifar10:test",
      epsilon = 2 },
    { name = "continued", like = "pretrain", from = "pretrain", epochs = $MORE, optim = { lr = $TUNING },
      schedule = { warmup_epochs = 0 } },
    { name = "continued_probe", like = "probe", from = "continued" },
    -- The paper's weights are 1e-4 over 50 epochs; here there are a hundred times fewer steps.
    { name = "regularized", like = "continued", from = "pretrain",
      regularize = { kind = "qscore", low_weight = 1e-2, over_weight = 1e-4, epsilon = 2 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
  },
  report = { title = "$METHOD", compare = { "random_probe", "probe", "continued_probe", "regularized_probe" } },
}
]]

local function read_text(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function read_json(path)
  local text = read_text(path)
  return text and json.decode(text)
end

-- Runs one method in its directory, or goes on with it; returns its results and the directory.
local function run(m, seed)
  local dir = ("%s/%s-%d"):format(options.out, m[1], seed)
  local status = read_json(dir .. "/status.json")
  local settings = {data_root = options["data-root"] or nil, progress = "lines", report = require("lunette.host").report}
  local path = ("%s/%s-%d.lua"):format(options.out, m[1], seed)
  local with = {method = m[1], seed = seed, projector = m[2], settings = m[3] == "" and "monitor = 1000" or m[3], optim = m[4],
                tuning = tonumber(m[4]:match "lr = ([%d.e-]+)") / 10}
  for _, name in ipairs{"width", "more", "size"} do with[name] = options[name] end
  with.batch, with.epochs = options.batch or m.batch or 64, options.epochs or m.epochs or 6
  local text = filled(recipe, with)
  if status and read_text(path) ~= text then wrong(path, " is of other settings: take another --out") end
  if status and status.exit_code ~= 0 then
    local code = lunette.recipe.resume(dir, settings)
    if code ~= 0 then os.exit(code) end
  elseif not status then
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    settings.out = dir
    local code = lunette.recipe.run(path, settings)
    if code ~= 0 then os.exit(code) end
  end
  return read_json(dir .. "/results.json"), dir
end

local function mean(list)
  local s = 0
  for _, v in ipairs(list) do s = s + v end
  return s / #list
end

local function correct(dir, stage) return read_json(("%s/figures/data/%s.json"):format(dir, stage)).correct end

-- What the monitors warned of in pre-training, over all runs: "none", or each kind with the seeds that had it.
local function warned(runs)
  local kinds, text = {}, {}
  for seed, r in ipairs(runs) do
    for _, w in ipairs(r.results.pretrain.warnings or {}) do kinds[w.kind] = (kinds[w.kind] or "") .. " " .. seed end
  end
  for kind, seeds in pairs(kinds) do text[#text + 1] = kind .. ": seed" .. seeds end
  table.sort(text)
  return #text == 0 and "none" or table.concat(text, "; ")
end

-- A row of the table over all seeds. Intervals: a bootstrap over the test images, each with the flags of all seeds.
local function row(name, runs)
  local column = function(stage, key)
    local list = {}
    for k, r in ipairs(runs) do list[k] = r.results[stage][key] end
    return mean(list)
  end
  local flags = function(stage)
    local list = {}
    for k, r in ipairs(runs) do list[k] = correct(r.dir, stage) end
    return list
  end
  local gain = paired.bootstrap_groups(flags "random_probe", flags "probe")
  local added = paired.bootstrap_groups(flags "continued_probe", flags "regularized_probe")
  local shown = function(d) return ("%+.1f [%+.1f, %+.1f]"):format(100 * d.difference, 100 * d.low, 100 * d.high) end
  local percent = function(stage) return 100 * column(stage, "top1") end
  return ("| %s | %.1f | %.1f | %s | %.1f | %.3f | %.1f | %.1f | %s | %s | %.0f |"):format(name, percent "random_probe", percent "probe",
    shown(gain), percent "knn", column("qscore", "auroc"), percent "continued_probe", percent "regularized_probe", shown(added),
    warned(runs), column("pretrain", "seconds"))
end

assert(sys.mkdir_p(options.out))
local lines = {
  "| method | random | probe | gain | kNN | Q-Score AUROC | continued | with Q-Score | difference | warnings | seconds |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
}
for _, m in ipairs(methods) do
  if not options.methods or chosen[m[1]] then
    local runs = {}
    for seed = 1, options.seeds do
      local results, dir = run(m, seed)
      runs[seed] = {results = results, dir = dir}
    end
    lines[#lines + 1] = row(m[1], runs)
    print(lines[#lines])
  end
end
local text = table.concat(lines, "\n") .. "\n"
local file <close> = assert(io.open(options.out .. "/table.md", "w"))
file:write(text)
print(text)
