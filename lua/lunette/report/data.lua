--- Makes the chart data a stage leaves in figures/data/STAGE.json, small whatever the number of samples.
local frame = require "lunette.plot.frame"
local histogram = require "lunette.plot.histogram"

local data = {}

local POINTS = 200 -- of a curve; more cannot be seen

local function round(v)
  return tonumber(("%.6g"):format(v))
end

local function is_true(flag)
  return flag == true or flag == 1
end

--- correct: list of booleans or 0/1 in file order -> "0101...".
function data.flags(correct)
  local out = {}
  for i = 1, #correct do out[i] = is_true(correct[i]) and "1" or "0" end
  return table.concat(out)
end

-- Cumulative (true, false) positives after each group of tied scores, from the highest score down.
local function staircase(scores, correct)
  local order = {}
  for i = 1, #scores do order[i] = i end
  table.sort(order, function(a, b)
    if scores[a] ~= scores[b] then return scores[a] > scores[b] end
    return a < b
  end)
  local steps, hits, misses = {}, 0, 0
  for k, i in ipairs(order) do
    if is_true(correct[i]) then hits = hits + 1 else misses = misses + 1 end
    if k == #order or scores[order[k + 1]] ~= scores[i] then steps[#steps + 1] = { hits, misses } end
  end
  return steps, hits, misses
end

--- scores: finite numbers, correct: booleans or 0/1, of one length -> {histogram, pr, roc} for the report.
-- Scores of exactly 0 (no highly active feature) would dwarf all other bins: histogram.zero counts them apart.
-- Of long curves, evenly chosen points stay, both ends included.
function data.qscore(scores, correct, options)
  if #scores ~= #correct then
    error(("report: data.qscore: scores and correct must have one length, got %d and %d"):format(#scores, #correct), 2)
  end
  local groups, zero = { {}, {} }, { 0, 0 }
  for i = 1, #scores do
    local v = scores[i]
    if type(v) ~= "number" or v - v ~= 0 then
      error(("report: data.qscore: score %d must be a finite number, got %s"):format(i, tostring(v)), 2)
    end
    local g = is_true(correct[i]) and 1 or 2
    if v == 0 then zero[g] = zero[g] + 1 else table.insert(groups[g], v) end
  end
  local low, high = frame.range(groups)
  local edges = histogram.edges(low, high, options and options.bins or 40)
  local out = {
    histogram = { correct = histogram.count(groups[1], edges), wrong = histogram.count(groups[2], edges), edges = edges,
      zero = { correct = zero[1], wrong = zero[2] } },
    pr = { recall = {}, precision = {} }, roc = { fpr = { 0 }, tpr = { 0 } },
  }
  local steps, hits, misses = staircase(scores, correct)
  local kept = math.min(#steps, POINTS)
  for k = 1, kept do
    local step = steps[kept == 1 and #steps or 1 + (k - 1) * (#steps - 1) // (kept - 1)]
    if hits > 0 then
      out.pr.recall[k], out.pr.precision[k] = round(step[1] / hits), round(step[1] / (step[1] + step[2]))
    end
    out.roc.fpr[k + 1], out.roc.tpr[k + 1] = round(misses > 0 and step[2] / misses or 0), round(hits > 0 and step[1] / hits or 0)
  end
  return out
end

return data
