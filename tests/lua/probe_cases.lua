-- probe_cases.lua: probes on data whose answer is known, and what they refuse.
local lunette = require "lunette"
local t = require "tap"
local probe = lunette.probe

-- n samples of `classes` well separated clouds in d dimensions.
local function clouds(n, d, classes, seed)
  local labels = {}
  for i = 1, n do labels[i] = (i - 1) % classes + 1 end
  local y = lunette.tensor(labels, { dtype = "i64" })
  local centres = lunette.randn(classes, d, { seed = 99 }) * 2
  return lunette.ops.index_select(centres, 1, y) + lunette.randn(n, d, { seed = seed }) * 0.3, y
end

local x, y = clouds(300, 20, 5, 1)
local test_x, test_y = clouds(100, 20, 5, 2)

local function given(more)
  local o = { features = x, labels = y, test_features = test_x, test_labels = test_y }
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

t.case("both solvers and the neighbours find separated classes", function()
  local found = { lbfgs = probe.linear(given()), sgd = probe.linear(given { solver = "sgd", epochs = 20 }), knn = probe.knn(given()) }
  for name, r in pairs(found) do
    t.equal({ r.top1, r.n, r.ci_high }, { 1, 100, 1 }, name)
    t.ok(r.ci_low > 0.95 and r.ci_low < 1, name .. " interval")
    t.equal(r.predictions:totable(), test_y:totable(), name .. " predictions")
    t.equal(#r.per_class, 5)
    t.equal({ r.per_class[3].n, r.per_class[3].correct, r.per_class[3].top1 }, { 20, 20, 1 }, name .. " class 3")
    t.equal(r.correct:dtype(), "bool")
    local sure = r.confidence:totable()
    for i = 1, 100 do t.ok(sure[i] > 0.5 and sure[i] <= 1.000001, name .. " confidence") end
  end
end)

t.case("labels that carry nothing give chance, not more", function()
  local noise, target = lunette.randn(400, 10, { seed = 7 }), {}
  for i = 1, 400 do target[i] = (i * 7919) % 4 + 1 end
  local r = probe.linear { features = noise:narrow(1, 1, 200), labels = lunette.tensor(target, { dtype = "i64" }):narrow(1, 1, 200),
    test_features = noise:narrow(1, 201, 400), test_labels = lunette.tensor(target, { dtype = "i64" }):narrow(1, 201, 400) }
  t.ok(r.top1 < 0.4, "accuracy at chance, got " .. r.top1)
end)

t.case("standardising makes the scale of features immaterial", function()
  local scale = lunette.rand(1, 20, { seed = 3 }) * 100 + 0.01
  local a = probe.linear(given { l2 = 0.01, tol = 1e-6 })
  local b = probe.linear(given { l2 = 0.01, tol = 1e-6, features = x * scale + 5, test_features = test_x * scale + 5 })
  t.ok(math.abs(a.loss - b.loss) < 1e-4, "loss")
  t.equal(a.converged, true)
  local flat = lunette.ops.cat(x, lunette.ones(300, 1), 2)
  local c = probe.linear(given { features = flat, test_features = lunette.ops.cat(test_x, lunette.ones(100, 1), 2) })
  t.equal(c.top1, 1, "a constant feature is no trouble")
end)

t.case("columns", function()
  local r = probe.linear(given { columns = { 1, 2, 3, 4, 5, 6, 7, 8 } })
  t.equal({ r.features, r.weight:shape()[2] }, { 8, 8 })
  t.raises(function() probe.linear(given { columns = {} }) end, "names no feature")
end)

t.case("the fit does not depend on the number of threads", function()
  local was = lunette.threads()
  local function fit(solver)
    local r = probe.linear(given { solver = solver, epochs = 3 })
    return r.weight:tobytes() .. r.bias:tobytes()
  end
  for _, solver in ipairs { "lbfgs", "sgd" } do
    lunette.threads(1)
    local one = fit(solver)
    lunette.threads(3)
    t.ok(fit(solver) == one, solver)
  end
  lunette.threads(was)
end)

t.case("refusals", function()
  local function labels(list) return lunette.tensor(list, { dtype = "i64" }) end
  t.raises(function() probe.linear(given { labels = y:narrow(1, 1, 299) }) end, "299 labels for 300 rows")
  t.raises(function() probe.knn(given { test_labels = y }) end, "300 test_labels for 100 rows")
  t.raises(function() probe.linear(given { classes = 3 }) end, "outside 1..3")
  local wrong = y:totable()
  wrong[7] = 0
  t.raises(function() probe.linear(given { labels = labels(wrong) }) end, "labels[7] is 0, outside 1..5 (labels count from 1)")
  wrong = test_y:totable()
  wrong[2] = 6
  t.raises(function() probe.linear(given { test_labels = labels(wrong) }) end, "test_labels[2] is class 6, of which there is no training")
  t.raises(function() probe.linear(given { test_features = x:narrow(2, 1, 19):narrow(1, 1, 100) }) end, "20 columns, test_features 19")
  t.raises(function() probe.linear { features = x } end, "labels is missing")
  t.raises(function() probe.linear(given { solver = "adam" }) end, "\"lbfgs\" or \"sgd\"")
  t.raises(function() probe.linear(given { standardize = true }) end, "did you mean 'standardise'")
  t.raises(function() probe.knn(given { k = 0 }) end, "at least 1")
  t.raises(function() probe.knn(given { temperature = 0 }) end, "above 0")
  t.raises(function() probe.linear(given { features = x * 0 / 0 }) end, "NaN")
  t.raises(function() probe.linear(given { solver = "sgd", lr = 1e30, standardise = false, l2 = 1 }) end, "not finite")
end)

t.finish()
