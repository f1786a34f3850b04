-- metrics_cases.lua: measures worked out by hand: ties, classes that are missing, intervals, spectra.
local lunette = require "lunette"
local t = require "tap"
local metrics = lunette.metrics

local function close(a, b, tolerance, what)
  if not a or math.abs(a - b) > tolerance then error({ failed = ("%s: got %s, expected %.9g"):format(what, tostring(a), b) }, 0) end
end

t.case("ties are one step", function()
  close(metrics.auroc({ 1, 1, 1, 1 }, { 1, 0, 1, 0 }), 0.5, 1e-12, "auroc of one score")
  close(metrics.auprc({ 1, 1, 1, 1 }, { 1, 0, 1, 0 }), 0.5, 1e-12, "auprc of one score")
  -- 3 | 2 2 | 1, positives: 3 and one of the 2s: AP = 1/2 * 1 + 1/2 * 2/3
  close(metrics.auprc({ 2, 3, 1, 2 }, { true, true, false, false }), 0.5 + 1 / 3, 1e-12, "auprc")
  close(metrics.auroc({ 2, 3, 1, 2 }, { true, true, false, false }), 3.5 / 4, 1e-12, "auroc")
end)

t.case("undefined measures say so", function()
  local value, why = metrics.auroc({ 1, 2, 3 }, { true, true, true })
  t.equal(value, nil)
  t.match(why, "all of the 3 samples are positive")
  value, why = metrics.auroc({ 1, 2 }, { 0, 0 })
  t.equal(value, nil)
  t.match(why, "none of the 2 samples is positive")
  close(metrics.auprc({ 1, 2, 3 }, { 1, 1, 1 }), 1, 1e-12, "auprc of positives alone")
  value, why = metrics.auprc({ 1, 2, 3 }, { 0, 0, 0 })
  t.equal(value, nil)
  t.match(why, "none of the 3 samples is positive")
  t.match(select(2, metrics.auprc({}, {})), "no samples")
  t.equal(metrics.pr_curve({ 1 }, { 0 }), nil)
end)

t.case("curves", function()
  local x, y = metrics.roc_curve({ 3, 2, 2, 1 }, { 1, 1, 0, 0 })
  t.equal({ x:totable(), y:totable() }, { { 0, 0, 0.5, 1 }, { 0, 0.5, 1, 1 } })
  local precision, recall, threshold = metrics.pr_curve({ 3, 2, 2, 1 }, { 1, 1, 0, 0 })
  t.equal(threshold:totable(), { 1, 2, 3 })
  t.equal(recall:totable(), { 1, 1, 0.5, 0 })
  close(precision:totable()[2], 2 / 3, 1e-12, "precision at 2")
end)

t.case("wrong arguments", function()
  t.raises(function() metrics.auroc({ 1, 2 }, { 1 }) end, "2 scores for 1 labels")
  t.raises(function() metrics.auroc({ 1, 2 }, { 1, 3 }) end, "positive[2]")
  t.raises(function() metrics.auroc({ 1, 0 / 0 }, { 1, 0 }) end, "scores[2] is NaN")
  t.raises(function() metrics.accuracy({ 1, 2 }, { 1 }) end, "2 predictions for 1 labels")
end)

t.case("Wilson's interval", function()
  local low, high = metrics.wilson(45, 50)
  close(low, 0.78640, 1e-4, "low")
  close(high, 0.95652, 1e-4, "high")
  low, high = metrics.wilson(10, 10)
  close(low, 0.72247, 1e-4, "low of all")
  t.equal(high, 1)
end)

t.case("bootstrap of a mean covers it at about the normal width", function()
  local values = {}
  for i = 1, 400 do values[i] = i % 4 == 0 and 0 or 1 end
  local v = lunette.tensor(values)
  local mean, low, high, undefined = metrics.bootstrap { values = v, draws = 2000 }
  close(mean, 0.75, 1e-6, "mean")
  close(high - low, 2 * 1.96 * math.sqrt(0.75 * 0.25 / 400), 0.008, "width")
  t.ok(low < 0.75 and high > 0.75, "covers")
  t.equal(undefined, 0)
  local _, again = metrics.bootstrap { values = v, draws = 2000 }
  t.equal(again, low, "the same draws")
  local first, other = lunette.ops.bootstrap_mean(v), lunette.ops.bootstrap_mean(v, { seed = 1 })
  t.ok(first:tobytes() ~= other:tobytes(), "another seed, other draws")
end)

t.case("pairs: a constant difference has no width", function()
  local a, b = {}, {}
  for i = 1, 50 do a[i], b[i] = i, i - 0.5 end
  local d, low, high = metrics.bootstrap { values = a, against = b, draws = 100 }
  t.equal({ d, low, high }, { 0.5, 0.5, 0.5 })
  local flags, worse = {}, {}
  for i = 1, 100 do flags[i], worse[i] = i <= 80, i <= 70 end
  d, low, high = metrics.paired(flags, worse)
  close(d, 0.1, 1e-6, "difference")
  t.ok(low > 0.03 and high < 0.18, "interval of the difference")
end)

t.case("bootstrap of a ranking is that of the positions it names", function()
  local scores, positive = {}, {}
  for i = 1, 60 do scores[i], positive[i] = (i * 37 % 23), i % 3 == 0 end
  local s, p = lunette.tensor(scores, { dtype = "f64" }), lunette.tensor(positive, { dtype = "bool" })
  for _, metric in ipairs { "auroc", "auprc" } do
    local fast = lunette.ops.bootstrap_ranking(s, p, { metric = metric, draws = 3, seed = 9 }):totable()
    for d = 1, 3 do
      local at = lunette.ops.bootstrap_positions(60, { draw = d, seed = 9 })
      local value = metrics[metric](lunette.ops.index_select(s, 1, at), lunette.ops.index_select(p, 1, at))
      close(fast[d], value, 1e-12, metric .. " of draw " .. d)
    end
  end
  local v, low, high = metrics.bootstrap { n = 60, draws = 50, metric = function(at)
    return metrics.auroc(lunette.ops.index_select(s, 1, at), lunette.ops.index_select(p, 1, at))
  end }
  t.ok(low < v and v < high, "a function as metric")
end)

t.case("spectra", function()
  local eye = lunette.eye(8)
  close(metrics.rankme(eye), 8, 1e-4, "rankme of orthonormal rows")
  close(metrics.rankme(lunette.ones(5, 3)), 1, 1e-4, "rankme of one direction")
  t.equal(metrics.rankme(lunette.zeros(3, 3)), nil)
  local values = lunette.ops.symmetric_eigenvalues(lunette.tensor({ { 2, 1, 0 }, { 1, 2, 0 }, { 0, 0, 5 } }, { dtype = "f64" })):totable()
  for i, v in ipairs { 1, 3, 5 } do close(values[i], v, 1e-12, "eigenvalue " .. i) end
  -- covariance eigenvalues i^-1.5: orthogonal columns of known length, centred
  local n, r = 256, 40
  local rows = {}
  for i = 1, n do
    rows[i] = {}
    for j = 1, r do rows[i][j] = math.cos(2 * math.pi * j * (i - 0.5) / n) * j ^ -0.75 end
  end
  close(metrics.alpha_req(lunette.tensor(rows, { dtype = "f64" }), { first = 1, last = 40 }), 1.5, 1e-6, "alpha")
end)

t.case("baselines and density", function()
  local h = lunette.tensor { { 3, 0, -4 }, { 0, 1, 0 } }
  local b = metrics.baselines(h)
  t.equal({ b.max_activation:totable(), b.l1_norm:totable(), b.l2_norm:totable() }, { { 3, 1 }, { 7, 1 }, { 5, 1 } })
  local density = metrics.knn_density(h, h, { k = 1 }):totable()
  close(density[1], 1, 1e-6, "nearest is itself")
end)

t.finish()
