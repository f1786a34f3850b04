--- The nearest-neighbour probe of Wu et al. 2018 (1805.01978), section 3.4.
local lunette = require "lunette"
local neighbours = require "lunette.metrics.neighbours"
local options_of = require "lunette.options"
local outcome = require "lunette.probe.outcome"

local allowed = {
  features = true, labels = true, test_features = true, test_labels = true, classes = true, k = true, temperature = true,
  level = true,
}

--- knn{features = (n,d), labels = (n), test_features = (m,d), test_labels = (m), k = 20, temperature = 0.07 [, classes =]}
--- Each of the k rows most similar by cosine (all rows where there are fewer) gives its class exp(cosine / temperature).
--- -> {top1, ci_low, ci_high, n, k, predictions, confidence (the winner's share of the votes), correct, per_class,
---     votes (m,classes) f64, nearest (m,k), similarity (m,k)}
local function knn(given)
  options_of.check("probe.knn", given, allowed, 1)
  return lunette.scope(lunette.no_grad, function()
    local data = outcome.inputs("probe.knn", given)
    local similarity, nearest = neighbours.nearest("probe.knn", data.test_x, data.x, given.k or 20)
    local votes = lunette.ops.knn_vote(similarity, nearest, data.y, { classes = data.classes, temperature = given.temperature or 0.07 })
    local result = outcome.figures(data, votes / votes:sum({ 2 }, true), given.level)
    result.votes, result.nearest, result.similarity, result.k = votes, nearest, similarity, nearest:shape()[2]
    return result
  end)
end

return knn
