--- explain: which pixels a feature of a representation looks at, as maps, scored against masks, and as pictures.
local masks = require "lunette.explain.masks"
local picture = require "lunette.explain.picture"

return {
  heatmap = require "lunette.explain.heatmap",
  iou = masks.iou, pointing = masks.pointing, energy = masks.energy, scores = masks.scores, unit_range = masks.unit_range,
  overlay = picture.overlay, montage = picture.montage,
}
