--- The tasks a stage can have. A task is {doc, weights, labels, fields}: weights = leaves encoder weights that later
--- stages may start from, labels = keys whose images must have labels. Fields that two tasks share are one and the same
--- type object: `like` copies exactly those from a stage with another task.

local t = require "lunette.recipe.schema.types"
local training = require "lunette.recipe.schema.training"
local augment = require "lunette.recipe.schema.augment"

local tasks = {}

local train_data = t.split { required = true, doc = 'the images to learn from, as "name:split"' }
local test_data = t.split { required = true, doc = 'the images to measure on, as "name:split"' }
local from_random = t.stage {
  default = "random",
  random = true,
  weights = true,
  doc = "the stage whose weights to start from",
}
local from_encoder = t.stage {
  required = true,
  random = true,
  weights = true,
  doc = 'the stage whose encoder to use, or "random" for the untrained one',
}
local probe_stage = t.stage { task = "linear_probe", doc = "the probe that tells correct from misclassified" }
local seed = t.integer { min = 0, max = 2 ^ 53 // 1 | 0, doc = "seed of this stage alone; without it, the recipe's" }
local resamples = t.integer { default = 1000, min = 0, max = 1000000, doc = "bootstrap resamples of the intervals; 0 = none" }
local encode_batch = t.integer { default = 256, min = 1, max = 65536, doc = "images per forward pass" }

local function with(shared, own)
  local fields = {}
  for name, field in pairs(shared) do fields[name] = field end
  for name, field in pairs(own) do fields[name] = field end
  return fields
end

-- ---- self-supervised pre-training ----

local pretrain_fields = {
  from = from_random,
  seed = seed,
  data = train_data,
  epochs = training.epochs,
  batch = training.batch,
  augment = augment.type,
  optim = training.optim,
  schedule = training.schedule,
  regularize = training.regularize,
  save = training.save,
  size = t.integer { min = 8, max = 1024, doc = "height and width of the views in pixels; without it, the images'" },
  loader_threads = t.integer { default = 1, min = 1, max = 256, doc = "background threads that make views; changes no number" },
  monitor = training.monitor,
}

-- Every method of lunette.ssl is a task; its settings stand in its own file.
for _, method in ipairs(require("lunette.ssl").methods) do
  tasks[method.name] = {
    doc = method.doc,
    weights = true,
    trains = true,
    multicrop = method.multicrop,
    fields = with(pretrain_fields, method.settings),
  }
end

-- ---- measuring ----

tasks.linear_probe = {
  doc = "a linear classifier on frozen features",
  labels = { "data", "test" },
  fields = {
    from = from_encoder,
    seed = seed,
    data = train_data,
    test = test_data,
    solver = t.string { default = "lbfgs", choices = { "lbfgs", "sgd" }, doc = "L-BFGS to convergence, or SGD as the papers do" },
    standardise = t.boolean { default = true, doc = "scale features to mean 0 and variance 1 of the training split" },
    l2 = t.number { default = 1e-4, min = 0, max = 1000, doc = "L2 penalty (lbfgs)" },
    iterations = t.integer { default = 200, min = 1, max = 100000, doc = "most iterations (lbfgs)" },
    epochs = t.integer { default = 100, min = 1, max = 100000, doc = "passes over the features (sgd)" },
    batch = t.integer { default = 256, min = 1, max = 65536, doc = "features per step (sgd), images per forward pass" },
    optim = t.variant {
      default = { lr = 0.1 },
      default_kind = "sgd",
      doc = "the optimizer (sgd)",
      variants = { sgd = { doc = "stochastic gradient descent", fields = training.sgd } },
    },
    resamples = resamples,
  },
}

tasks.knn = {
  doc = "a weighted vote of the nearest neighbours",
  labels = { "data", "test" },
  fields = {
    from = from_encoder,
    seed = seed,
    data = train_data,
    test = test_data,
    k = t.integer { default = 20, min = 1, max = 100000, doc = "neighbours that vote" },
    temperature = t.number { default = 0.07, above = 0, max = 100, doc = "temperature of the votes' weights" },
    batch = encode_batch,
    resamples = resamples,
  },
}

local band = { epsilon = training.epsilon, low = training.low, high = training.high, over = training.over }

tasks.qscore = {
  doc = "the Q-Score of every representation, and how well it tells correct from misclassified",
  labels = { "test" },
  fields = with(band, {
    from = from_encoder,
    seed = seed,
    data = t.split { required = true, doc = "the images on which the discriminative features are found" },
    test = t.split { required = true, doc = "the images that are scored" },
    probe = t.stage { required = true, task = "linear_probe", doc = probe_stage.doc },
    form = t.string { default = "v6", choices = { "v1", "v3", "v6" }, doc = "which form of the score" },
    sweep = t.list {
      of = t.number { min = 0, max = 100, doc = "epsilon" },
      max_items = 64,
      default = { 1, 2, 3, 4 },
      doc = "further values of epsilon to report",
    },
    batch = encode_batch,
    resamples = resamples,
  }),
}

local method_field = t.string {
  default = "gradcam",
  choices = { "gradcam", "activation", "input", "integrated", "smooth" },
  doc = "how a heatmap is made",
}

tasks.heatmaps = {
  doc = "where in the image a feature looks, as pictures",
  fields = with(band, {
    from = from_encoder,
    seed = seed,
    data = t.split { required = true, doc = "the images to choose from" },
    select = t.string {
      default = "worst_qscore",
      choices = { "worst_qscore", "best_qscore", "misclassified", "random", "first" },
      doc = "which images",
    },
    probe = probe_stage,
    images = t.integer { default = 64, min = 1, max = 100000, doc = "how many images" },
    features = t.integer { default = 8, min = 1, max = 100000, doc = "how many features of each, the most active first" },
    method = method_field,
    overlay = t.number { default = 0.5, min = 0, max = 1, doc = "opacity of the heatmap over the image" },
  }),
}

tasks.interpretability = {
  doc = "heatmaps of highly active discriminative features, scored against core and spurious masks",
  fields = with(band, {
    from = from_encoder,
    seed = seed,
    data = t.split { required = true, doc = "images with masks" },
    probe = probe_stage,
    against = t.stage { random = true, weights = true, doc = "a second encoder to compare with, such as the regularized one" },
    images = t.integer { min = 1, max = 10000000, doc = "how many images, from the first; without it, all" },
    features = t.integer { default = 8, min = 1, max = 100000, doc = "at most so many features of an image, the most active first" },
    method = method_field,
    threshold = t.number { default = 0.5, min = 0, max = 1, doc = "share of the map's maximum above which a pixel counts" },
    sweep = t.list {
      of = t.number { min = 0, max = 1, doc = "threshold" },
      max_items = 64,
      default = { 0.25, 0.5, 0.75 },
      doc = "further thresholds to report",
    },
    batch = encode_batch,
    resamples = resamples,
  }),
}

return tasks
