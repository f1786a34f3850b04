-- monitor/bank.lua: figures of the encoder as it is, on the first training images.
local lunette = require "lunette"
local features = require "lunette.models.features"

local bank = {}

-- What the linear probe and kNN are given, and what each has of its own. The probe is stopped early: it is to show a trend.
local function probe_options(dataset, h, n, own)
  local last = h:shape()[1]
  own.features, own.labels = h:narrow(1, 1, n), dataset.labels:narrow(1, 1, n)
  own.test_features, own.test_labels = h:narrow(1, n + 1, last), dataset.labels:narrow(1, n + 1, last)
  own.classes = dataset.classes and #dataset.classes
  return own
end

-- How many images are the bank: two thirds of the images at most, so that half as many are left as queries.
function bank.size(dataset, images) return math.min(images, dataset.images:shape()[1] * 2 // 3) end

-- figures(encoder, o) -> {rankme, alpha_req, qscore, qscore_empty, probe_top1, knn_top1}, those that o switches on and that
-- are defined. The first n = bank.size images are the bank: spectrum, mean Q-Score (form "v6", with the bank's own
-- discriminative features) and share of images without any highly active one are its; probe and kNN learn from it and are
-- asked about the n // 2 images after it. o: dataset, images, batch, norm, and spectrum, qscore, epsilon, probe, knn.
function bank.figures(encoder, o)
  local n, row = bank.size(o.dataset, o.images), {}
  local labelled = o.dataset.labels and (o.probe or o.knn)
  if n < 2 or not (labelled or o.spectrum or o.qscore) then return row end
  local total = labelled and n + math.max(1, n // 2) or n
  lunette.scope(lunette.no_grad, function()
    local all <close> = features(encoder, o.dataset.images:narrow(1, 1, total), {batch = o.batch, norm = o.norm})
    local h = all:narrow(1, 1, n)
    if o.spectrum then row.rankme, row.alpha_req = lunette.metrics.rankme(h) or nil, lunette.metrics.alpha_req(h) or nil end
    if o.qscore then
      local q = lunette.qscore.sweep(h, {epsilons = {o.epsilon}})[1]
      row.qscore, row.qscore_empty = q.mean, q.empty_share
    end
    if labelled and o.probe then
      row.probe_top1 = lunette.probe.linear(probe_options(o.dataset, all, n, {max_iter = 100, tol = 1e-3})).top1
    end
    if labelled and o.knn then
      row.knn_top1 = lunette.probe.knn(probe_options(o.dataset, all, n, {k = math.min(20, n), temperature = 0.07})).top1
    end
  end)
  return row
end

return bank
