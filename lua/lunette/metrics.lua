--- metrics: how well scores rank, how sure an accuracy is, how many directions a representation uses.
--
-- Scores and labels are tensors or plain lists. `positive` is bool or 0/1. Undefined measures are nil and a sentence.
local lunette = require "lunette"
local options_of = require "lunette.options"
local spectrum = require "lunette.metrics.spectrum"
local bootstrap = require "lunette.metrics.bootstrap"
local as = require "lunette.metrics.arguments"

local metrics = {
  bootstrap = bootstrap.bootstrap, paired = bootstrap.paired, wilson = bootstrap.wilson,
  rankme = spectrum.rankme, alpha_req = spectrum.alpha_req, singular_values = spectrum.singular_values,
  covariance_eigenvalues = spectrum.covariance_eigenvalues,
}

local function undefined(who, value, positive)
  if value == value then return value end
  local n = positive:numel()
  local hits = n > 0 and positive:to("f32"):sum():item() or 0
  if n == 0 then return nil, who .. " is undefined: there are no samples" end
  return nil, ("%s is undefined: %s of the %d samples %s positive"):format(who, hits == n and "all" or "none", n,
    hits == n and "are" or "is")
end

local function measured(who, op, scores, positive)
  return lunette.scope(function()
    local s, p = as.pair(who, scores, positive)
    return undefined(who, op(s, p):item(), p)
  end)
end

--- auprc(scores, positive) -> average precision, equal scores taken as one step; compare it with base_rate(positive).
function metrics.auprc(scores, positive) return measured("auprc", lunette.ops.average_precision, scores, positive) end

--- auroc(scores, positive) -> share of (positive, negative) pairs in the right order, ties one half; 0.5 is chance.
function metrics.auroc(scores, positive) return measured("auroc", lunette.ops.auroc, scores, positive) end

--- base_rate(positive) -> share of positives.
function metrics.base_rate(positive)
  return lunette.scope(function()
    local p = as.flags("base_rate", positive)
    if p:numel() == 0 then return nil, "base_rate is undefined: there are no samples" end
    return p:to("f64"):mean():item()
  end)
end

local function curve(who, scores, positive)
  local s, p = as.pair(who, scores, positive)
  local threshold, tp, fp, steps = lunette.ops.ranking_curve(s, p)
  local k = steps:item()
  local function first(x) return k > 0 and x:narrow(1, 1, k):totable() or {} end
  return first(threshold), first(tp), first(fp)
end

--- pr_curve(scores, positive) -> precision (k+1), recall (k+1), threshold (k): f64 tensors, thresholds ascending; the
--- last point is precision 1 at recall 0, as in scikit-learn's precision_recall_curve.
function metrics.pr_curve(scores, positive)
  return lunette.scope(function()
    local threshold, tp, fp = curve("pr_curve", scores, positive)
    local k = #threshold
    local hits = tp[k] or 0
    if hits == 0 then return nil, "pr_curve is undefined: no sample is positive" end
    local precision, recall, ascending = { [k + 1] = 1 }, { [k + 1] = 0 }, {}
    for i = 1, k do
      local at = k + 1 - i
      precision[at], recall[at], ascending[at] = tp[i] / (tp[i] + fp[i]), tp[i] / hits, threshold[i]
    end
    local f64 = { dtype = "f64" }
    return lunette.tensor(precision, f64), lunette.tensor(recall, f64), lunette.tensor(ascending, f64)
  end)
end

--- roc_curve(scores, positive) -> false positive rate (k+1), true positive rate (k+1), from (0, 0) to (1, 1): f64.
function metrics.roc_curve(scores, positive)
  return lunette.scope(function()
    local threshold, tp, fp = curve("roc_curve", scores, positive)
    local k = #threshold
    local hits, misses = tp[k] or 0, fp[k] or 0
    if hits == 0 or misses == 0 then return nil, "roc_curve is undefined: it needs positives and negatives" end
    local x, y = { 0 }, { 0 }
    for i = 1, k do x[i + 1], y[i + 1] = fp[i] / misses, tp[i] / hits end
    return lunette.tensor(x, { dtype = "f64" }), lunette.tensor(y, { dtype = "f64" })
  end)
end

--- accuracy(predicted, labels [, {k = 1}]) -> share of samples that are right. predicted: positions (n), or scores
--- (n, classes), of which the k largest are looked at.
function metrics.accuracy(predicted, labels, given)
  local o = given or {}
  options_of.check("accuracy", o, { k = true })
  return lunette.scope(function()
    local y = as.positions("accuracy", labels)
    local p = lunette.is_tensor(predicted) and predicted or as.positions("accuracy", predicted)
    y = y:to(p:device())
    local n = y:numel()
    if p:shape()[1] ~= n then error(("accuracy: %d predictions for %d labels"):format(p:shape()[1], n), 0) end
    if n == 0 then return nil, "accuracy is undefined: there are no samples" end
    if p:ndim() == 2 then
      local _, best = lunette.ops.topk(p:to("f32"), o.k or 1)
      local right = lunette.ops.eq(best:to("f64"), y:reshape(n, 1):to("f64")):to("f32")
      return right:sum():item() / n
    end
    return lunette.ops.eq(p:to("f64"), y:to("f64")):to("f32"):sum():item() / n
  end)
end

--- baselines(h) -> {max_activation, l1_norm, l2_norm}, each (n): what a score must beat. h is (n, r).
function metrics.baselines(h)
  if not lunette.is_tensor(h) then error("baselines: h must be a tensor (n,r), got a " .. type(h), 2) end
  return lunette.scope(function()
    local x = h:to("f32")
    return { max_activation = (x:max(2)), l1_norm = x:abs():sum({ 2 }), l2_norm = (x * x):sum({ 2 }):sqrt() }
  end)
end

--- knn_density(h, bank [, {k = 20}]) -> mean cosine to the k nearest rows of the bank (n), f32.
function metrics.knn_density(h, bank, given)
  local o = given or {}
  options_of.check("knn_density", o, { k = true })
  local neighbours = require "lunette.metrics.neighbours"
  return lunette.scope(function()
    local similarity = neighbours.nearest("knn_density", h, bank, o.k or 20)
    return similarity:mean({ 2 })
  end)
end

return metrics
