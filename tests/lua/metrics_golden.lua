-- metrics_golden.lua: rankings, accuracy, RankMe, neighbours and logistic regression against scikit-learn and NumPy.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"
local metrics = lunette.metrics

local function close(got, expected, tolerance, what)
  if not got or math.abs(got - expected) > tolerance then
    error({ failed = ("%s: got %s, expected %.12g"):format(what, tostring(got), expected) }, 0)
  end
end

for _, name in ipairs(golden.names("^ranking_")) do
  t.case(name, function()
    local file = golden.load(name)
    close(metrics.auprc(file.scores, file.positive), file.average_precision:item(), 1e-12, "auprc")
    close(metrics.auroc(file.scores, file.positive), file.auroc:item(), 1e-12, "auroc")
    close(metrics.base_rate(file.positive), file.base_rate:item(), 1e-12, "base rate")
    local precision, recall, threshold = metrics.pr_curve(file.scores, file.positive)
    golden.near(precision, file.precision, 1e-12, "precision")
    golden.near(recall, file.recall, 1e-12, "recall")
    golden.near(threshold, file.threshold, 1e-12, "threshold")
  end)
end

t.case("accuracy", function()
  local file = golden.load("accuracy")
  close(metrics.accuracy(file.logits, file.labels), file.top1:item(), 1e-12, "top1")
  close(metrics.accuracy(file.logits, file.labels, { k = 5 }), file.top5:item(), 1e-12, "top5")
  close(metrics.accuracy(file.predicted, file.labels), file.top1:item(), 1e-12, "positions")
end)

for _, name in ipairs(golden.names("^rankme")) do
  t.case(name, function()
    local file = golden.load(name)
    local s = file.singular_values:totable()
    local got = metrics.singular_values(file.z)
    t.equal(#got, #s, "how many")
    for i = 1, #s do close(got[i], s[i], 1e-6 * s[1], "singular value " .. i) end
    close(metrics.rankme(file.z), file.rankme:item(), 1e-5 * file.rankme:item(), "rankme")
  end)
end

local knn = { knn_k20_t007 = { 20, 0.07 }, knn_k200_t010 = { 200, 0.1 }, knn_k_beyond_bank = { 200, 0.1 } }
for _, name in ipairs(golden.names("^knn_")) do
  t.case(name, function()
    local file, o = golden.load(name), assert(knn[name])
    local r = lunette.probe.knn { features = file.bank, labels = file.bank_labels, test_features = file.query,
      test_labels = file.query_labels, k = o[1], temperature = o[2], classes = file.votes:shape()[2] }
    golden.near(r.similarity, file.similarity, 1e-6, "similarity")
    t.equal(r.nearest:totable(), file.nearest:totable(), "nearest")
    golden.near(r.votes, file.votes, 2e-5, "votes")
    t.equal(r.predictions:totable(), file.predicted:totable(), "predictions")
    close(r.top1, file.accuracy:item(), 1e-12, "accuracy")
  end)
end

local C = { logistic_c1 = 1, logistic_c001 = 0.01, logistic_c100_two_classes = 100 }
for _, name in ipairs(golden.names("^logistic_")) do
  t.case(name, function()
    local file = golden.load(name)
    local n, classes = file.x:shape()[1], file.weight:shape()[1]
    for _, dtype in ipairs { "f64", "f32" } do
      local w, b, figures = lunette.ops.logistic_regression(file.x:to(dtype), file.labels,
        { classes = classes, l2 = 1 / (assert(C[name]) * n), tol = dtype == "f64" and 1e-9 or 1e-6 })
      local f, tolerance = figures:totable(), dtype == "f64" and 1e-6 or 2e-3
      t.equal(f[5], 1, dtype .. " converged")
      close(f[1], file.objective:item(), dtype == "f64" and 1e-10 or 1e-6, dtype .. " objective")
      close(f[2], file.cross_entropy:item(), dtype == "f64" and 1e-8 or 1e-4, dtype .. " cross-entropy")
      golden.near(w, file.weight, tolerance, dtype .. " weight")
      golden.near(b, file.bias, tolerance, dtype .. " bias")
    end
    local r = lunette.probe.linear { features = file.x, labels = file.labels, test_features = file.x, test_labels = file.labels,
      l2 = 1 / (C[name] * n), standardise = false, tol = 1e-6 }
    t.equal(r.predictions:totable(), file.predicted:totable(), "predictions")
    close(r.top1, file.accuracy:item(), 1e-12, "accuracy")
  end)
end

t.finish()
