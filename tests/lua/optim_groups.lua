-- optim_groups.lua: parameters with options of their own, clipping and state of the optimizers; the values themselves are
-- checked by golden_training.lua.
local lunette = require "lunette"
local t = require "tap"
local recipe = require "lunette.recipe"

-- Two parameters of ones, with gradients of ones.
local function pair()
  local list = {}
  for i, p in ipairs{{"layer.weight", {2, 2}}, {"layer.bias", {2}}} do
    list[i] = {name = p[1], tensor = lunette.ones(p[2])}
    list[i].tensor.requires_grad = true
    list[i].tensor.grad = lunette.ones(p[2])
  end
  return list
end

-- First elements of weight and bias after one step of plain SGD at rate 1.
local function after(given, lr, now)
  local list = pair()
  given.params, given.lr, given.momentum = given.params and given.params(list) or list, 1, 0
  lunette.optim.sgd(given):step(lr, now)
  return {list[1].tensor:reshape(-1)[1], list[2].tensor[1]}
end

t.case("a rule's options hold for the parameters it fits", function()
  t.equal(after{}, {0, 0})
  t.equal(after{groups = {{match = "*.bias", lr_scale = 0.5}}}, {0, 0.5})
  t.equal(after{groups = {{match = {"x", "layer.w*t"}, lr_scale = 0.5}}}, {0.5, 0})
  t.equal(after{groups = {{max_ndim = 1, lr_scale = 0.25}}}, {0, 0.75})
  t.equal(after{groups = {{match = "*", max_ndim = 1, lr_scale = 0.25}, {match = "layer.*", lr_scale = 0.5}}}, {0.5, 0.75})
end)

t.case("a group's rate stays where the schedule changes the step's", function()
  t.equal(after({groups = {{match = "*.bias", lr = 0.5}}}, 0.25), {0.75, 0.5})
end)

t.case("weight decay: of all, of groups, not of biases, of one step", function()
  t.equal(after{weight_decay = 0.5}, {-0.5, -0.5})
  t.equal(after{weight_decay = 0.5, decay_1d = false}, {-0.5, 0})
  t.equal(after{weight_decay = 0.5, decay_1d = false, groups = {{match = "*s", weight_decay = 0.25}}}, {-0.5, -0.25})
  t.equal(after({weight_decay = 0.5, groups = {{match = "*s", weight_decay = 0.25}}}, nil, {weight_decay = 1}), {-1, -0.25})
end)

t.case("parameters of the same options are updated together, in one call of the op", function()
  local function groups_of(given)
    given.params, given.lr = given.params or pair(), 1
    return #lunette.optim.sgd(given).groups
  end
  t.equal(groups_of{}, 1)
  t.equal(groups_of{decay_1d = false}, 2)
  t.equal(groups_of{groups = {{match = "*.bias", lr_scale = 0.5}}}, 2)
  t.equal(groups_of{groups = {{match = "*", lr_scale = 0.5}}}, 1)
  local p, q = pair(), pair()
  t.equal(groups_of{params = {{params = {p[1], p[2]}}, q[1], q[2]}}, 2)
end)

t.case("groups given as lists of parameters", function()
  t.equal(after{params = function(p) return {{params = {p[1]}, lr_scale = 0.5}, {params = {p[2]}, weight_decay = 1}} end}, {0.5, -1})
end)

t.case("mistakes in groups are named", function()
  local function says(given, text)
    given.params, given.lr = pair(), 1
    local ok, message = pcall(lunette.optim.adamw, given)
    t.ok(not ok, "no error")
    t.contains(message, text)
  end
  says({groups = {match = "*.bias", weight_decay = 0}}, "groups must be a list of rules { {match = ...}, ... }, got a single one")
  says({groups = "*.bias"}, "groups must be a list of rules { {match = ...}, ... }, got string")
  says({groups = {{match = "*.gain"}}}, "groups[1] fits no parameter that none before it fits; their names are like layer.weight")
  says({groups = {{mach = "*.bias"}}}, "unknown option 'mach' (did you mean 'match'?)")
  says({clip_norm = 0}, "clip_norm must be a number above 0")
  says({clipnorm = 1}, "unknown option 'clipnorm' (did you mean 'clip_norm'?)")
  local list = pair()
  t.contains(select(2, pcall(lunette.optim.sgd, {params = {{params = list, lrscale = 2}}, lr = 1})), "did you mean 'lr_scale'?")
end)

t.case("clipping reports the length before it", function()
  local list = pair()
  local opt = lunette.optim.sgd{params = list, lr = 1, momentum = 0, clip_norm = 0.6}
  opt:step()
  t.ok(math.abs(opt.grad_norm - math.sqrt(6)) < 1e-12, "length " .. opt.grad_norm)
  t.ok(math.abs(list[1].tensor:reshape(-1)[1] - (1 - 0.6 / math.sqrt(6))) < 1e-6, "one step")
end)

t.case("gradients that are views do", function()
  local w = lunette.ones(3)
  w.requires_grad = true
  w:sum():backward()
  lunette.optim.sgd{params = {w}, lr = 1, clip_norm = 10}:step()
  t.equal(w:totable(), {0, 0, 0})
end)

t.case("state: the steps of a parameter that was frozen at first go on after loading", function()
  local function run(reload)
    local list = pair()
    local function make() return lunette.optim.adamw{params = list, lr = 0.1} end
    local opt = make()
    for step = 1, 4 do
      for i, p in ipairs(list) do p.tensor.grad = (step > 2 or i == 1) and lunette.full(p.tensor:shape(), 0.1 * step) or nil end
      opt:step()
      if reload and step == 3 then
        local state = opt:state()
        opt = make()
        opt:load_state(state, 3)
      end
    end
    return {list[1].tensor:totable(), list[2].tensor:totable(), opt:state().steps_taken:totable()}
  end
  t.equal(run(true), run(false))
  t.equal(run(true)[3], {4, 2})
end)

local RECIPE = [[
return {
  format = 1, name = "groups", seed = 1,
  data = { s = { kind = "shapes", n_train = 32, n_test = 16, size = 16 } },
  model = { width = 4, projector = { 8 } },
  stages = { { name = "pretrain", task = "simclr", data = "s:train", epochs = 1, batch = 16, monitor = 0, optim = %s } },
}]]

t.case("a recipe passes every option on, and its rows hold the gradient's length", function()
  local folder = t.folder()
  t.write(folder .. "/r.lua", RECIPE:format([[{ kind = "adamw", lr = 0.01, weight_decay = 0.04, final_weight_decay = 0.4,
    decay_1d = false, groups = { { match = { "projector.*" }, lr_scale = 0.5 } }, clip_norm = 0.001, clip_each = true }]]))
  local seen, step = {}, nil
  local real = lunette.optim.adamw
  lunette.optim.adamw = function(given)
    local opt = real(given)
    seen.given, step = given, opt.step
    function opt:step(lr, now) -- luacheck: ignore 432
      seen[#seen + 1] = now.weight_decay
      return step(self, lr, now)
    end
    return opt
  end
  local code = require("lunette.recipe.run").run(folder .. "/r.lua", {progress = "none", report = false, out = folder .. "/run"})
  lunette.optim.adamw = real
  t.equal(code, 0)
  local g = seen.given
  t.equal({g.decay_1d, g.clip_norm, g.clip_each, g.groups[1].lr_scale, g.final_weight_decay}, {false, 0.001, true, 0.5, nil})
  t.equal(#seen, 2)
  t.ok(math.abs(seen[1] - 0.04) < 1e-12 and math.abs(seen[2] - 0.22) < 1e-12, "a cosine from 0.04 to 0.4")
  t.match(t.read(folder .. "/run/metrics.jsonl"), '"grad_norm":%d')
end)

t.case("a group that fits nothing is told before anything runs or is written", function()
  local folder = t.folder()
  t.write(folder .. "/r.lua", RECIPE:format("{ lr = 0.1, groups = { { match = { 'encoder.*' } }, { match = { '*.bn1.*' }, lr = 1 } } }"))
  local text = "stages.pretrain.optim: groups[2] fits no parameter that none before it fits; their names are like encoder."
  local code, info = require("lunette.recipe.run").run(folder .. "/r.lua", {progress = "none", report = false, out = folder .. "/run"})
  t.equal(code, 2)
  t.contains(info.message, text)
  t.ok(not io.open(folder .. "/run/status.json"), "no run directory")
  local said = {}
  code = require("lunette.recipe.dryrun").run(folder .. "/r.lua", {}, function() end, function(line) said[#said + 1] = line end)
  t.equal(code, 2)
  t.contains(said[1], text)
  local real = lunette.ssl.simclr
  lunette.ssl.simclr = function() error("no such model", 0) end
  code, info = require("lunette.recipe.run").run(folder .. "/r.lua", {progress = "none", report = false, out = folder .. "/run"})
  lunette.ssl.simclr = real
  t.equal({code, info.message}, {1, "no such model"}) -- the stage's own to tell
end)

t.case("a recipe's mistakes in groups", function()
  local function says(optim, text) t.contains(tostring(select(2, recipe.from_text(RECIPE:format(optim), "r.lua"))), text) end
  says("{ lr = 1, groups = { { mach = { '*' } } } }", "unknown key 'stages.pretrain.optim.groups[1].mach' (did you mean 'match'?)")
  says("{ lr = 1, clip_norm = 0 }", "'stages.pretrain.optim.clip_norm' must be greater than 0")
  says("{ kind = 'lars', lr = 1, trust = 'updated' }", "unknown value 'updated' (did you mean 'update'?)")
end)

t.case("clipped LARS at rate 0, where a warm-up begins, is the limit of small rates: plain momentum", function()
  local function buffer(lr)
    local w, g, b = lunette.tensor{{1, 2}, {3, 4}}:clone(), lunette.full({2, 2}, 0.5), lunette.zeros(2, 2)
    lunette.ops.lars_step({w}, {g}, {b}, {lr = lr, eta = 0.02, clip = true})
    return b:totable()
  end
  t.equal(buffer(0), {{0.5, 0.5}, {0.5, 0.5}})
  t.equal(buffer(1e-9), buffer(0))
end)

t.case("options that would make a step diverge or go up are refused", function()
  local function refuses(kind, options, text)
    options.params, options.lr = lunette.nn.Linear(2, 2):named_parameters(), options.lr or 0.1
    t.raises(function() lunette.optim[kind](options) end, text)
  end
  refuses("sgd", {lr = -0.1}, "optim.sgd: lr must be a number of 0 or more, got -0.1")
  refuses("sgd", {momentum = 1}, "momentum must be a number from 0 to below 1, got 1")
  refuses("adamw", {beta1 = 1}, "beta1 must be a number from 0 to below 1, got 1")
  refuses("adamw", {weight_decay = -1}, "weight_decay must be a number of 0 or more, got -1")
  refuses("lars", {eta = 0 / 0}, "eta must be a number of 0 or more")
  refuses("sgd", {clip_norm = 0}, "clip_norm must be a number above 0, got 0")
  local text = tostring(select(2, recipe.from_text(RECIPE:format "{ kind = 'adamw', lr = 1, betas = { 1, 0.9 } }", "r.lua")))
  t.contains(text, "'stages.pretrain.optim.betas[1]' must be at most 0.999999")
end)

t.case("gradients that were measured are clipped once, those of the next step anew", function()
  local w = lunette.zeros(2, {requires_grad = true})
  local opt = lunette.optim.sgd{params = {w}, lr = 1, momentum = 0, clip_norm = 1}
  local function backward(by)
    local loss = (w * lunette.tensor{3 * by, 4 * by}):sum()
    loss:backward()
  end
  local function near(a, b) t.ok(math.abs(a - b) < 1e-5, ("%.9g, expected %.9g"):format(a, b)) end
  backward(1)
  near(opt:clip_gradients(), 5)
  opt:step()
  near(opt.grad_norm, 5)
  near(w[1], -0.6)
  w:zero_grad()
  backward(2)
  opt:step()
  near(opt.grad_norm, 10)
  near(w[1], -1.2)
  opt:zero_grad()
  backward(3)
  opt:clip_gradients()
  opt:zero_grad()
  backward(4)
  opt:step()
  near(opt.grad_norm, 20)
  opt:zero_grad()
  local free = lunette.optim.sgd{params = {w}, lr = 1, momentum = 0}
  backward(1)
  near(free:clip_gradients(), 5)
  t.equal(w.grad:totable(), {3, 4}, "without clip_norm only measured")
end)

t.case("a step frees the gradients, without waiting for the collector", function()
  local net = lunette.nn.Linear(64, 64)
  local opt = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1, groups = {{max_ndim = 1, weight_decay = 0}}}
  local x = lunette.ones(2, 64)
  collectgarbage "stop"
  local before = lunette.memory().live_bytes
  lunette.scope(function() net(x):sum():backward() end)
  opt:step()
  opt:zero_grad()
  t.equal(lunette.memory().live_bytes, before)
  collectgarbage "restart"
end)

t.finish()
