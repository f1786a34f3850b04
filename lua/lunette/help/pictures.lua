-- lunette.explain and lunette.plot.

local maps = "local map = lunette.rand(8, 8, {seed = 1})\n"
local masked = maps .. "local mask = map:le(0.5)\n"
local map = { "map", "tensor", "(h,w) or (n,h,w)" }
local mask = { "mask", "tensor", "of its shape: bool or u8, or floating, positive inside" }
local each = { { "number|tensor (n)", "a number for one map, f64 for several" } }
local title, x_label, y_label = { "title", "string?", "above" }, { "x_label", "string?", "below" }, { "y_label", "string?", "beside" }
local width, height = { "width", "number?", "pixels" }, { "height", "number?", "pixels" }
local chart = { { "chart", "a display list, for plot.svg and plot.save" } }
local rows

local function overlay(module)
  return { name = module .. ".overlay", doc = "Heatmaps over their images, from dark blue over red to pale yellow.",
    args = { { "images", "tensor", "(n,3,h,w) or (3,h,w): u8, or floating in [0, 1]" },
      { "maps", "tensor", "(n,h,w) or (h,w), clipped to [0, 1]" } },
    options = { { "alpha", "number = 0.5", "opacity of the maps" } }, returns = { { "tensor", "u8 pictures (n,3,h,w) or (3,h,w)" } },
    fails = ("lunette.%s.overlay(lunette.ones(3, 4, 4), lunette.ones(5, 5))"):format(module), example = maps
      .. ("print(lunette.%s.overlay(lunette.rand(3, 8, 8), map))"):format(module) }
end

local function montage(module)
  return { name = module .. ".montage", doc = "Pictures in rows, as one picture on white.",
    args = { { "pictures", "tensor (n,3,h,w)", "u8" } },
    options = { { "columns", "integer?", "pictures in a row; about as many as rows by default" },
      { "pad", "integer = 2", "pixels between" },
      { "captions", "string[]?", "above each; capitals, digits and signs" }, { "scale", "integer = 1", "size of the letters" } },
    returns = { { "tensor (3,H,W)", "u8" } }, fails = ("lunette.%s.montage(lunette.zeros(0, 3, 4, 4, {dtype = \"u8\"}))"):format(module),
    example = ("local set = lunette.data.shapes{n = 4, size = 16}\nprint(lunette.%s.montage(set.images, {columns = 2}))"):format(module) }
end

rows = {
  { name = "explain.heatmap", doc = "Where in an image a feature of the representation looks.",
    args = { { "encoder", "module", "a model" }, { "images", "tensor", "(3,h,w) or (n,3,h,w): the network's input, or u8 with norm" } },
    options = { { "feature", "integer?", "one feature, from 1" }, { "features", "integer[]?", "several" },
      { "per_image", "table?", "one or several per image" },
      { "method", "\"gradcam\"|\"activation\"|\"input\"|\"integrated\"|\"smooth\" = \"gradcam\"", "how" },
        { "norm", "tensor?", "(2,3) means and deviations, as trained" },
      { "steps", "integer = 16", "of integrated" }, { "baseline", "number = 0", "of integrated" },
        { "samples", "integer = 16", "of smooth" },
      { "noise", "number = 0.15", "of smooth, a share of the range" }, { "seed", "integer = 0", "of smooth" },
        { "unit", "boolean = false", "stretch each map to 0..1" } },
    returns = { { "tensor", "(n,h,w) f32, (n,k,h,w) with several features; without n for one image" } },
    source = "Selvaraju et al. 2017 (gradcam); Simonyan et al. 2014 (input); Sundararajan et al. 2017 (integrated); Smilkov et al. "
      .. "2017 (smooth)",
    fails = "lunette.explain.heatmap(lunette.models.conv4{width = 4}, lunette.ones(3, 16, 16))",
    example = "local encoder = lunette.models.conv4{width = 4}\nprint(lunette.explain.heatmap(encoder, lunette.rand(3, 16, 16), "
      .. "{feature = 1}))" },
  { name = "explain.iou", doc = "Intersection over union of a mask with the pixels of at least a share of the map's maximum.",
    args = { map, mask },
    options = { { "threshold", "number = 0.5", "share of the maximum" }, { "thresholds", "number[]?", "several" } }, returns = each,
    fails = "lunette.explain.iou(lunette.ones(2, 2), lunette.ones(3, 3))", example = masked .. "print(lunette.explain.iou(map, mask))" },
  { name = "explain.pointing", doc = "1 where the map's first maximum lies in the mask, else 0.", args = { map, mask }, returns = each,
    source = "Zhang et al. 2018",
    fails = "lunette.explain.pointing(1, 2)", example = masked .. "print(lunette.explain.pointing(map, mask))" },
  { name = "explain.energy", doc = "Share of the map's positive sum that lies in the mask.", args = { map, mask }, returns = each,
    source = "Wang et al. 2020",
    fails = "lunette.explain.energy(1, 2)", example = masked .. "print(lunette.explain.energy(map, mask))" },
  { name = "explain.scores", doc = "iou, pointing and energy in one pass.", args = { map, mask },
    options = { { "thresholds", "number[] = {0.5}", "of iou" } },
    returns = { { "tensor (n,t)", "iou" }, { "tensor (n)", "pointing" }, { "tensor (n)", "energy" } },
      fails = "lunette.explain.scores(1, 2)",
    example = masked .. "print(lunette.explain.scores(map, mask, {thresholds = {0.25, 0.5}}))" },
  { name = "explain.unit_range", doc = "Each map stretched to 0..1; a constant one becomes 0.", args = { map }, returns = { { "tensor" } },
    fails = "lunette.explain.unit_range(1)", example = maps .. "print(lunette.explain.unit_range(map):max(1))" },
  overlay "explain", montage "explain", overlay "image", montage "image",
  { name = "plot.show", doc = "Draws a picture, or a heatmap stretched to its range, on the terminal: by kitty's or iTerm2's "
    .. "protocol, or in half-blocks.",
    args = { { "x", "tensor", "picture (1|3,h,w), u8 or in [0, 1]; heatmap (h,w)" } },
    options = { { "columns", "integer?", "at most so many characters, or pixels of a protocol" },
      { "protocol", "\"kitty\"|\"iterm2\"|\"truecolor\"|\"256\"|nil", "by default what the terminal can" } }, returns = {},
    fails = "lunette.plot.show(lunette.ones(2))", example = maps .. "lunette.plot.show(map, {protocol = \"256\"})" },
  { name = "plot.lines", doc = "A chart of lines over x, with an optional band around each.",
    options = { { "series", "table[]", "{name =, x =, y =, low =, high =, dash =}, arrays of one length" }, title, x_label, y_label,
      { "log_y", "boolean = false", "logarithmic" }, { "percent_y", "boolean = false", "shares as per cent" },
        { "y_min", "number?", "lower end" },
      { "y_max", "number?", "upper end" }, width, height },
    returns = chart, fails = "lunette.plot.lines(1)", example = "local c = lunette.plot.lines{series = {{name = \"loss\", x = {1, 2, "
      .. "3}, y = {3, 2, 1}}}}\nprint(#lunette.plot.svg(c))" },
  { name = "plot.scatter", doc = "A chart of points.", options = { { "series", "table[]", "{name =, x =, y =}" }, title, x_label, y_label,
      { "log_y", "boolean = false", "logarithmic" }, { "percent_y", "boolean = false", "shares as per cent" }, width, height },
    returns = chart, fails = "lunette.plot.scatter(1)", example = "print(#lunette.plot.svg(lunette.plot.scatter{series = {{x = {1, "
      .. "2}, y = {2, 1}}}}))" },
  { name = "plot.bars", doc = "Horizontal bars from zero with intervals.",
    options = { { "bars", "table[]", "{name =, value =, low =, high =, color =}" }, title, x_label, { "percent", "boolean = false",
      "shares as per cent" },
      { "limit", "number?", "right end of the axis" }, width, { "row", "number = 34", "pixels of a bar" } },
    returns = chart, fails = "lunette.plot.bars(1)", example = "print(#lunette.plot.svg(lunette.plot.bars{bars = {{name = \"a\", "
      .. "value = 0.4}}, percent = true}))" },
  { name = "plot.histogram", doc = "Histogram of one or two groups over the same bins, each normalised to its own size.",
    options = { { "groups", "table[]", "{name =, values =}, or {name =, counts =, n =} with edges" },
      { "edges", "number[]?", "bins + 1, ascending" },
      { "bins", "integer = 30", "parts of the common range" }, title, x_label, width, height },
    returns = chart, fails = "lunette.plot.histogram(1)", example = "print(#lunette.plot.svg(lunette.plot.histogram{groups = {{name = "
      .. "\"a\", values = {1, 2, 2, 3}}}, bins = 3}))" },
  { name = "plot.pr_curve", doc = "Precision over recall, with the area in the legend.",
    options = { { "curves", "table[]", "{name =, recall = ascending, precision =, auprc =, low =, high =}" },
      { "base_rate", "number?", "reference line" }, title, width, height },
    returns = chart, fails = "lunette.plot.pr_curve(1)", example = "print(#lunette.plot.svg(lunette.plot.pr_curve{curves = {{name = "
      .. "\"a\", recall = {0, 1}, precision = {1, 0.5}}}}))" },
  { name = "plot.roc", doc = "True over false positive rate, with the area in the legend.",
    options = { { "curves", "table[]", "{name =, fpr =, tpr =, auroc =, low =, high =}" }, title, width, height },
    returns = chart, fails = "lunette.plot.roc(1)", example = "print(#lunette.plot.svg(lunette.plot.roc{curves = {{name = \"a\", fpr "
      .. "= {0, 1}, tpr = {0, 1}}}}))" },
  { name = "plot.svg", doc = "A chart as SVG: same chart, same bytes.", args = { { "chart", "chart", "of a plot function" } },
    options = { { "standalone", "boolean = false", "a file of its own" } }, returns = { { "string" } }, fails = "lunette.plot.svg{}",
    example = "print(#lunette.plot.svg(lunette.plot.scatter{series = {{x = {1, 2}, y = {2, 1}}}}, {standalone = true}))" },
  { name = "plot.save", doc = "Writes a chart as a standalone SVG file.", args = { { "path", "string", "of the file" },
    { "chart", "chart", "of a plot function" } },
    returns = { { "string", "the path" } }, fails = "lunette.plot.save(\"/nonexistent/x.svg\", lunette.plot.scatter{series = {}})",
    example = "local path = os.tmpname()\nlunette.plot.save(path, lunette.plot.scatter{series = {{x = {1, 2}, y = {2, "
      .. "1}}}})\nos.remove(path)" },
}
return rows
