--- Before and after: the probes side by side, and the difference of each to the one before it.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local paired = require "lunette.report.paired"
local plot = require "lunette.plot"

local compare = {}

local node = html.node

-- The probes to show, in order: {name, stage or nil}.
local function chosen(r)
  local out, asked = {}, r:options().compare
  if type(asked) == "table" and #asked > 0 then
    for _, name in ipairs(asked) do
      if type(name) == "string" then out[#out + 1] = { name = name, stage = r.stages[name] } end
    end
    return out
  end
  for _, kind in ipairs { "linear_probe", "knn" } do
    for _, stage in ipairs(r.stages) do
      if stage.kind == kind then out[#out + 1] = { name = stage.name, stage = stage } end
    end
    if #out > 0 then return out end
  end
  return out
end

--- List of {before=, after= (stages), difference=, low=, high=, gained=, lost=, how=} for neighbours that both have a result.
function compare.differences(r)
  local out, last = {}, nil
  for _, item in ipairs(chosen(r)) do
    local stage = item.stage
    if stage and stage.result and numbers.finite(stage.result.top1) then
      if last then
        local a, b = r:data(last.name), r:data(stage.name)
        local d, why = paired.bootstrap(a and a.correct, b and b.correct)
        local how = "paired bootstrap, 2,000 resamples"
        if not d then
          d = paired.newcombe(last.result, stage.result)
          how = ("from the two intervals, not paired (%s)"):format(why)
        end
        d = d or { difference = stage.result.top1 - last.result.top1 }
        d.before, d.after, d.how = last, stage, d.low and how or "no interval: the results have none"
        out[#out + 1] = d
      end
      last = stage
    end
  end
  return out
end

--- What a difference means, in words.
function compare.judge(d)
  if not d.low then return "no interval, so nothing can be said" end
  if d.low > 0 then return "better: the interval lies above zero" end
  if d.high < 0 then return "worse: the interval lies below zero" end
  return "no clear difference: the interval covers zero"
end

local function start_of(r, stage)
  local from = r:start(stage)
  return from and node("code", nil, from.name or from) or "random"
end

local function stage_rows(r, items)
  local rows, bars = {}, {}
  for i, item in ipairs(items) do
    local stage, result = item.stage, item.stage and item.stage.result or {}
    local low, high = numbers.ends(result, "top1")
    rows[i] = {
      node("code", nil, item.name), stage and (stage.task or stage.kind), stage and start_of(r, stage),
      numbers.percent(result.top1) or "not there yet", numbers.interval(low, high, numbers.percent),
      numbers.count(result.n), numbers.count(result.features),
      class = not numbers.finite(result.top1) and "missing" or nil,
    }
    bars[i] = { name = item.name, value = result.top1, low = low, high = high, color = i == 1 and "s6" or "s1" }
  end
  return rows, bars
end

local function difference_rows(differences)
  local rows = {}
  for i, d in ipairs(differences) do
    rows[i] = {
      html.join(node("code", nil, d.after.name), " \u{2212} ", node("code", nil, d.before.name)),
      numbers.points(d.difference), numbers.interval(d.low, d.high, numbers.points),
      numbers.count(d.gained), numbers.count(d.lost), compare.judge(d),
    }
  end
  return rows
end

function compare.section(r, differences, drawn)
  local items = chosen(r)
  if #items == 0 then return nil end
  local rows, bars = stage_rows(r, items)
  local columns = { { "probe" }, { "task", "wide" }, { "weights from" }, { "top-1", "num" }, { "95 % interval", "num" }, { "n", "num" } }
  local any_features = false
  for _, item in ipairs(items) do
    any_features = any_features or item.stage and item.stage.result and item.stage.result.features
  end
  if any_features then columns[7] = { "features", "num" } end
  local parts = { node("h2", nil, "Before and after"), html.table(columns, rows) }
  parts[#parts + 1] = drawn("comparison", plot.bars {
    title = "Top-1 accuracy", x_label = "top-1 accuracy, with 95 % intervals", percent = true, bars = bars, width = 480 })
  if #differences > 0 then
    parts[#parts + 1] = html.table({ { "difference" }, { "points", "num" }, { "95 % interval", "num" },
      { "gained", "num wide" }, { "lost", "num wide" }, { "reading", "reading" } }, difference_rows(differences))
    local how = {}
    for _, d in ipairs(differences) do
      if not how[d.how] then
        how[d.how] = true
        how[#how + 1] = d.how
      end
    end
    parts[#parts + 1] = node("p", { class = "note" },
      "Gained and lost: samples that only the later, only the earlier probe gets right. Intervals: ", table.concat(how, "; "), ".")
  end
  return node("section", nil, parts)
end

return compare
