-- Charts: golden files, and what they must hold whatever the data. LUNETTE_UPDATE_GOLDEN=1 writes the golden files anew.
local t = require "tap"
local decimate = require "lunette.plot.decimate"
local plot = require "lunette.plot"

local golden = t.root .. "/tests/golden/plot/"

local function check_golden(name, list)
  local path = golden .. name .. ".svg"
  if os.getenv("LUNETTE_UPDATE_GOLDEN") == "1" then plot.save(path, list) end
  t.equal(plot.svg(list, { standalone = true }), t.read(path))
end

local function count(s, pattern)
  local _, n = s:gsub(pattern, "")
  return n
end

t.case("golden: lines with a band and a gap", function()
  check_golden("lines", plot.lines { title = "Accuracy", x_label = "epoch", y_label = "top-1", percent_y = true, series = {
    { name = "kNN", x = { 1, 2, 3, 4 }, y = { 0.3, 0.4, 0.45, 0.47 }, low = { 0.28, 0.38, 0.43, 0.45 }, high = { 0.32, 0.42, 0.47, 0.49 } },
    { name = "train", x = { 1, 2, 3, 4 }, y = { 0.2, 0 / 0, 0.5, 0.6 }, dash = "5 4" } } })
end)

t.case("golden: log lines", function()
  check_golden("log", plot.lines { title = "Loss", x_label = "step", y_label = "loss", log_y = true,
    series = { { name = "loss", x = { 0, 10, 20 }, y = { 100, 1, 0.02 } } } })
end)

t.case("golden: histogram", function()
  check_golden("histogram", plot.histogram { title = "Q-Score", x_label = "score", edges = { 0, 1, 2, 3 },
    groups = { { name = "correct", counts = { 1, 2, 7 } }, { name = "misclassified", counts = { 3, 1, 0 }, n = 1005 } } })
end)

t.case("golden: precision-recall and ROC", function()
  check_golden("pr", plot.pr_curve { title = "PR", base_rate = 0.6, curves = {
    { name = "Q-Score", recall = { 0.5, 1 }, precision = { 0.9, 0.6 }, auprc = 0.75, low = 0.7, high = 0.8 } } })
  check_golden("roc", plot.roc { curves = { { name = "Q-Score", fpr = { 0, 0.5, 1 }, tpr = { 0, 0.7, 1 }, auroc = 0.6 } } })
end)

t.case("golden: bars and scatter", function()
  check_golden("bars", plot.bars { title = "Top-1", percent = true, x_label = "top-1", bars = {
    { name = "before", value = 0.41, low = 0.39, high = 0.43 }, { name = "after", value = 0.6 }, { name = "later" } } })
  check_golden("scatter", plot.scatter { x_label = "a", y_label = "b", series = { { name = "s", x = { 1, 2, 0 / 0 }, y = { 3, 4, 5 } } } })
end)

t.case("the same chart gives the same bytes", function()
  local function draw()
    return plot.svg(plot.lines { series = { { name = "a", x = { 1, 2 }, y = { 0.1, 0.2 } }, { name = "b", x = { 1, 2 }, y = { 1, 2 } } } })
  end
  t.equal(draw(), draw())
end)

t.case("long lines are decimated and keep their extremes", function()
  local x, y = {}, {}
  for i = 1, 100000 do x[i], y[i] = i, math.sin(i / 50) end
  y[31234], y[77777] = 9, -9
  local dx, dy = decimate.extremes(x, y)
  t.equal(#dx <= 1000, true)
  t.equal(#dx > 500, true)
  t.equal(dx[1], 1)
  t.equal(dx[#dx], 100000)
  t.equal(math.max(table.unpack(dy)), 9)
  t.equal(math.min(table.unpack(dy)), -9)
  for i = 2, #dx do t.equal(dx[i] > dx[i - 1], true) end
  local drawn = plot.svg(plot.lines { x_label = "step", series = { { name = "s", x = x, y = y } } })
  t.equal(#drawn < 25000, true)
  t.contains(drawn, "step (strong line: means of about 1000 values)")
  local mx, my, each = decimate.means({ 1, 2, 3, 4 }, { 1, 3, 5, 9 }, 2)
  t.equal(table.concat(mx, " ") .. "; " .. table.concat(my, " ") .. "; " .. each, "1.5 3.5; 2.0 7.0; 2")
  local same_x = decimate.extremes({ 1, 2 }, { 3, 4 })
  t.equal(#same_x, 2)
end)

t.case("names from outside cannot add markup", function()
  for _, name in ipairs { "<script>alert(1)</script>", "\"]]><svg onload='x'>", "</title><b>" } do
    local out = plot.svg(plot.lines { title = name, x_label = name, y_label = name,
      series = { { name = name, x = { 1, 2 }, y = { 1, 2 } }, { name = name, x = { 1 }, y = { 1 } } } }, { standalone = true })
      .. plot.svg(plot.bars { title = name, bars = { { name = name, value = 1 } } })
      .. plot.svg(plot.histogram { title = name, edges = { 0, 1 }, groups = { { name = name, counts = { 1 } } } })
      .. plot.svg(plot.pr_curve { curves = { { name = name, recall = { 1 }, precision = { 1 } } } })
      .. plot.svg(plot.scatter { series = { { name = name, x = { 1 }, y = { 1 } }, { name = name, x = {}, y = {} } } })
    t.equal(out:find("<script", 1, true), nil)
    t.equal(out:find("<b>", 1, true), nil)
    t.equal(out:find("]]>", 1, true), nil)
    t.equal(count(out, "<svg"), 5 + 4) -- five charts, a clip in each but the bars
  end
end)

t.case("no data, one point and equal values draw a chart", function()
  t.match(plot.svg(plot.lines { series = { { name = "s", x = {}, y = {} } } }), "no values")
  t.match(plot.svg(plot.lines { log_y = true, series = { { name = "s", x = { 1 }, y = { -1 } } } }), "not positive")
  t.match(plot.svg(plot.lines { series = { { name = "s", x = { 1 }, y = { 7 } } } }), "s: 7 at 1")
  t.match(plot.svg(plot.lines { series = { { name = "s", x = { 1, 2 }, y = { 7, 7 } } } }), "polyline")
  t.match(plot.svg(plot.histogram { groups = { { name = "g", values = {} } } }), "no values")
  t.match(plot.svg(plot.histogram { groups = { { name = "g", values = { 2, 2, 2 } } } }), "n = 3")
  t.match(plot.svg(plot.bars { bars = {} }), "</svg>")
  t.match(plot.svg(plot.bars { bars = { { name = "x", value = 0 / 0 } } }), "not there yet")
end)

t.case("NaN leaves a gap that the chart counts", function()
  local out = plot.svg(plot.lines { x_label = "step", series = { { name = "s", x = { 1, 2, 3, 4 }, y = { 1, 0 / 0, 1 / 0, 2 } } } })
  t.match(out, "step %(2 values not drawn: not finite%)")
end)

t.case("histogram counts each value once, both ends included", function()
  local histogram = require "lunette.plot.histogram"
  local counts = histogram.count({ 0, 0.5, 1, 1.5, 2, 3, 3.1, -1 }, { 0, 1, 2, 3 })
  t.equal(table.concat(counts, " "), "2 2 2")
end)

t.case("misuse is named", function()
  t.raises(function() plot.histogram { edges = { 0, 1 }, groups = { { name = "g", counts = { 1, 2 } } } } end,
    "needs 1 counts for 2 edges, got 2")
  t.raises(function() plot.pr_curve { curves = { { name = "q", recall = { 1 }, precision = {} } } } end,
    "1 recall values and 0 precision values")
  local list = plot.display.new(10, 10)
  t.raises(function() list:image(0, 0, 1, 1, "http://example.org/a.png") end, "data URI")
  t.raises(function() list:pop_clip() end, "without push_clip")
  t.raises(function() list:polyline { 1, 2, 3 } end, "x, y pairs")
  list:push_clip(0, 0, 1, 1)
  t.raises(function() plot.svg(list) end, "without pop_clip")
  t.raises(function() plot.save("/nonexistent/x.svg", plot.display.new(1, 1)) end, "cannot write")
end)

t.finish()
