--- Curves of every stage that logged some: losses, accuracies, and what the monitor saw.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local plot = require "lunette.plot"

local curves = {}

local node = html.node

local accuracies = { { "top1", "top-1" }, { "train_top1", "training samples", "5 4" }, { "test_top1", "test samples" },
  { "knn_top1", "kNN" }, { "probe_top1", "probe" } }

-- What a chart of these fields runs over: epochs where each row has one of its own, else steps.
local function axis(rows, fields)
  local seen, by_epoch, has_step = {}, true, false
  for _, row in ipairs(rows) do
    for _, field in ipairs(fields) do
      if row[field] ~= nil then
        has_step = has_step or row.step ~= nil
        local key = field .. " " .. tostring(row.epoch)
        by_epoch = by_epoch and numbers.finite(row.epoch) and not seen[key]
        seen[key] = true
      end
    end
  end
  return (by_epoch or not has_step) and "epoch" or "step"
end

-- The values of a field along an axis.
local function track(rows, field, over)
  local points = {}
  for _, row in ipairs(rows) do
    if row[field] ~= nil and numbers.finite(row[over]) then points[#points + 1] = { row[over], row[field] } end
  end
  table.sort(points, function(a, b) return a[1] < b[1] end)
  local x, y = {}, {}
  for i, point in ipairs(points) do x[i], y[i] = point[1], point[2] end
  return #x > 0 and { x = x, y = y } or nil
end

local function term_chart(stage, rows, field, title)
  local over = axis(rows, { field })
  local term = track(rows, field, over)
  if not term then return nil end
  local low, high = math.huge, -math.huge
  for _, v in ipairs(term.y) do
    if numbers.finite(v) then low, high = math.min(low, v), math.max(high, v) end
  end
  local log_y = low > 0 and high / low > 50 -- what falls over decades is unreadable on a linear axis
  return plot.lines { title = stage .. ": " .. title, x_label = over, y_label = log_y and field .. " (logarithmic)" or field,
    log_y = log_y, series = { { name = field, x = term.x, y = term.y } } }
end

local function loss_chart(stage, rows) return term_chart(stage, rows, "loss", "loss") end

local function regularizer_chart(stage, rows) return term_chart(stage, rows, "regularizer", "Q-Score regularizer") end

-- Several fields in one chart: kinds = {{field, name in the legend, dash}}, options as plot.lines has them.
local function joint_chart(rows, kinds, options)
  local series, fields = {}, {}
  for i, kind in ipairs(kinds) do fields[i] = kind[1] end
  local over = axis(rows, fields)
  for _, kind in ipairs(kinds) do
    local t = track(rows, kind[1], over)
    if t then series[#series + 1] = { name = kind[2], x = t.x, y = t.y, dash = kind[3] } end
  end
  if #series == 0 then return nil end
  options.x_label, options.series, options.legend = over, series, true
  return plot.lines(options)
end

local function accuracy_chart(stage, rows)
  return joint_chart(rows, accuracies, { title = stage .. ": accuracy", y_label = "top-1 accuracy", percent_y = true })
end

local function spread_chart(stage, rows)
  local shares = {}
  for i, row in ipairs(rows) do
    local std, width = row.embedding_std, row.embedding_width
    if numbers.finite(std) and numbers.finite(width) and width > 0 then
      shares[i] = { epoch = row.epoch, step = row.step, spread = std * math.sqrt(width) }
    else
      shares[i] = {}
    end
  end
  return joint_chart(shares, { { "spread", "standard deviation of the embeddings" } },
    { title = stage .. ": spread of the embeddings", y_label = "share of 1/sqrt(d)", y_min = 0 })
end

local function rank_chart(stage, rows)
  return joint_chart(rows, { { "rankme", "representations" }, { "embedding_rank", "embeddings" } },
    { title = stage .. ": directions in use", y_label = "RankMe", y_min = 0 })
end

local function qscore_chart(stage, rows)
  return joint_chart(rows, { { "qscore", "mean" } }, { title = stage .. ": Q-Score", y_label = "mean Q-Score", y_min = 0 })
end

local function empty_chart(stage, rows)
  return joint_chart(rows, { { "qscore_empty", "samples" } }, { title = stage .. ": samples without highly active features",
    y_label = "share", percent_y = true, y_min = 0 })
end

local drawings = { { "loss", loss_chart }, { "regularizer", regularizer_chart }, { "accuracy", accuracy_chart },
  { "spread", spread_chart }, { "rank", rank_chart }, { "mean-qscore", qscore_chart }, { "empty", empty_chart } }

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
    for _, chart in ipairs(rows and drawings or {}) do
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
