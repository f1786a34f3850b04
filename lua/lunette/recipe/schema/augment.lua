--- The SimCLR family of augmentations. A recipe writes a preset's name, one table for all views, or a list with a name or
--- a table for each; the configuration always holds every view in full.

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
    size = t.integer { min = 8, max = 1024, doc = "height and width of this view in pixels; without it, the stage's" },
  },
}

--- Lists of views by name, shared with scripts.
augment.presets = require "lunette.augment.presets"

--- Views where no preset or list says how many, and bounds of a list.
augment.views, augment.min_views, augment.max_views = 2, 2, 64

--- sizes(stage, side) -> height and width of each view of a stage that trains: the view's own, the stage's, or the images'
function augment.sizes(stage, side)
  local sizes = {}
  for i, view in ipairs(stage.augment) do sizes[i] = view.size or stage.size or side end
  return sizes
end

augment.type = t.augment {
  default = "symmetric",
  doc = "how the views of an image are made: a preset's name, a table (with or without preset), or one per view",
}

return augment
