-- tasks/linear_probe.lua: a linear classifier on the frozen features of a stage.
local lunette = require "lunette"
local measure = require "lunette.tasks.measure"
local setup = require "lunette.tasks.setup"

local task = {}

function task.run(stage, env)
  local h, train = setup.features_of(env, stage.from, stage.data, stage.batch)
  measure.poll(env)
  local test_h, test = setup.features_of(env, stage.from, stage.test, stage.batch)
  measure.poll(env)
  local given = { features = h, labels = train.labels, test_features = test_h, test_labels = test.labels,
    classes = train.classes and #train.classes, solver = stage.solver, standardise = stage.standardise, seed = env.seed }
  if stage.solver == "sgd" then
    given.epochs, given.batch = stage.epochs, stage.batch
    given.lr, given.momentum, given.l2 = stage.optim.lr, stage.optim.momentum, stage.optim.weight_decay
  else
    given.l2, given.max_iter = stage.l2, stage.iterations
  end
  return lunette.scope(function()
    local r = lunette.probe.linear(given)
    measure.save_probe(env, r)
    measure.write_flags(env, r.correct)
    local low, high = measure.share_interval(env, r.correct, stage.resamples)
    if r.converged == false then
      env.log("%s: L-BFGS stopped at %d iterations with a gradient of %.2g; the probe may gain from more `iterations`",
        stage.name, r.iterations, r.gradient)
    end
    return { top1 = r.top1, ci_low = low, ci_high = high, n = r.n, train_top1 = r.train_top1, loss = r.loss,
      iterations = r.iterations, features = r.features }
  end)
end

return task
