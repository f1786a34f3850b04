--- qscore: how good each single representation is, without labels. h is (n, r): encoder outputs before the projector.
--
-- A feature is highly active in a sample above the sample's mean + epsilon standard deviations (ddof 1). Which features
-- are discriminative (D) is read from the share of samples in which they are highly active.
-- Source: arXiv 2203.01881; its form "v6" is the default, "v3" and "v1" are those of earlier versions.
-- The definition is for representations that are at least 0, pooled after a ReLU. A vision transformer's are signed: only its
-- strongly positive features then count as highly active, and strongly negative ones do not.
local lunette = require "lunette"
local options_of = require "lunette.options"

local qscore = {}

local DEFAULT = { epsilon = 4, low = 0.50, high = 0.95, over = "all", form = "v6" }

local function check(who, h, given, allowed)
  if not lunette.is_tensor(h) then error(("%s: h must be a tensor (n,r), got a %s"):format(who, type(h)), 3) end
  if h:ndim() ~= 2 then
    error(("%s: h must be (n,r), one representation per row, got (%s)"):format(who, table.concat(h:shape(), ",")), 3)
  end
  options_of.check(who, given or {}, allowed, 2)
  local o = {}
  for key, value in pairs(DEFAULT) do o[key] = value end
  for key, value in pairs(given or {}) do o[key] = value end
  if type(o.epsilon) ~= "number" or not (o.epsilon >= 0 and o.epsilon < math.huge) then
    error(("%s: epsilon must be a number of at least 0, got %s"):format(who, tostring(o.epsilon)), 3)
  end
  if type(o.low) ~= "number" or type(o.high) ~= "number" or not (o.low >= 0 and o.low <= o.high and o.high <= 1) then
    error(("%s: low and high must be shares with 0 <= low <= high <= 1, got %s and %s"):format(who, tostring(o.low),
      tostring(o.high)), 3)
  end
  if o.over ~= "all" and o.over ~= "nonzero" then
    error(("%s: over must be \"all\" or \"nonzero\", got %s"):format(who, tostring(o.over)), 3)
  end
  if o.form ~= "v6" and o.form ~= "v3" and o.form ~= "v1" then
    error(("%s: form must be \"v6\", \"v3\" or \"v1\", got %s"):format(who, tostring(o.form)), 3)
  end
  return o
end

-- The kernels take f32 and f64; halves are widened, which is differentiable.
local function widened(h)
  local d = h:dtype()
  return (d == "f32" or d == "f64") and h or h:to("f32")
end

-- Positions as a list or a tensor -> tensor on the device, or nil.
local function positions(who, features, device)
  if features == nil then return nil end
  if lunette.is_tensor(features) then return features:to(device) end
  if type(features) ~= "table" then
    error(("%s: features must be a list or tensor of positions, got a %s"):format(who, type(features)), 3)
  end
  if #features == 0 then return lunette.zeros(0, { dtype = "i64", device = device }) end
  return lunette.tensor(features, { dtype = "i64", device = device })
end

-- Percentile q of a sorted list: linear interpolation between the two nearest ranks, evaluated as NumPy does.
local function percentile(sorted, q)
  local at = q * (#sorted - 1)
  local i = math.min(math.floor(at), #sorted - 1)
  local a, b, t = sorted[i + 1], sorted[math.min(i + 2, #sorted)], at - i
  return t < 0.5 and a + (b - a) * t or b - (b - a) * (1 - t)
end

-- Shares (list) -> positions (list), lower and upper bound.
local function band(share, o)
  local pool = {}
  for _, a in ipairs(share) do
    if o.over == "all" or a > 0 then pool[#pool + 1] = a end
  end
  if #pool == 0 then return {}, 0, 0 end
  table.sort(pool)
  local low, high, kept = percentile(pool, o.low), percentile(pool, o.high), {}
  for j, a in ipairs(share) do
    if a >= low and a <= high and (o.over == "all" or a > 0) then kept[#kept + 1] = j end
  end
  return kept, low, high
end

local function discriminative(h, o)
  return lunette.no_grad(function()
    local share, low, high
    lunette.scope(function() share = lunette.ops.qscore_activation(widened(h), { epsilon = o.epsilon }):totable() end)
    share, low, high = band(share, o)
    return positions("qscore", share, h:device()), low, high
  end)
end

--- score(h, {epsilon = 4, features = D, form = "v6"|"v3"|"v1", low = 0.50, high = 0.95, over = "all"|"nonzero"})
--- -> Q (n), number of features each is a mean over (n; 0: the set is empty and Q is 0), D.
--- Without `features`, form "v6" finds D in h itself (low, high, over); the other forms use all features.
function qscore.score(h, given)
  local o = check("qscore.score", h, given,
    { epsilon = true, features = true, form = true, low = true, high = true, over = true })
  local features
  if o.form == "v6" then features = positions("qscore.score", o.features, h:device()) or discriminative(h, o) end
  local q, count = lunette.ops.qscore(widened(h), { epsilon = o.epsilon, features = features, form = o.form })
  return q, count, features
end

--- activation(h, {epsilon = 4}) -> A (r), share of samples in which a feature is highly active; and how many features
--- are highly active in each sample (n).
function qscore.activation(h, given)
  local o = check("qscore.activation", h, given, { epsilon = true })
  return lunette.ops.qscore_activation(widened(h), { epsilon = o.epsilon })
end

--- discriminative(h, {epsilon = 4, low = 0.50, high = 0.95, over = "all"|"nonzero"})
--- -> D, positions of the features whose A lies between the percentiles, ends included; and the two bounds.
function qscore.discriminative(h, given)
  return discriminative(h, check("qscore.discriminative", h, given, { epsilon = true, low = true, high = true, over = true }))
end

--- regularizer(h, {low_weight = 1e-4, over_weight = 1e-4, epsilon = 4, features = D})
--- -> scalar loss to add; Q (n); sizes of the sets (n); L1 norms of h's columns (r). Without `features`: all features.
function qscore.regularizer(h, given)
  local o = check("qscore.regularizer", h, given, { low_weight = true, over_weight = true, epsilon = true, features = true })
  return lunette.ops.qscore_regularizer(widened(h), {
    low_weight = o.low_weight or 1e-4, over_weight = o.over_weight or 1e-4, epsilon = o.epsilon,
    features = positions("qscore.regularizer", o.features, h:device()),
  })
end

-- Mean and share of empty sets of one score.
local function figures(q, count)
  local n = q:numel()
  local empty = lunette.ops.eq(count:to("f32"), 0):to("f32"):sum():item() / n
  return { mean = q:to("f64"):mean():item(), empty_share = empty, n = n }
end

--- sweep(h, {epsilons = {1, 2, 3, 4}, correct = flags, on = h_of_D, features =, form =, low =, high =, over =})
--- -> list of {epsilon, mean, empty_share, n, features [, auroc, auprc, base_rate]}, the measures where `correct` (n) says
--- which samples are positive. D is found at each epsilon in `on` (default h) unless given.
function qscore.sweep(h, given)
  local o = check("qscore.sweep", h, given, {
    epsilons = true, correct = true, on = true, features = true, form = true, low = true, high = true, over = true })
  local rows = {}
  for i, epsilon in ipairs(o.epsilons or { 1, 2, 3, 4 }) do
    lunette.scope(lunette.no_grad, function()
      local at = { epsilon = epsilon, low = o.low, high = o.high, over = o.over }
      local features = o.form == "v6" and (o.features or discriminative(o.on or h, at)) or nil
      local q, count, used = qscore.score(h, { epsilon = epsilon, form = o.form, features = features })
      local row = figures(q, count)
      row.epsilon, row.features = epsilon, used and used:numel() or h:shape()[2]
      if o.correct then
        local metrics = require "lunette.metrics"
        row.auroc, row.auprc = metrics.auroc(q, o.correct), metrics.auprc(q, o.correct)
        row.base_rate = metrics.base_rate(o.correct)
      end
      rows[i] = row
    end)
  end
  return rows
end

return qscore
