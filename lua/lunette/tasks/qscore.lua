-- tasks/qscore.lua: the Q-Score of every representation, and how well it tells correctly classified from misclassified,
-- beside the base rate and plain baselines.
local lunette = require "lunette"
local metrics = require "lunette.metrics"
local measure = require "lunette.tasks.measure"
local qscore = require "lunette.qscore"
local report_data = require "lunette.report.data"
local setup = require "lunette.tasks.setup"

local task = {}

local function baselines(env, stage, h, bank, correct, confidence)
  local scores = metrics.baselines(h)
  scores.knn_density = metrics.knn_density(h, bank)
  scores.probe_confidence = confidence
  local rows = {}
  for i, name in ipairs { "max_activation", "l1_norm", "l2_norm", "knn_density", "probe_confidence" } do
    measure.poll(env)
    rows[i] = measure.ranking(env, { name = name:gsub("_", " ") }, scores[name], correct, stage.resamples)
  end
  return rows
end

local function sweep(stage, h, bank, correct)
  local epsilons, seen = {}, {}
  for _, e in ipairs(stage.sweep) do
    if not seen[e] then table.insert(epsilons, e) end
    seen[e] = true
  end
  if not seen[stage.epsilon] then table.insert(epsilons, stage.epsilon) end
  table.sort(epsilons)
  return qscore.sweep(h, { epsilons = epsilons, on = bank, correct = correct, form = stage.form, low = stage.low, high = stage.high,
    over = stage.over })
end

function task.run(stage, env)
  local bank = setup.features_of(env, stage.from, stage.data, stage.batch)
  measure.poll(env)
  local h = setup.features_of(env, stage.from, stage.test, stage.batch)
  local correct, confidence = measure.probed(env, stage.probe, stage.test, stage.batch)
  measure.poll(env)
  return lunette.scope(lunette.no_grad, function()
    local band = { epsilon = stage.epsilon, low = stage.low, high = stage.high, over = stage.over }
    local features = stage.form == "v6" and qscore.discriminative(bank, band) or nil
    local q, count = qscore.score(h, { epsilon = stage.epsilon, features = features, form = stage.form })
    local n = q:numel()
    local results = { n = n, r = h:shape()[2], epsilon = stage.epsilon, form = stage.form,
      features = features and features:numel() or h:shape()[2], mean = q:to("f64"):mean():item(),
      empty_share = lunette.ops.eq(count:to("f32"), 0):to("f32"):sum():item() / n }
    measure.ranking(env, results, q, correct, stage.resamples)
    results.base_rate = metrics.base_rate(correct)
    results.base_rate_ci_low, results.base_rate_ci_high = measure.share_interval(env, correct, stage.resamples)
    results.baselines = baselines(env, stage, h, bank, correct, confidence)
    results.sweep = sweep(stage, h, bank, correct)
    results.rankme = metrics.rankme(h)
    measure.write_json(env, "figures/data/" .. stage.name .. ".json", report_data.qscore(q:totable(), correct:totable()))
    if results.note then env.log("%s: %s", stage.name, results.note) end
    env.log("%s: %d features are discriminative; %.1f %% of the samples have none of them highly active", stage.name,
      results.features, 100 * results.empty_share)
    return results
  end)
end

return task
