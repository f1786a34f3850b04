--- What every gradient-trained stage shares: optimizer, schedule, regularizer, saving.

local t = require "lunette.recipe.schema.types"

local training = {}

local function learning_rate()
  return t.number { required = true, above = 0, max = 1000, doc = "learning rate at the end of the warm-up" }
end

local function weight_decay(default)
  return t.number { default = default, min = 0, max = 10, doc = "weight decay" }
end

local momentum = t.number { default = 0.9, min = 0, max = 0.999999, doc = "momentum" }

local nesterov = t.boolean { default = false, doc = "Nesterov's momentum" }

--- SGD's own settings: all that a linear probe has.
training.sgd = { lr = learning_rate(), momentum = momentum, weight_decay = weight_decay(0), nesterov = nesterov }

local group = t.record {
  doc = "parameters with options of their own; the first group that fits a parameter holds",
  fields = {
    match = t.list {
      of = t.string { min = 1, max = 256, expects = "a name with * for any text", doc = 'a name, * for any text, as in "*.bias"' },
      min_items = 1,
      max_items = 100,
      doc = "the parameters' names; without it, all",
    },
    max_ndim = t.integer { min = 0, max = 8, doc = "only parameters of so many axes or fewer; 1: biases and norms" },
    lr = t.number { above = 0, max = 1000, doc = "a learning rate that no schedule changes" },
    lr_scale = t.number { min = 0, max = 1000, doc = "factor of the learning rate" },
    weight_decay = t.number { min = 0, max = 10, doc = "weight decay, which no schedule changes" },
  },
}

--- The settings of a kind, and those that every kind has beside them.
local function optimizer(own)
  own.final_weight_decay = t.number { min = 0, max = 10, doc = "weight decay at the end, reached by a cosine; without it, constant" }
  own.decay_1d = t.boolean { default = true, doc = "weight decay for biases and norms too" }
  own.groups = t.list { of = group, max_items = 100, doc = "parameters with options of their own" }
  own.clip_norm = t.number { above = 0, max = 1e9, doc = "gradients longer than this are scaled down to it; without it, never" }
  own.clip_each = t.boolean { default = false, doc = "clip every tensor by its own length, not all by the length of all" }
  return own
end

training.optim = t.variant {
  required = true,
  default_kind = "sgd",
  doc = "the optimizer",
  variants = {
    sgd = {
      doc = "stochastic gradient descent",
      fields = optimizer { lr = learning_rate(), momentum = momentum, weight_decay = weight_decay(0), nesterov = nesterov },
    },
    lars = {
      doc = "layer-wise adaptive rates on top of SGD",
      fields = optimizer {
        lr = learning_rate(),
        momentum = momentum,
        weight_decay = weight_decay(1e-6),
        eta = t.number { default = 0.02, above = 0, max = 1, doc = "trust coefficient: a layer's rate is eta * |w| / |gradient| times lr" },
        clip = t.boolean { default = true, doc = "a layer's rate never exceeds lr" },
        exclude_1d = t.boolean { default = true, doc = "leave biases and normalisation without decay and adaptation" },
        trust = t.string {
          default = "sum",
          choices = { "sum", "update" },
          doc = "what |w| is divided by: |gradient| + weight_decay |w|, or the length of the two together (Barlow Twins, MoCo v3)",
        },
        decayed_only = t.boolean { default = false, doc = "no adaptation where weight decay is 0" },
        nesterov = nesterov,
      },
    },
    adamw = {
      doc = "Adam with decoupled weight decay",
      fields = optimizer {
        lr = learning_rate(),
        betas = t.list {
          of = t.number { min = 0, max = 0.999999, doc = "decay rate" },
          min_items = 2,
          max_items = 2,
          default = { 0.9, 0.999 },
          doc = "decay rates of the two moments",
        },
        eps = t.number { default = 1e-8, above = 0, max = 1, doc = "added to the denominator" },
        weight_decay = weight_decay(0.01),
      },
    },
  },
}

local warmup = t.number { default = 0, min = 0, max = 100000, doc = "epochs of linear warm-up from start_lr" }
local start = t.number { default = 0, min = 0, max = 1000, doc = "learning rate at the first step of the warm-up" }

training.schedule = t.variant {
  default = {},
  default_kind = "cosine",
  doc = "the learning rate over time",
  variants = {
    cosine = {
      doc = "half a cosine down to min_lr after the warm-up",
      fields = {
        warmup_epochs = warmup,
        start_lr = start,
        min_lr = t.number { default = 0, min = 0, max = 1000, doc = "learning rate at the end" },
      },
    },
    constant = { doc = "constant after the warm-up", fields = { warmup_epochs = warmup, start_lr = start } },
  },
}

--- The choices of the Q-Score that several tasks share.
training.epsilon = t.number {
  default = 4,
  min = 0,
  max = 100,
  doc = "a feature is highly active above mean + epsilon * standard deviation of its sample",
}
training.low = t.number { default = 0.50, min = 0, max = 1, doc = "lower percentile of the activation share (discriminative features)" }
training.high = t.number { default = 0.95, min = 0, max = 1, doc = "upper percentile of the activation share (discriminative features)" }
training.over = t.string {
  default = "all",
  choices = { "all", "nonzero" },
  doc = "percentiles over all features, or over those active at least once",
}

training.regularize = t.variant {
  default = false,
  off = true,
  default_kind = "qscore",
  doc = "a term added to the loss; false switches off what `like` copied",
  variants = {
    qscore = {
      doc = "raises low Q-Scores and holds back features that are active for every sample",
      fields = {
        low_weight = t.number { default = 1e-4, min = 0, max = 1000, doc = "weight of the term for low scores" },
        over_weight = t.number { default = 1e-4, min = 0, max = 1000, doc = "weight of the term for overactive features" },
        epsilon = training.epsilon,
        features = t.string {
          default = "discriminative",
          choices = { "discriminative", "all" },
          doc = "the features that count",
        },
        low = training.low,
        high = training.high,
        over = training.over,
        from_epoch = t.integer { default = 1, min = 1, max = 100000, doc = "first epoch in which the term is added" },
      },
    },
  },
}

training.save = t.record {
  default = {},
  doc = "checkpoints during the stage",
  fields = {
    every_epochs = t.integer { default = 1, min = 1, max = 100000, doc = "epochs between two checkpoints" },
    keep = t.integer { default = 2, min = 1, max = 1000, doc = "how many of the latest to keep" },
  },
}

local function switch(doc) return t.boolean { default = true, doc = doc } end

--- See lunette.monitor for what the figures are.
training.monitor = t.record {
  default = {},
  off = true,
  short = "images",
  doc = "figures and warnings while it trains; a number is that of the images, false switches all of it off",
  fields = {
    images = t.integer {
      default = 1000,
      min = 0,
      max = 1000000,
      doc = "training images on which the encoder is measured, with half as many queries; labels serve kNN and probe alone; 0 = none",
    },
    every = t.integer { default = 1, min = 1, max = 100000, doc = "epochs between two measurements of the encoder" },
    knn = switch "accuracy of nearest neighbours",
    probe = switch "accuracy of a linear probe",
    spectrum = switch "RankMe and alpha-ReQ of the representations",
    qscore = switch "mean Q-Score, and the share of images without any highly active feature",
    epsilon = t.number { min = 0, max = 100, doc = "of the mean Q-Score; by default that of the recipe's first 'qscore' stage, or 4" },
    collapse = switch "spread and rank of the embeddings, and the warnings of a collapse",
    plateau = switch "warning of a loss that stays at that of a uniform guess",
  },
}

training.epochs = t.integer { required = true, min = 1, max = 100000, doc = "passes over the data" }
training.batch = t.integer { required = true, min = 2, max = 65536, doc = "images per step" }

return training
