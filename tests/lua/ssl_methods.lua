-- ssl_methods.lua: what holds for every method: it learns, its teacher and queue are state and not parameters, a run that was
-- stopped goes on to the same bits, wrong settings and batches are said.
local lunette = require "lunette"
local t = require "tap"
local ssl = require "ssl_support"

local set = lunette.data.shapes{n = 64, size = 16, classes = 4, seed = 1}

local function loader(preset) return lunette.data.loader{dataset = set, batch = 16, augment = lunette.augment{views = preset}, seed = 1} end

-- VICReg's terms are weighted by 25: at the rate of the others the loss jumps, and how far depends on the CPU's rounding.
local function optimizer(method)
  return lunette.optim.sgd{params = method:named_parameters(), lr = method.name == "vicreg" and 0.002 or 0.05, momentum = 0.9}
end

local multicrop = {"weak", "weak", {preset = "weak", size = 8}, {preset = "weak", size = 8}}

-- Three epochs; stopped after `stop` steps where that is given: then also the progress.
local function train(method, stop, start, opt)
  local source = loader((method.name == "swav" or method.name == "dino") and multicrop or "weak")
  local losses, at = {}, nil
  opt = opt or optimizer(method)
  local ok, problem = pcall(lunette.train, {
    method = method, loader = source, optimizer = opt, epochs = 3, start = start,
    on_step = function(row) losses[#losses + 1] = row.loss end,
    interrupted = function() return stop and #losses == stop and 2 end,
    on_interrupt = function(p)
      at = {epoch = p.epoch, batch = p.batch, step = p.step, loss_sum = p.loss_sum, extra_sum = p.extra_sum}
    end,
  })
  source:close()
  if not ok and problem.code ~= "interrupt" then error(problem, 0) end
  return losses, at, opt
end

for _, row in ipairs(lunette.ssl.methods) do
  local name = row.name

  t.case(name .. ": a training stopped in the second epoch goes on to the same bits", function()
    local whole = ssl.method(name)
    local all = train(whole)
    t.equal(#all, 12)
    for _, loss in ipairs(all) do t.ok(loss == loss and math.abs(loss) < 1e4, "loss") end
    local first = ssl.method(name)
    local _, at, opt = train(first, 6)
    t.equal({at.epoch, at.batch, at.step}, {1, 2, 6})
    local weights, buffers = ssl.copies(first:state()), ssl.copies(opt:state())
    -- Another seed: whatever the state does not hold would show.
    local second = ssl.method(name, {seed = 9, encoder = lunette.models.resnet18{width = 4, seed = 9}})
    second:load_state(weights)
    local opt2 = optimizer(second)
    opt2:load_state(buffers, at.step)
    local rest = train(second, nil, at, opt2)
    t.equal(rest, table.move(all, 7, 12, 1, {}), "losses")
    t.equal(ssl.differs(whole:state(), second:state()), nil, "first tensor that differs")
  end)

  t.case(name .. ": every parameter gets a gradient, nothing else does", function()
    local method = ssl.method(name)
    method:train()
    local views = {}
    for v = 1, 2 do views[v] = lunette.randn({6, 3, 12, 12}, {seed = v}) end
    local loss, h, z = method:loss(views)
    t.equal(h:shape(), {h:shape()[1], method.encoder.features_out})
    t.ok(h:shape()[1] == 12 or name == "moco", "rows of h")
    t.equal(z:shape()[1], h:shape()[1])
    loss:backward()
    local parameters = {}
    for _, p in ipairs(method:named_parameters()) do
      t.ok(p.tensor.grad, p.name .. " has no gradient")
      t.ok(not p.name:find "^teacher" and not p.name:find "^queue", p.name .. " is no parameter")
      parameters[p.name] = true
    end
    for key, value in pairs(method:state()) do t.equal(value.requires_grad, parameters[key] or false, key) end
  end)

  t.case(name .. ": a batch of one image, one view, an unknown setting", function()
    local method = ssl.method(name)
    local x = lunette.zeros(1, 3, 8, 8)
    t.raises(function() method:loss{x, x} end, "ssl." .. name .. ": a batch needs at least 2 images, got 1: ")
    t.raises(function() method:loss{x} end, "views, got 1")
    t.raises(function() method:loss{lunette.zeros(4, 3, 8, 8), lunette.zeros(5, 3, 8, 8)} end, "view 1 has 4 images, view 2 has 5")
    if not row.multicrop then t.raises(function() method:loss{x, x, x} end, "needs 2 views, got 3") end
    t.raises(function() ssl.method(name, {projecter = {8}}) end, "unknown option 'projecter' (did you mean 'projector'?)")
    t.raises(function() ssl.method(name, {projector = {8, 0.5}}) end,
      "ssl." .. name .. ": projector must be a list of 1 to 8 whole numbers from 1 to 65536, got {8, 0.5}")
    t.raises(function() lunette.ssl[name]{encoder = "resnet18"} end, "ssl." .. name .. ": encoder must be a model")
  end)
end

t.case("training says what it lacks", function()
  local method = ssl.method "simclr"
  local source = {epoch = function() end, batches = 1}
  local sgd = lunette.optim.sgd{params = method:named_parameters(), lr = 0.1}
  local function says(given, text) t.raises(function() lunette.train(given) end, text) end
  says({}, "train: method must be a method of lunette.ssl, e.g. lunette.ssl.simclr{...}, got nothing")
  says({method = sgd}, "train: method must be a method of lunette.ssl, e.g. lunette.ssl.simclr{...}, got table")
  says({method = method}, "train: loader must be a loader, e.g. lunette.data.loader{...}, got nothing")
  says({method = method, loader = source, optimizer = 0.1},
    "train: optimizer must be an optimizer, e.g. lunette.optim.sgd{...}, got number")
  says({method = method, loader = source, optimizer = sgd}, "train: epochs must be a whole number from 0 on, got nothing")
  local function also(name, value, text)
    says({method = method, loader = source, optimizer = sgd, epochs = 1, [name] = value}, text)
  end
  for _, name in ipairs{"learning_rate", "weight_decay", "regularize", "on_step", "on_epoch", "interrupted", "on_interrupt"} do
    also(name, 0.1, "train: " .. name .. " must be a function, got number")
  end
  source.epoch = function() return function() return {views = {}, index = 1} end end
  also("learning_rate", function(step) return step - 0.5 end, "train: learning_rate(0) must be a number from 0 on, got -0.5")
  also("learning_rate", function() end, "train: learning_rate(0) must be a number from 0 on, got nil")
  also("weight_decay", function() return -1 end, "train: weight_decay(0) must be a number from 0 on, got -1")
  also("monitor", true, "train: monitor must be what lunette.monitor{...} returns, got boolean")
  also("monitor", {}, "train: monitor must be what lunette.monitor{...} returns, got table")
  also("schedules", 3, "train: schedules must be a table of functions, got number")
  also("schedules", {temperature = 3}, "train: schedules.temperature must be a function of the step, got number")
  says({method = method, loader = source, optimizer = sgd, epochs = 0.5}, "from 0 on, got 0.5")
  says({method = method, loader = source, optimizer = sgd, epochs = -1}, "from 0 on, got -1")
end)

t.case("a teacher starts as the student, follows it slowly, and can be set to it", function()
  local method = ssl.method "byol"
  local function gap()
    local s, worst = method:state(), 0
    for name, value in pairs(s) do
      local student = name:match "^teacher%.(.*)$"
      if student and not name:find "running" then worst = math.max(worst, (value - s[student]):abs():reshape(-1):max(1):item()) end
    end
    return worst
  end
  t.equal(gap(), 0)
  train(method, 3)
  local after = gap()
  t.ok(after > 0)
  method.teacher:update(0.5)
  t.ok(math.abs(gap() - after / 2) < 1e-5 * after + 1e-6, "half way")
  method.teacher:follow()
  t.equal(gap(), 0)
  t.equal(ssl.differs(method.encoder:state(), method.teacher.parts[1]:state()), nil)
end)

t.case("the momentum goes from ema to ema_final over the steps", function()
  local momentum = ssl.method("byol", {ema = 0.9, ema_final = 1}):schedules(10, 5).ema
  t.equal({momentum(0), momentum(10)}, {0.9, 1})
  t.ok(math.abs(momentum(5) - 0.95) < 1e-12)
end)

t.case("a value of the method on a schedule of the caller's; a name it does not know", function()
  local method, seen = ssl.method "simclr", {}
  local source = loader "weak"
  lunette.train{method = method, loader = source, optimizer = optimizer(method), epochs = 1,
    schedules = {temperature = function(step) return 0.5 + step end}, on_step = function() seen[#seen + 1] = method.temperature end}
  t.equal(seen, {0.5, 1.5, 2.5, 3.5})
  t.raises(function()
    lunette.train{method = method, loader = source, optimizer = optimizer(method), epochs = 1, schedules = {temprature = math.sqrt}}
  end, "schedules.temprature: the method has no such value")
  source:close()
end)

t.case("moco: the queue holds the last keys, batch after batch, and a batch larger than it is refused", function()
  local method = ssl.method("moco", {queue = 10, symmetric = false})
  method:train()
  t.equal(method.queue1, nil)
  local norm = method.queue2.rows:square():sum({2}):totable()
  for _, v in ipairs(norm) do t.ok(math.abs(v - 1) < 1e-5, "rows are drawn as unit rows") end
  local views, last = {}, nil
  for step = 1, 3 do
    for v = 1, 2 do views[v] = lunette.randn({4, 3, 8, 8}, {seed = 10 * step + v}) end
    method:loss(views)
    last = method.held.keys2:clone()
    method:after_step()
  end
  -- 12 keys through 10 places: the third batch is at 9, 10, 1, 2.
  t.equal({method.queue2.next:item(), method.queue2:full()}, {3, true})
  t.equal(method.queue2.rows[{{9, 10}, {}}]:totable(), last[{{1, 2}, {}}]:totable())
  t.equal(method.queue2.rows[{{1, 2}, {}}]:totable(), last[{{3, 4}, {}}]:totable())
  local many = lunette.zeros(11, 3, 8, 8)
  t.raises(function() method:loss{many, many} end, "the queue holds 10 keys, fewer than the batch's 11")
end)

t.case("swav: unit prototypes after every step, as drawn in the first epoch; the queue takes part once it is full", function()
  local method = ssl.method("swav", {freeze_epochs = 1, queue = 32, queue_from_epoch = 2})
  local drawn = method.prototypes:totable()
  local function step(epoch, seed)
    method.epoch = epoch
    local loss = method:loss{lunette.randn({16, 3, 8, 8}, {seed = seed}), lunette.randn({16, 3, 8, 8}, {seed = seed + 100})}
    loss:backward()
    method:before_update()
    local opt = lunette.optim.sgd{params = method:named_parameters(), lr = 0.5, momentum = 0}
    opt:step()
    method:after_step()
    return loss:item()
  end
  method:train()
  step(1, 1)
  t.equal(method.prototypes:totable(), drawn)
  t.equal(method.queue1.filled:item(), 0)
  step(2, 2)
  t.ok(ssl.differs({p = method.prototypes}, {p = lunette.tensor(drawn)}), "prototypes learn from the second epoch on")
  for _, v in ipairs(method.prototypes:square():sum({2}):totable()) do t.ok(math.abs(v - 1) < 1e-5, "length") end
  t.equal({method.queue1.filled:item(), method.queue2:full()}, {16, false})
  step(2, 3)
  t.ok(method.queue2:full())
  local scores = lunette.randn({4, 12}, {seed = 4})
  local with = method:assignment(1, scores)
  method.queues = {}
  t.ok(ssl.differs({a = with}, {a = method:assignment(1, scores)}), "a full queue changes the assignment")
  t.equal(with:shape(), {4, 12})
end)

t.case("dino: the center follows the teacher's logits after the step, the last layer waits for the second epoch", function()
  local method = ssl.method("dino", {center_momentum = 0.5, warmup_epochs = 2, warmup_teacher_temp = 0.02, teacher_temp = 0.06})
  method:train()
  local views = {lunette.randn({4, 3, 8, 8}, {seed = 1}), lunette.randn({4, 3, 8, 8}, {seed = 2})}
  t.ok(method.head(lunette.randn({6, 32}, {seed = 3}) * 100):abs():reshape(-1):max(1):item() <= 1.00001, "logits are cosines")
  local loss = method:loss(views)
  t.equal(method.center:abs():max(1):item(), 0)
  loss:backward()
  local expected = method.held.mean:totable()
  t.ok(method.head.last.grad)
  method:before_update()
  t.equal(method.head.last.grad, nil)
  method:after_step()
  for k, v in ipairs(method.center:totable()) do t.ok(math.abs(v - 0.5 * expected[k]) < 1e-6, "center") end
  method.epoch = 2
  method:loss(views):backward()
  method:before_update()
  t.ok(method.head.last.grad, "learns in the second epoch")
  local temperature = method:schedules(40, 4).teacher_temp
  t.equal({temperature(0), temperature(8), temperature(39)}, {0.02, 0.06, 0.06})
  t.ok(math.abs(temperature(4) - 0.04) < 1e-12)
end)

t.finish()
