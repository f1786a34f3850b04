--- The SimCLR family of augmentations. A recipe writes a preset's name, one table for both views, or a list of two
--- (each a name or a table); the configuration always holds the two views in full.

local t = require "lunette.recipe.schema.types"

local augment = {}

local function probability(default, doc)
  return t.number { default = default, min = 0, max = 1, doc = doc }
end

-- Without `preset` a table means what it says: what it does not name is off, apart from crop and flip.
augment.view = t.record {
  doc = "one view",
  fields = {
    crop = t.range { default = { 0.08, 1 }, min = 0.001, max = 1, doc = "range of the area kept by the random resized crop" },
    ratio = t.range { default = { 0.75, 4 / 3 }, min = 0.1, max = 10, doc = "range of the crop's aspect ratio" },
    flip = probability(0.5, "probability of a horizontal flip"),
    jitter = t.list {
      of = t.number { min = 0, max = 10, doc = "strength" },
      min_items = 4,
      max_items = 4,
      default = { 0, 0, 0, 0 },
      doc = "strengths of brightness, contrast, saturation and hue jitter",
    },
    jitter_p = probability(0.8, "probability of the colour jitter"),
    gray = probability(0, "probability of dropping the colour"),
    blur = probability(0, "probability of the Gaussian blur"),
    blur_sigma = t.range { default = { 0.1, 2 }, min = 0.01, max = 20, doc = "range of the blur's sigma in pixels" },
    solarize = probability(0, "probability of solarisation"),
  },
}

local function preset(jitter, blur, solarize)
  return { crop = { 0.08, 1 }, flip = 0.5, jitter = jitter, jitter_p = 0.8, gray = 0.2, blur = blur, solarize = solarize }
end

local strong, weak, asymmetric = { 0.8, 0.8, 0.8, 0.2 }, { 0.4, 0.4, 0.4, 0.1 }, { 0.4, 0.4, 0.2, 0.1 }

-- The sets of solo-learn for small images: one entry per view.
augment.presets = {
  symmetric = { preset(strong, 0.5, 0), preset(strong, 0.5, 0) },
  weak = { preset(weak, 0.5, 0), preset(weak, 0.5, 0) },
  asymmetric = { preset(asymmetric, 0, 0), preset(asymmetric, 0, 0.2) },
}

augment.views = 2

augment.type = t.augment {
  default = "symmetric",
  doc = "how the two views of an image are made: a preset's name, a table (with or without preset), or one per view",
}

return augment
