-- method_step.lua [f32|bf16] [METHOD...]: one training step of each self-supervised method with its default heads: two views of
-- 32 images of 32x32, ResNet-18 with the CIFAR stem at width 64: loss, backward, SGD, and what follows the step (slow copy, queue,
-- prototypes). Beside it the same in PyTorch: peers/method_step.py, in bf16 under autocast; without AVX-512 in f32 always, its
-- bf16 being emulated there and many times slower. Prints one line of JSON per method; see README.md beside it.
--
-- share_* are parts of a step and of the augmentation of its views (preset "symmetric"), from the profile of ops: convolution,
-- normalisation (batch norm with its ReLU and sum, the heads' included), augmentation, heads_loss (every other op of the forward
-- and backward pass), update (optimizer, slow copy, queue), outside (between ops). share_other is augmentation, heads_loss, update
-- and outside: all but convolution and normalisation. milliseconds: the ten costliest ops.
local lunette = require "lunette"
local json = require "lunette.json"
local sys = require "lunette.sys"
local support = dofile((arg[0]:match "^(.*)/[^/]*$" or ".") .. "/bench_support.lua")

local BATCH, STEPS, WARM, PROFILED = 32, 7, 2, 3
local names = {table.unpack(arg)}
local precision = (names[1] == "f32" or names[1] == "bf16") and table.remove(names, 1) or "f32"
local peer_precision = lunette.isa == "avx512" and precision or "f32"

local images, ids = lunette.data.shapes{n = BATCH}.images, lunette.arange(1, BATCH, {dtype = "i64"})
local policy = lunette.augment{preset = "symmetric"}

local function augmented(epoch)
  local views = {}
  for v = 1, 2 do views[v] = policy:apply(images, ids, {epoch = epoch, view = v}) end
  return views
end

local function setup(name)
  local encoder = lunette.models.resnet18{stem = "cifar", width = 64, precision = precision, seed = 1}
  local method = lunette.ssl[name]{encoder = encoder, seed = 1}
  method:train()
  method.epoch = 2 -- past the first epoch, in which some layers rest
  return method, lunette.optim.sgd{params = method:named_parameters(), lr = 0.03, momentum = 0.9, weight_decay = 5e-4}
end

local function forward_backward(method, views)
  return lunette.scope(function()
    local loss, h, z = method:loss(views)
    h:free()
    if z then z:free() end
    loss:backward()
    return loss:item()
  end)
end

local function update(method, optimizer)
  method:before_update()
  optimizer:step()
  optimizer:zero_grad()
  lunette.scope(method.after_step, method)
end

local function time(f, ...)
  local start = sys.monotonic()
  f(...)
  return sys.monotonic() - start
end

local function part_of(op)
  return op:find "^conv2d" and "convolution" or op:find "^batch_norm" and "normalisation" or "heads_loss"
end

-- Seconds of the parts over PROFILED steps, and milliseconds of the costliest ops in one of them.
local function parts_of(method, optimizer, views)
  local parts = {convolution = 0, normalisation = 0, heads_loss = 0, augmentation = 0, update = 0, outside = 0}
  local by_op, order, costly = {}, {}, {}
  local function add(part, seconds) parts[part] = parts[part] + seconds end
  for i = 1, PROFILED do
    add("augmentation", lunette.debug.profile(lunette.scope, augmented, i).seconds)
    local pass = lunette.debug.profile(forward_backward, method, views)
    add("outside", pass.seconds)
    for _, row in ipairs(pass) do
      add(part_of(row.op), row.seconds)
      add("outside", -row.seconds)
      by_op[row.op] = (by_op[row.op] or 0) + row.seconds
    end
    add("update", lunette.debug.profile(update, method, optimizer).seconds)
  end
  for op in pairs(by_op) do order[#order + 1] = op end
  table.sort(order, function(a, b) return by_op[a] > by_op[b] end)
  for i = 1, 10 do costly[order[i]] = by_op[order[i]] / PROFILED * 1e3 end
  return parts, costly
end

local function bench(name)
  local method, optimizer = setup(name)
  local views = augmented(1)
  local times = {}
  for i = 1, WARM + STEPS do
    local took = time(function()
      forward_backward(method, views)
      update(method, optimizer)
    end)
    if i > WARM then times[#times + 1] = took end
  end
  local seconds, spread = support.median(times)
  local row = {bench = "method_step", case = name, precision = precision, batch = BATCH, unit = "views/s", better = "higher",
    value = 2 * BATCH / seconds, spread = 2 * BATCH * spread / seconds ^ 2, threads = lunette.threads()}
  local parts, costly = parts_of(method, optimizer, views)
  local whole = 0
  for _, s in pairs(parts) do whole = whole + s end
  for part, s in pairs(parts) do row["share_" .. part] = s / whole end
  row.share_other = 1 - row.share_convolution - row.share_normalisation
  row.milliseconds = costly
  local lines = support.peer("method_step", name, BATCH, STEPS, peer_precision)
  if lines then
    local theirs = {}
    for i, line in ipairs(lines) do theirs[i] = tonumber(line) end
    row.peer, row.peer_precision, row.peer_value = support.torch(), peer_precision, 2 * BATCH / support.median(theirs)
    row.ratio = row.value / row.peer_value
  end
  print(json.encode(row))
end

if #names == 0 then
  for i, method in ipairs(lunette.ssl.methods) do names[i] = method.name end
end
for _, name in ipairs(names) do lunette.scope(bench, name) end
