--- Precision-recall and ROC curves: unit axes, a reference line, and the area with its interval in the legend.
local decimate = require "lunette.plot.decimate"
local frame = require "lunette.plot.frame"
local palette = require "lunette.plot.palette"

local curves = {}

local function area(name, label, curve, key)
  local value = curve[key]
  if type(value) ~= "number" then return name end
  local s = ("%s: %s %.3f"):format(name, label, value)
  if curve.low and curve.high then s = s .. (" [%.3f, %.3f]"):format(curve.low, curve.high) end
  return s
end

-- Precision holds back to the recall before it, as in average precision: the area drawn is the AUPRC.
local function steps(recall, precision)
  local x, y, before = {}, {}, 0
  for i = 1, #recall do
    x[2 * i - 1], y[2 * i - 1], x[2 * i], y[2 * i] = before, precision[i], recall[i], precision[i]
    before = recall[i]
  end
  return x, y
end

local function draw(options, spec)
  local legend, xs, ys = {}, {}, {}
  for i, curve in ipairs(options.curves) do
    xs[i], ys[i] = curve[spec.x], curve[spec.y]
    if #xs[i] ~= #ys[i] then
      error(("plot: %s: '%s' has %d %s values and %d %s values"):format(
        spec.name, tostring(curve.name), #xs[i], spec.x, #ys[i], spec.y), 3)
    end
    legend[i] = { name = area(curve.name or "score", spec.label, curve, spec.key), role = palette.series(i) }
  end
  if spec.reference then legend[#legend + 1] = { name = spec.reference_name, role = "axis", dash = "5 4" } end
  local f = frame.new {
    title = options.title, x_label = spec.x_label, y_label = spec.y_label, x = { 0, 1 }, y = { 0, 1 }, exact = true,
    legend = legend, width = options.width, height = options.height or 320,
  }
  if spec.reference then
    local r = spec.reference
    f.list:polyline({ f:px(0), f:py(r[1]), f:px(1), f:py(r[2]) },
      { stroke = "axis", width = 1.5, dash = "5 4", title = spec.reference_name })
  end
  for i, curve in ipairs(options.curves) do
    local x, y = xs[i], ys[i]
    if spec.steps then x, y = steps(x, y) end
    x, y = decimate.extremes(x, y)
    local title = area(curve.name or "score", spec.label, curve, spec.key)
    local points = {}
    for k = 1, #x do points[2 * k - 1], points[2 * k] = f:px(x[k]), f:py(y[k]) end
    f.list:polyline(points, { stroke = palette.series(i), width = 2, title = title })
  end
  return f:close()
end

--- options: curves = { {name=, recall= (ascending), precision=, auprc=, low=, high=} }, base_rate, title, width, height.
function curves.pr(options)
  local base = options.base_rate
  return draw(options, {
    name = "pr_curve", steps = true, x = "recall", y = "precision", x_label = "recall", y_label = "precision", label = "AUPRC",
    key = "auprc", reference = base and { base, base }, reference_name = base and ("base rate %.3f"):format(base),
  })
end

--- options: curves = { {name=, fpr=, tpr=, auroc=, low=, high=} }, title, width, height.
function curves.roc(options)
  return draw(options, {
    name = "roc", x = "fpr", y = "tpr", x_label = "false positive rate", y_label = "true positive rate", label = "AUROC",
    key = "auroc", reference = { 0, 1 }, reference_name = "chance 0.500",
  })
end

return curves
