-- golden_methods.lua: ten whole training steps of each method, through the training loop, against PyTorch's.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"

local sgd = {"sgd", {lr = 0.01, momentum = 0.9, weight_decay = 5e-4}}
local function lars(lr) return {"lars", {lr = lr, momentum = 0.9, weight_decay = 1e-4, eta = 0.002}} end

-- Settings, optimizer, whether there are small views.
local methods = {
  byol = {{projector = {32, 16}, predictor = 24, ema = 0.9}, lars(0.01)},
  simsiam = {{projector = {24, 24, 16}, predictor = 8}, sgd},
  moco = {{projector = {32, 16}, queue = 20, ema = 0.9, ema_final = 1}, sgd},
  mocov3 = {{projector = {32, 16}, predictor = 24, ema = 0.9}, lars(0.01)},
  vicreg = {{projector = {24, 24, 16}}, lars(0.0003)},
  barlow = {{projector = {24, 24, 16}, scale = 0.1}, lars(0.001)},
  swav = {{projector = {32, 16}, prototypes = 12, queue = 16, queue_from_epoch = 1}, sgd, small = true},
  dino = {{projector = {32, 32, 16}, prototypes = 20, ema = 0.9, warmup_teacher_temp = 0.04, teacher_temp = 0.07, warmup_epochs = 1},
          {"sgd", {lr = 0.01, momentum = 0.9, weight_decay = 5e-4, clip_norm = 0.3, clip_each = true}}, small = true},
}

-- The file's weights: the encoder is that of the ten SimCLR steps; slow copies start as what they are copies of.
local function started(name, file)
  local given = {encoder = lunette.models.resnet18{width = 8}}
  for key, value in pairs(methods[name][1]) do given[key] = value end
  local method, state = lunette.ssl[name](given), {}
  for key, value in pairs(golden.load "simclr_resnet18_init") do
    if not key:find "^projector" then state["encoder." .. key] = value end
  end
  for key, value in pairs(file) do
    local entry = key:match "^start%.(.*)$"
    if entry then state[entry:find "^queue" and entry .. ".rows" or entry] = value end
  end
  local _, left_over = method:load_state(state, {partial = true})
  t.equal(left_over, {}, "tensors of the file that the method lacks")
  if method.teacher then method.teacher:follow() end
  if method.prototypes then method:normalize_prototypes() end
  return method
end

-- What the training loop takes for a loader: the file's images, five batches an epoch.
local function loader(images, small)
  local source = {batches = 5}
  function source:epoch(epoch, first)
    local index = first - 1
    return function()
      index = index + 1
      if index > self.batches then return nil end
      local x = (images[(epoch - 1) * 5 + index]:to("f32") - 128) / 64
      local views = {x:narrow(1, 1, 8), x:narrow(1, 9, 16)}
      if small then
        views[3] = views[1]:narrow(3, 1, 8):narrow(4, 1, 8):contiguous()
        views[4] = views[2]:narrow(3, 9, 16):narrow(4, 9, 16):contiguous()
      end
      return {views = views, index = index}
    end
  end
  return source
end

for name, how in pairs(methods) do
  t.case("ten steps of " .. name .. " follow PyTorch's", function()
    local file = golden.load("method_" .. name)
    local method, losses = started(name, file), {}
    local given = {params = method:named_parameters()}
    for key, value in pairs(how[2][2]) do given[key] = value end
    lunette.train{method = method, optimizer = lunette.optim[how[2][1]](given), epochs = 2,
      loader = loader(golden.load("simclr_resnet18_steps").images, how.small), on_step = function(row) losses[row.step] = row.loss end}
    local largest = math.max(1, file.loss:abs():max(1):item())
    for i, expected in ipairs(file.loss:totable()) do
      local d = math.abs(losses[i] - expected) / largest
      t.ok(d < 1e-4, ("step %d: loss %.7g, expected %.7g"):format(i, losses[i], expected))
    end
    local compared = 0
    for key, value in pairs(method:state()) do
      local head, stats = file["final." .. key .. ".head"], file["final." .. key .. ".stats"]
      if head then
        compared = compared + 1
        local d = (value:reshape(-1):narrow(1, 1, head:numel()):to("f64") - head:to("f64")):abs():max(1):item()
        t.ok(d <= 1e-2 * stats:totable()[3] + 1e-6, ("%s after ten steps is off by %g of %g"):format(key, d, stats:totable()[3]))
      end
    end
    local expected = 0
    for key in pairs(file) do if key:find "^final.*head$" then expected = expected + 1 end end
    t.equal(compared, expected, "tensors compared")
  end)
end

t.finish()
