--- Difference of two accuracies with a 95 % interval.
local paired = {}

-- SplitMix64 (Steele, Lea and Flood, 2014): small, and the same on every machine.
local function generator(seed)
  local state = seed
  return function() -- uniform in (0, 1]
    state = state + 0x9E3779B97F4A7C15
    local z = state
    z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ~ (z >> 27)) * 0x94D049BB133111EB
    z = z ~ (z >> 31)
    return ((z >> 11) + 1) * 0x1p-53
  end
end

-- Binomial(n, p) by the waiting times between successes: about n * min(p, 1 - p) draws.
local function binomial(uniform, n, p)
  if p <= 0 or n == 0 then return 0 end
  if p >= 1 then return n end
  if p > 0.5 then return n - binomial(uniform, n, 1 - p) end
  local scale, at, hits = 1 / math.log(1 - p), 0, 0
  while true do
    at = at + math.floor(math.log(uniform()) * scale) + 1
    if at > n then return hits end
    hits = hits + 1
  end
end

-- Linear interpolation between order statistics.
local function quantile(sorted, q)
  local at = 1 + (#sorted - 1) * q
  local low = math.floor(at)
  local high = math.min(low + 1, #sorted)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

--- after - before on the same samples. before, after: strings of "0" and "1", one per sample, in one order.
-- Percentile bootstrap over samples. A resample of pairs is a draw from the multinomial with the observed shares of
-- "only after right" and "only before right", so it needs two binomials and no pass over the samples.
-- Returns {difference, low, high, n, gained, lost}; nil and a reason where the strings do not match.
function paired.bootstrap(before, after, options)
  if type(before) ~= "string" or type(after) ~= "string" then return nil, "no flags per sample" end
  if #before ~= #after then return nil, ("different numbers of samples: %d and %d"):format(#before, #after) end
  if #before == 0 or before:find("[^01]") or after:find("[^01]") then return nil, "flags must be 0 or 1" end
  local n, gained, lost = #before, 0, 0
  for i = 1, n do
    local a, b = before:byte(i), after:byte(i)
    if b > a then gained = gained + 1 elseif a > b then lost = lost + 1 end
  end
  local uniform, replicates = generator(options and options.seed or 1), options and options.replicates or 2000
  local differing, draws = gained + lost, {}
  for r = 1, replicates do
    local k = binomial(uniform, n, differing / n)
    draws[r] = (2 * binomial(uniform, k, differing > 0 and gained / differing or 0) - k) / n
  end
  table.sort(draws)
  return { difference = (gained - lost) / n, low = quantile(draws, 0.025), high = quantile(draws, 0.975),
    n = n, gained = gained, lost = lost }
end

--- The same where every sample was judged several times, such as by encoders of several seeds: `before` and `after` are lists of
-- strings, string k of each from the same seed. Samples are resampled with all of their flags: those of one sample are no
-- independent witnesses. Returns {difference, low, high, n}; nil and a reason where the strings do not match.
function paired.bootstrap_groups(before, after, options)
  local n, sum = #(before[1] or ""), {}
  if n == 0 or #before ~= #after then return nil, "no flags per sample" end
  for i = 1, n do sum[i] = 0 end
  for k = 1, #before do
    if #before[k] ~= n or #after[k] ~= n then return nil, ("different numbers of samples: %d and %d"):format(#before[k], #after[k]) end
    for i = 1, n do sum[i] = sum[i] + after[k]:byte(i) - before[k]:byte(i) end
  end
  local uniform, draws = generator(options and options.seed or 1), {}
  local function mean_of(pick)
    local total = 0
    for i = 1, n do total = total + sum[pick(i)] end
    return total / (n * #before)
  end
  for r = 1, options and options.replicates or 2000 do
    draws[r] = mean_of(function() return math.ceil(uniform() * n) end)
  end
  table.sort(draws)
  return { difference = mean_of(function(i) return i end), low = quantile(draws, 0.025), high = quantile(draws, 0.975), n = n }
end

--- after - before from the two accuracies and their own intervals (Newcombe 1998, method 10): for samples that
-- cannot be paired; wider than the paired interval. nil where a figure is missing.
function paired.newcombe(before, after)
  local p, p_low, p_high = before.top1, before.ci_low, before.ci_high
  local q, q_low, q_high = after.top1, after.ci_low, after.ci_high
  for _, v in ipairs { p or false, p_low or false, p_high or false, q or false, q_low or false, q_high or false } do
    if type(v) ~= "number" then return nil end
  end
  local d = q - p
  return { difference = d, low = d - math.sqrt((q - q_low) ^ 2 + (p_high - p) ^ 2),
    high = d + math.sqrt((q_high - q) ^ 2 + (p - p_low) ^ 2) }
end

return paired
