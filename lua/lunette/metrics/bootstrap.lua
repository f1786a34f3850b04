--- Intervals: the percentile bootstrap with draws by counter, and Wilson's interval for shares.
local lunette = require "lunette"
local options_of = require "lunette.options"
local as = require "lunette.metrics.arguments"

local bootstrap = {}

local allowed = {
  metric = true, scores = true, positive = true, values = true, against = true, n = true,
  draws = true, level = true, seed = true,
}

-- Quantile q of a sorted list, linear between ranks.
local function quantile(sorted, q)
  local at = q * (#sorted - 1)
  local i = math.floor(at)
  local a, b = sorted[i + 1], sorted[math.min(i + 2, #sorted)]
  return a + (b - a) * (at - i)
end

local function interval(list, level)
  local kept = {}
  for _, v in ipairs(list) do
    if v == v then kept[#kept + 1] = v end
  end
  if #kept == 0 then return nil, nil, #list end
  table.sort(kept)
  return quantile(kept, (1 - level) / 2), quantile(kept, (1 + level) / 2), #list - #kept
end

local function ranking(o, scores)
  local s, p = as.pair("bootstrap", scores, o.positive)
  local op = o.metric == "auroc" and lunette.ops.auroc or lunette.ops.average_precision
  local draws = lunette.ops.bootstrap_ranking(s, p, { metric = o.metric, draws = o.draws, seed = o.seed })
  return op(s, p):item(), draws:totable()
end

local function mean(o, values)
  local v = as.scores("bootstrap", values)
  return v:to("f64"):mean():item(), lunette.ops.bootstrap_mean(v, { draws = o.draws, seed = o.seed }):totable()
end

local function of_function(o, f)
  local list = {}
  for d = 1, o.draws do
    list[d] = lunette.scope(function() return f(lunette.ops.bootstrap_positions(o.n, { draw = d, seed = o.seed })) end) or 0 / 0
  end
  return f(lunette.arange(1, o.n, { dtype = "i64" })), list
end

local function one(o, data)
  if type(o.metric) == "function" then return of_function(o, o.metric) end
  if o.metric == "mean" then return mean(o, data) end
  return ranking(o, data)
end

local function check(given)
  options_of.check("bootstrap", given, allowed, 2)
  local o = { draws = 1000, level = 0.95, seed = 0, metric = given.values and "mean" or nil }
  for key, value in pairs(given) do o[key] = value end
  if type(o.metric) ~= "function" and o.metric ~= "auroc" and o.metric ~= "auprc" and o.metric ~= "mean" then
    error("bootstrap: metric must be \"auroc\", \"auprc\", \"mean\" or a function of positions, got " .. tostring(o.metric), 3)
  end
  if type(o.metric) == "function" and math.type(o.n) ~= "integer" then
    error("bootstrap: with a function as metric, n must say how many samples there are", 3)
  end
  if not (o.level > 0 and o.level < 1) then error(("bootstrap: level must be within 0..1, got %g"):format(o.level), 3) end
  return o
end

--- bootstrap{metric = "auroc"|"auprc", scores =, positive =}    bootstrap{values =}: of a mean, as of an accuracy
--- bootstrap{metric = function(positions) ... end, n =}
--- further: draws = 1000, level = 0.95, seed = 0, and against = other scores or values of the same samples, in the same
--- order: then the figure is the difference (the first minus `against`), resampled in pairs.
--- -> value, low, high, number of resamples in which the measure was undefined (they are left out)
--- Percentile interval. low and high are nil where no resample had a value.
function bootstrap.bootstrap(given)
  local o = check(given)
  return lunette.scope(function()
    local data = o.metric == "mean" and o.values or o.scores
    local value, list = one(o, data)
    if o.against then
      local other, others = one(o, o.against)
      if o.metric == "mean" and as.scores("bootstrap", o.against):numel() ~= as.scores("bootstrap", data):numel() then
        error("bootstrap: against must hold as many values: the samples are paired", 0)
      end
      value = value - other
      for d = 1, #list do list[d] = list[d] - others[d] end
    end
    local low, high, undefined = interval(list, o.level)
    return value, low, high, undefined
  end)
end

--- paired(correct_a, correct_b [, {draws, level, seed}]) -> difference of two accuracies on the same samples, low, high.
function bootstrap.paired(a, b, given)
  local o = { values = as.flags("paired", a):to("f32"), against = as.flags("paired", b):to("f32") }
  for key, value in pairs(given or {}) do o[key] = value end
  return bootstrap.bootstrap(o)
end

-- P(Z < x) for a standard normal Z: the series around 0 converges for all x of use here.
local function normal_below(x)
  local term, sum = x, x
  for k = 1, 200 do
    term = term * x * x / (2 * k + 1)
    sum = sum + term
  end
  return 0.5 + math.exp(-x * x / 2) / math.sqrt(2 * math.pi) * sum
end

local function normal_quantile(p)
  local low, high = 0, 8
  for _ = 1, 80 do
    local middle = (low + high) / 2
    if normal_below(middle) < p then low = middle else high = middle end
  end
  return low
end

--- wilson(hits, n [, level = 0.95]) -> low, high: Wilson's score interval for a share.
function bootstrap.wilson(hits, n, level)
  if n < 1 or hits < 0 or hits > n then error(("wilson: hits must be within 0..n with n >= 1, got %s of %s"):format(hits, n), 2) end
  local z = normal_quantile(0.5 + (level or 0.95) / 2)
  local p, z2 = hits / n, z * z
  local centre, half = p + z2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
  return math.max(0, (centre - half) / (1 + z2 / n)), math.min(1, (centre + half) / (1 + z2 / n))
end

return bootstrap
