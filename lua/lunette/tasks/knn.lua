-- tasks/knn.lua: a weighted vote of the nearest training features.
local lunette = require "lunette"
local measure = require "lunette.tasks.measure"
local setup = require "lunette.tasks.setup"

local task = {}

function task.run(stage, env)
  local h, train = setup.features_of(env, stage.from, stage.data, stage.batch)
  measure.poll(env)
  local test_h, test = setup.features_of(env, stage.from, stage.test, stage.batch)
  measure.poll(env)
  return lunette.scope(function()
    local r = lunette.probe.knn { features = h, labels = train.labels, test_features = test_h, test_labels = test.labels,
      classes = train.classes and #train.classes, k = stage.k, temperature = stage.temperature }
    measure.write_flags(env, r.correct)
    local low, high = measure.share_interval(env, r.correct, stage.resamples)
    return { top1 = r.top1, ci_low = low, ci_high = high, n = r.n, k = r.k }
  end)
end

return task
