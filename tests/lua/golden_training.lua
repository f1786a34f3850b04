-- golden_training.lua: SimCLR's loss, optimizers, schedules and ten whole training steps against PyTorch's values.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"

local losses = {
  n4_d8_t050 = 0.5, n8_d16_t007 = 0.07, n16_d32_t020 = 0.2, n5_d7_t100 = 1, n2_d3_t010 = 0.1, n9_d33_t007_scale100 = 0.07,
  identical_views = 0.07,
}
for name, temperature in pairs(losses) do
  t.case("simclr " .. name, function()
    golden.check("simclr_" .. name, {inputs = {"z1", "z2"}, output = "loss", f32 = temperature < 0.1 and 1e-4 or 1e-5, f64 = 1e-9,
      absolute = 1e-5,
      run = function(z1, z2) return lunette.loss.simclr(z1, z2, {temperature = temperature}) end})
  end)
end
t.case("simclr with one sample has no negatives: loss and gradient 0", function()
  local file = golden.load("simclr_n1_d4_t050")
  local z1 = file.z1:clone()
  z1.requires_grad = true
  local loss = lunette.loss.simclr(z1, file.z2)
  loss:backward()
  t.ok(math.abs(loss:item()) < 1e-6, "loss")
  t.ok(z1.grad:abs():max(2):max(1):item() < 1e-6, "gradient")
end)

local optimizers = {
  sgd_plain = {"sgd", {lr = 0.1, momentum = 0}},
  sgd_weight_decay = {"sgd", {lr = 0.1, momentum = 0, weight_decay = 0.01}},
  sgd_momentum = {"sgd", {lr = 0.1, momentum = 0.9}},
  sgd_momentum_weight_decay = {"sgd", {lr = 0.05, momentum = 0.9, weight_decay = 5e-4}},
  sgd_nesterov_weight_decay = {"sgd", {lr = 0.05, momentum = 0.9, weight_decay = 0.01, nesterov = true}},
  adamw = {"adamw", {lr = 0.01, weight_decay = 0.05}},
  lars = {"lars", {lr = 0.3, weight_decay = 0.01}},
  lars_clipped_at_one = {"lars", {lr = 1e-3, weight_decay = 0.01}},
  lars_no_clip = {"lars", {lr = 0.3, weight_decay = 0.01, clip = false}},
  lars_all_tensors = {"lars", {lr = 0.3, weight_decay = 0.01, exclude_1d = false}},
  lars_nesterov = {"lars", {lr = 0.3, weight_decay = 0.01, nesterov = true}},
  lars_zero_weights = {"lars", {lr = 0.3, weight_decay = 0.01}},
  lars_update = {"lars", {lr = 0.3, weight_decay = 0.01, eta = 0.001, clip = false, trust = "update"}},
  lars_update_zero_weights = {"lars", {lr = 0.3, weight_decay = 0.01, eta = 0.001, clip = false, trust = "update"}},
  lars_larc = {"lars", {lr = 0.3, weight_decay = 0.01, eta = 0.001, clip = false, exclude_1d = false}},
  lars_decayed_only = {"lars", {lr = 0.3, weight_decay = 0.01, eta = 0.001, clip = false, exclude_1d = false,
                                decayed_only = true, decay_1d = false}},
  adamw_frozen = {"adamw", {lr = 0.01, weight_decay = 0.05}},
  adamw_groups = {"adamw", {lr = 0.01, groups = {{match = "*as", weight_decay = 0}, {match = {"other", "we*ht"}, lr_scale = 10}}},
                  function(step) return {weight_decay = 0.05 * step} end},
}
for name, how in pairs(optimizers) do
  t.case("optimizer " .. name, function()
    local file, params = golden.load(name), {}
    for i, p in ipairs{"weight", "bias"} do
      params[i] = {name = p, tensor = file[p .. ".0"]:to("f32"):clone()}
      params[i].tensor.requires_grad = true
    end
    local given = {params = params}
    for k, v in pairs(how[2]) do given[k] = v end
    local opt = lunette.optim[how[1]](given)
    for step = 1, 3 do
      for _, p in ipairs(params) do
        local frozen = name == "adamw_frozen" and p.name == "bias" and step < 3
        if not frozen then p.tensor.grad = file[p.name .. ".grad." .. step]:to("f32"):clone() end
      end
      opt:step(nil, how[3] and how[3](step))
      for _, p in ipairs(params) do
        local d = (p.tensor:to("f64") - file[p.name .. "." .. step]:to("f64")):abs():reshape(-1):max(1):item()
        t.ok(d < 2e-6, ("%s after step %d is off by %g"):format(p.name, step, d))
      end
    end
  end)
end

local schedules = {
  cosine_warmup = {value = 0.4, steps = 50, warmup = 10, start = 3e-5},
  cosine_warmup_floor = {value = 0.3, steps = 40, warmup = 5, final = 6e-4},
  cosine_no_warmup = {value = 0.1, steps = 20},
}
for name, given in pairs(schedules) do
  t.case("schedule " .. name, function()
    local expected, lr = golden.load(name).lr:totable(), lunette.schedule.cosine(given)
    for i, v in ipairs(expected) do t.ok(math.abs(lr(i - 1) - v) < 1e-12, "step " .. i - 1) end
  end)
end

for _, name in ipairs(golden.names("^clip_")) do
  t.case("gradient clipping " .. name, function()
    local file, grads = golden.load(name), {}
    for i, k in ipairs{"a", "b", "c"} do grads[i] = file[k]:clone() end
    local options = {each = name:find("each") ~= nil}
    local norm = lunette.ops.clip_grad_norm(grads, tonumber(name:match("%d+$")), options)
    golden.near(norm, file.norm, 1e-6, "norm")
    for i, k in ipairs{"a", "b", "c"} do golden.near(grads[i], file[k .. ".clipped"], 1e-6, k) end
  end)
end

t.case("gradient clipping gives the same bits for every thread count", function()
  local x, threads, found = lunette.randn(300, 1001, {seed = 3}), lunette.threads(), {}
  for i, n in ipairs{1, 2, 3} do
    lunette.threads(n)
    local g = x:clone()
    found[i] = {lunette.ops.clip_grad_norm({g}, 2):item(), g:tobytes()}
  end
  lunette.threads(threads)
  t.equal(found[2], found[1])
  t.equal(found[3], found[1])
end)

t.case("ramps follow DINO's schedules", function()
  for name, given in pairs{ramp_decay = {from = 0.04, to = 0.4, steps = 30}, ramp_momentum = {from = 0.996, to = 1, steps = 30},
                           ramp_temperature = {from = 0.04, to = 0.07, steps = 10, shape = "linear"}} do
    local value = lunette.schedule.ramp(given)
    for i, v in ipairs(golden.load(name).value:totable()) do t.ok(math.abs(value(i - 1) - v) < 1e-12, name .. " " .. i) end
  end
  local late = lunette.schedule.ramp{from = 1, to = 3, steps = 2, delay = 5, shape = "linear"}
  t.equal({late(0), late(5), late(6), late(7), late(100)}, {1, 1, 2, 3, 3})
end)

-- The network of the ten steps, its weights from the file.
local function network()
  local init = golden.load("simclr_resnet18_init")
  local method = lunette.ssl.simclr{encoder = lunette.models.resnet18{width = 8}, projector = {32, 16}, temperature = 0.5}
  local state = {}
  for name, value in pairs(init) do state[(name:find("^projector") and "" or "encoder.") .. name] = value end
  method:load_state(state)
  return method
end

t.case("ten SimCLR training steps follow PyTorch's", function()
  local steps, method = golden.load("simclr_resnet18_steps"), network()
  local opt = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05, momentum = 0.9, weight_decay = 5e-4}
  method:train()
  local expected = steps.loss:totable()
  local worst = 0
  for i = 1, 10 do
    local x = (steps.images[i]:to("f32") - 128) / 64
    local views = {x:narrow(1, 1, 8), x:narrow(1, 9, 16)}
    local loss = method:loss(views)
    loss:backward()
    if i == 1 then
      for _, p in ipairs(method:named_parameters()) do
        local name = p.name:gsub("^encoder%.", "")
        local head = steps["step1.grad." .. name .. ".head"]
        local got = p.tensor.grad:reshape(-1):narrow(1, 1, head:numel())
        local norm = steps["step1.grad." .. name .. ".stats"]:totable()[1]
        local d = (got:to("f64") - head:to("f64")):abs():max(1):item()
        t.ok(d <= 1e-4 * norm + 1e-9, name .. ": gradient of the first step is off by " .. d / norm)
      end
    end
    worst = math.max(worst, math.abs(loss:item() - expected[i]))
    opt:step()
    opt:zero_grad()
  end
  t.ok(worst < 2e-5, "worst loss difference " .. worst)
  for name, value in pairs(method:state()) do
    local key = name:gsub("^encoder%.", "")
    local head, stats = steps["final." .. key .. ".head"], steps["final." .. key .. ".stats"]
    local d = (value:reshape(-1):narrow(1, 1, head:numel()):to("f64") - head:to("f64")):abs():max(1):item()
    t.ok(d <= 1e-3 * stats:totable()[3] + 1e-7, key .. " after ten steps is off by " .. d)
  end
end)

t.finish()
