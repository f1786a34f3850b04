--- Q-Score as a predictor of correct classification, beside the base rate, the intervals and the plain baselines.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local plot = require "lunette.plot"

local qscore = {}

local node = html.node

--- Reads a figure against the value that no information gives: "better", "same", "worse", or "unknown" without an interval.
function qscore.against(t, name, nothing)
  local low, high = numbers.ends(t, name)
  if not (numbers.finite(low) and numbers.finite(high) and numbers.finite(nothing)) then return "unknown" end
  if low > nothing then return "better" end
  if high < nothing then return "worse" end
  return "same"
end

local auroc_words = {
  better = "better than chance (0.5)", same = "no better than chance: the interval covers 0.5",
  worse = "worse than chance: high scores go with misclassified samples",
  unknown = "no interval, so it cannot be told from chance (0.5)",
}
local auprc_words = {
  better = "above the base rate", same = "no better than the base rate: the interval covers it",
  worse = "below the base rate", unknown = "no interval, so it cannot be told from the base rate",
}

local function figure_row(t, label)
  local auroc_low, auroc_high = numbers.ends(t, "auroc")
  local auprc_low, auprc_high = numbers.ends(t, "auprc")
  return { label, numbers.unit(t.auroc), numbers.interval(auroc_low, auroc_high, numbers.unit),
    numbers.unit(t.auprc), numbers.interval(auprc_low, auprc_high, numbers.unit) }
end

local function predictor_table(result)
  local rows = { figure_row(result, "Q-Score") }
  rows[1].class = "mark"
  for _, baseline in ipairs(numbers.rows(result.baselines)) do
    rows[#rows + 1] = figure_row(baseline, tostring(baseline.name or "?"))
  end
  local low, high = numbers.ends(result, "base_rate")
  rows[#rows + 1] = { "nothing (base rate, chance)", "0.500", nil, numbers.unit(result.base_rate),
    numbers.interval(low, high, numbers.unit) }
  rows[#rows].class = "reference"
  local interval = { "95 % interval", "num" }
  return html.table({ { "predictor" }, { "AUROC", "num" }, interval, { "AUPRC", "num" }, interval }, rows,
    "How well each score predicts that the linear probe is right (positive = correctly classified)")
end

local function facts(result)
  local out = {}
  local function fact(label, value)
    if value then out[#out + 1] = node("div", { class = "fact" }, node("b", nil, value), node("span", nil, label)) end
  end
  fact("samples", numbers.count(result.n))
  fact("base rate: samples the probe gets right", numbers.percent(result.base_rate))
  fact("samples without any highly active feature (score 0)", numbers.percent(result.empty_share))
  fact("mean Q-Score", numbers.finite(result.mean) and ("%.4g"):format(result.mean) or nil)
  fact("epsilon", numbers.finite(result.epsilon) and ("%g"):format(result.epsilon) or nil)
  local d, total = numbers.count(result.features), numbers.count(result.r)
  fact("discriminative features", d and total and d .. " of " .. total or d)
  fact("form", type(result.form) == "string" and result.form or nil)
  return node("div", { class = "facts" }, out)
end

local function sweep_table(result)
  local sweep = numbers.rows(result.sweep)
  if #sweep == 0 then return node("p", { class = "missing" }, "No sweep of epsilon in the results.") end
  local rows = {}
  for i, row in ipairs(sweep) do
    local is_own = row.epsilon ~= nil and row.epsilon == result.epsilon
    rows[i] = { numbers.finite(row.epsilon) and ("%g"):format(row.epsilon) or nil, numbers.unit(row.auroc), numbers.unit(row.auprc),
      numbers.percent(row.empty_share), class = is_own and "mark" or nil }
  end
  return html.table({ { "epsilon", "num" }, { "AUROC", "num" }, { "AUPRC", "num" }, { "empty", "num" } }, rows,
    "Sweep of epsilon; empty: share of samples without any highly active feature")
end

local function sweep_chart(stage, result, drawn)
  local sweep = numbers.rows(result.sweep)
  if #sweep == 0 then return nil end
  local x, tracks = {}, { auroc = {}, auprc = {}, empty_share = {} }
  for i, row in ipairs(sweep) do
    x[i] = numbers.value(row.epsilon) or 0 / 0
    for name, values in pairs(tracks) do values[i] = numbers.value(row[name]) or 0 / 0 end
  end
  return drawn(stage.name .. "-epsilon", plot.lines { title = "Sweep of epsilon", x_label = "epsilon", y_label = "share",
    y_min = 0, y_max = 1, height = 320, series = { { name = "AUROC", x = x, y = tracks.auroc }, { name = "AUPRC", x = x, y = tracks.auprc },
      { name = "empty share", x = x, y = tracks.empty_share, dash = "5 4" } } })
end

-- Groups for the histogram, and its caption: samples that score exactly 0 are told, not drawn.
local function outcome_groups(h)
  local zero = type(h.zero) == "table" and h.zero or {}
  local groups, shares = {}, {}
  for i, group in ipairs { { "correct", h.correct, zero.correct }, { "misclassified", h.wrong, zero.wrong } } do
    local apart = numbers.finite(group[3]) and group[3] or 0
    local n = apart
    for _, count in ipairs(group[2]) do n = n + count end
    groups[i] = { name = group[1], counts = group[2], n = n }
    if apart > 0 then shares[#shares + 1] = ("%s of the %s samples"):format(numbers.percent(apart / n), group[1]) end
  end
  local caption = "Each group is normalised to its own size."
  if #shares > 0 then
    caption = ("%s Not drawn: score 0, for want of a highly active feature, in %s."):format(caption, table.concat(shares, " and "))
  end
  return groups, caption
end

local function data_charts(r, stage, drawn)
  local data, result, out = r:data(stage.name) or {}, stage.result, {}
  local h, pr, roc = data.histogram, data.pr, data.roc
  if type(h) == "table" and numbers.is_list(h.edges) and numbers.is_list(h.correct) and numbers.is_list(h.wrong)
    and #h.correct == #h.edges - 1 and #h.wrong == #h.correct then
    local groups, caption = outcome_groups(h)
    out[#out + 1] = drawn(stage.name .. "-histogram", plot.histogram { title = "Q-Score by outcome", x_label = "Q-Score", height = 320,
      edges = h.edges, groups = groups }, caption)
  end
  if type(pr) == "table" and numbers.is_list(pr.recall) and numbers.is_list(pr.precision) and #pr.recall == #pr.precision then
    local low, high = numbers.ends(result, "auprc")
    out[#out + 1] = drawn(stage.name .. "-pr", plot.pr_curve { title = "Precision and recall",
      base_rate = numbers.value(result.base_rate), curves = {
      { name = "Q-Score", recall = pr.recall, precision = pr.precision, auprc = result.auprc, low = low, high = high } } })
  end
  if type(roc) == "table" and numbers.is_list(roc.fpr) and numbers.is_list(roc.tpr) and #roc.fpr == #roc.tpr then
    local low, high = numbers.ends(result, "auroc")
    out[#out + 1] = drawn(stage.name .. "-roc", plot.roc { title = "ROC", curves = {
      { name = "Q-Score", fpr = roc.fpr, tpr = roc.tpr, auroc = result.auroc, low = low, high = high } } })
  end
  local missing = #out == 0 and node("p", { class = "missing" },
    "No histogram and no curves: figures/data/", stage.name, ".json is not there or has none.")
  out[#out + 1] = sweep_chart(stage, result, drawn)
  return html.join(missing, node("div", { class = "charts" }, out))
end

function qscore.words(result)
  return auroc_words[qscore.against(result, "auroc", 0.5)], auprc_words[qscore.against(result, "auprc", result.base_rate)]
end

function qscore.section(r, drawn)
  local parts = {}
  for _, stage in ipairs(r.stages) do
    if stage.kind == "qscore" then
      local result = stage.result
      parts[#parts + 1] = node("h2", nil, "Q-Score", stage.name ~= "qscore" and html.join(" (", node("code", nil, stage.name), ")"))
      if result then
        local auroc, auprc = qscore.words(result)
        parts[#parts + 1] = html.join(facts(result), predictor_table(result),
          node("p", nil, "Q-Score AUROC ", numbers.unit(result.auroc) or "?", ": ", auroc, ". AUPRC ",
            numbers.unit(result.auprc) or "?", ": ", auprc, "."),
          data_charts(r, stage, drawn), sweep_table(result))
      else
        parts[#parts + 1] = node("p", { class = "missing" }, "Not there yet: stage ", node("code", nil, stage.name), " has no result.")
      end
    end
  end
  return #parts > 0 and node("section", nil, parts) or nil
end

return qscore
