--- The linear probe: softmax regression on frozen features.
local lunette = require "lunette"
local options_of = require "lunette.options"
local outcome = require "lunette.probe.outcome"

local allowed = {
  features = true, labels = true, test_features = true, test_labels = true, classes = true, columns = true,
  solver = true, standardise = true, l2 = true, max_iter = true, tol = true,
  epochs = true, batch = true, lr = true, momentum = true, seed = true, level = true,
}

-- Mean and standard deviation (1,d) of the training features; constant features keep their scale.
local function scaling(x)
  local mean = x:mean({ 1 }, true)
  local centred = x - mean
  local deviation = (centred * centred):mean({ 1 }, true):sqrt()
  local constant = lunette.ops.le(deviation, 1e-12)
  return mean, lunette.ops.where(constant, deviation * 0 + 1, deviation)
end

local function fit(given, x, o)
  if o.solver == "sgd" then
    local w, b, figures = lunette.ops.logistic_sgd(x, given.y, { classes = given.classes, l2 = o.l2, epochs = o.epochs,
      batch = o.batch, lr = o.lr, momentum = o.momentum, seed = o.seed })
    local f = figures:totable()
    return w, b, { loss = f[1], steps = f[2] }
  end
  local w, b, figures = lunette.ops.logistic_regression(x, given.y, { classes = given.classes, l2 = o.l2,
    max_iter = o.max_iter, tol = o.tol })
  local f = figures:totable()
  return w, b, { objective = f[1], loss = f[2], iterations = f[3] // 1 | 0, gradient = f[4], converged = f[5] == 1 }
end

local function with_defaults(given)
  options_of.check("probe.linear", given, allowed, 2)
  local o = { solver = "lbfgs", standardise = true, max_iter = 1000, tol = 1e-5, epochs = 100, batch = 256, lr = 0.1,
    momentum = 0.9, seed = 0, level = 0.95 }
  for key, value in pairs(given) do o[key] = value end
  if o.solver ~= "lbfgs" and o.solver ~= "sgd" then
    error(("probe.linear: solver must be \"lbfgs\" or \"sgd\", got %s"):format(tostring(o.solver)), 3)
  end
  o.l2 = o.l2 or (o.solver == "lbfgs" and 1e-4 or 0)
  return o
end

--- linear{features = (n,d), labels = (n), test_features = (m,d), test_labels = (m) [, classes =]
---   solver = "lbfgs": to convergence; l2 = 1e-4 (of l2/2 |W|^2 beside the mean loss), max_iter = 1000, tol = 1e-5
---   solver = "sgd": as papers do; epochs = 100, batch = 256, lr = 0.1 (a tenth after 60 % and 80 %), momentum = 0.9, seed
---   standardise = true: features scaled to mean 0 and variance 1 of the training split
---   columns = positions: only these features, such as the discriminative ones
---   level = 0.95 of the interval}
--- -> {top1, ci_low, ci_high, n, predictions, confidence, correct, per_class, train_top1, loss, weight (classes,d),
---     bias, mean, deviation, features = columns used, and of L-BFGS: iterations, gradient, converged}
local function linear(given)
  local o = with_defaults(given)
  return lunette.scope(lunette.no_grad, function()
    local data = outcome.inputs("probe.linear", o)
    if o.columns then
      local columns = lunette.is_tensor(o.columns) and o.columns or lunette.tensor(o.columns, { dtype = "i64" })
      columns = columns:to(data.x:device())
      if columns:numel() == 0 then error("probe.linear: columns names no feature", 0) end
      data.x, data.test_x = lunette.ops.index_select(data.x, 2, columns), lunette.ops.index_select(data.test_x, 2, columns)
    end
    local x, test_x, mean, deviation = data.x, data.test_x, nil, nil
    if o.standardise then
      mean, deviation = scaling(x)
      x, test_x = (x - mean) / deviation, (test_x - mean) / deviation
    end
    local weight, bias, solved = fit(data, x, o)
    local result = outcome.figures(data, lunette.ops.softmax(lunette.ops.linear(test_x, weight, bias)), o.level)
    local _, train = lunette.ops.linear(x, weight, bias):max(2)
    result.train_top1 = lunette.ops.eq(train:to("f64"), data.y:to("f64")):to("f64"):mean():item()
    result.weight, result.bias, result.mean, result.deviation = weight, bias, mean, deviation
    result.features, result.solver = x:shape()[2], o.solver
    for key, value in pairs(solved) do result[key] = value end
    return result
  end)
end

return linear
