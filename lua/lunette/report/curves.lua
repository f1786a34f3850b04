--- Loss and accuracy curves of every stage that logged some.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local plot = require "lunette.plot"

local curves = {}

local node = html.node

local accuracies = { { "top1", "top-1" }, { "train_top1", "training samples" }, { "test_top1", "test samples" }, { "knn_top1", "kNN" } }

-- The values of a field over the steps of a stage (over epochs where no row has a step).
local function track(rows, field)
  local over = "epoch"
  for _, row in ipairs(rows) do
    if row[field] ~= nil and row.step ~= nil then over = "step" break end
  end
  local points = {}
  for _, row in ipairs(rows) do
    if row[field] ~= nil and numbers.finite(row[over]) then points[#points + 1] = { row[over], row[field] } end
  end
  table.sort(points, function(a, b) return a[1] < b[1] end)
  local x, y = {}, {}
  for i, point in ipairs(points) do x[i], y[i] = point[1], point[2] end
  return #x > 0 and { x = x, y = y, over = over } or nil
end

local function loss_chart(stage, rows)
  local loss = track(rows, "loss")
  if not loss then return nil end
  local low, high = math.huge, -math.huge
  for _, v in ipairs(loss.y) do
    if numbers.finite(v) then low, high = math.min(low, v), math.max(high, v) end
  end
  local log_y = low > 0 and high / low > 50 -- a loss that falls over decades is unreadable on a linear axis
  return plot.lines { title = stage .. ": loss", x_label = loss.over, y_label = log_y and "loss (logarithmic)" or "loss", log_y = log_y,
    series = { { name = "loss", x = loss.x, y = loss.y } } }
end

local function accuracy_chart(stage, rows)
  local series, over = {}, "epoch"
  for _, kind in ipairs(accuracies) do
    local t = track(rows, kind[1])
    if t then
      series[#series + 1] = { name = kind[2], x = t.x, y = t.y, dash = kind[1] == "train_top1" and "5 4" or nil }
      over = t.over
    end
  end
  if #series == 0 then return nil end
  return plot.lines { title = stage .. ": accuracy", x_label = over, y_label = "top-1 accuracy", percent_y = true,
    series = series, legend = true }
end

function curves.section(r, drawn)
  local figures, names = {}, {}
  for _, stage in ipairs(r.stages) do names[#names + 1] = stage.name end
  local rest = {}
  for name in pairs(r.metrics) do
    if not r.stages[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  table.move(rest, 1, #rest, #names + 1, names)
  for _, name in ipairs(names) do
    local rows = r.metrics[name]
    for _, chart in ipairs(rows and { { "loss", loss_chart }, { "accuracy", accuracy_chart } } or {}) do
      local list = chart[2](name, rows)
      if list then figures[#figures + 1] = drawn(name .. "-" .. chart[1], list) end
    end
  end
  if #figures == 0 then
    return node("section", nil, node("h2", nil, "Training"),
      node("p", { class = "missing" }, "No curves: metrics.jsonl has no rows with a loss or an accuracy yet."))
  end
  return node("section", nil, node("h2", nil, "Training"), node("div", { class = "charts" }, figures))
end

return curves
