-- roofline.lua [DEVICE] [SCALE]: how near our own kernels come to what the device can do. Every row says how many bytes it must
-- move and how many multiply-adds it must do; the time that takes at the rates measured here, of a copy and of a product of large
-- matrices, over the time it took is `fraction`. One line of JSON per row. SCALE shrinks the rows (1/64 on a CPU).
local lunette = require "lunette"
local json = require "lunette.json"
local sys = require "lunette.sys"

local device, scale = arg[1] or "cuda", tonumber(arg[2] or 1)
local REPEATS, ROUNDS = 20, 5
if scale < 1e-3 then REPEATS, ROUNDS = 1, 1 end -- to see that every row runs

local function rows_of(n) return math.max(math.floor(n * scale), 8) end
local function rand(...) return (lunette.randn(...):move(device)) end
local function bf16(x) return x:to(device, "bf16") end

-- Seconds of one call: the median over ROUNDS of REPEATS calls in a row.
local function seconds_of(f)
  local rounds = {}
  lunette.scope(f) -- memory, plans, lazily loaded code
  for i = 1, ROUNDS do
    lunette.synchronize(device)
    local start = sys.monotonic()
    for _ = 1, REPEATS do lunette.scope(f) end
    lunette.synchronize(device)
    rounds[i] = (sys.monotonic() - start) / REPEATS
  end
  table.sort(rounds)
  return rounds[(ROUNDS + 1) // 2]
end

local function quietly(f) return function() return lunette.no_grad(f) end end

-- f() -> y, and the gradient of x: from a scalar y, or from ones.
local function both_ways(x, f)
  x.requires_grad = true
  local seed
  return function()
    local y = f()
    if y:ndim() > 0 then
      seed = seed or lunette.keep(lunette.no_grad(lunette.ops.full_like, y, 1))
      y:backward(seed)
    else
      y:backward()
    end
    x.grad = nil
  end
end

-- What the rates are: bytes/s of a copy (read and written), multiply-adds/s of a product in f32.
local n = rows_of(1 << 26)
local source, target = rand(n), rand(n)
local copy_rate = 8 * n / seconds_of(quietly(function() lunette.ops.assign(target, source) end))
local side = math.max(math.floor(8192 * scale ^ 0.5) // 8 * 8, 64)
local left, right = rand(side, side), rand(side, side)
local product_rate = side ^ 3 / seconds_of(quietly(function() return left:matmul(right) end))
target, left, right = nil, nil, nil

local function row(name, bytes, f, products)
  local took = seconds_of(f)
  local limit = math.max(bytes / copy_rate, (products or 0) / product_rate)
  print(json.encode{row = name, bytes = bytes, products = products, seconds = took, fraction = limit / took,
    gigabytes_per_second = bytes / took / 1e9})
  collectgarbage()
  lunette.flush_memory(device)
end

print(json.encode{rates = {gigabytes_per_second = copy_rate / 1e9, gigaflops = 2 * product_rate / 1e9}, device = device})

local ops, loss = lunette.ops, lunette.loss
do
  local other, half, more = rand(n), bf16(source), bf16(source)
  row("add f32", 12 * n, quietly(function() return source + other end))
  row("add bf16", 6 * n, quietly(function() return half + more end))
  row("relu bf16", 4 * n, quietly(function() return half:relu() end))
  row("gelu f32", 8 * n, quietly(function() return source:gelu() end))
  row("sum f32", 4 * n, quietly(function() return source:sum() end))
  row("cast f32 to bf16", 6 * n, quietly(function() return source:to(device, "bf16") end))
end
source = nil
do
  local r = rows_of(65536)
  local x = rand(r, 1000)
  row("softmax f32 (,1000)", 8000 * r, quietly(function() return x:softmax() end))
  row("log_softmax f32 (,1000)", 8000 * r, quietly(function() return x:log_softmax() end))
  local labels = lunette.ones(r, {dtype = "i64", device = device})
  row("cross_entropy f32 (,1000)", 4000 * r, quietly(function() return (ops.cross_entropy(x, labels)) end))
  row("topk 5 of 1000", 4000 * r, quietly(function() return (ops.topk(x, {k = 5})) end))
end
do
  local r = rows_of(262144)
  local x, gamma, beta = rand(r, 128), rand(128), rand(128)
  row("normalize f32 (,128)", 1024 * r, quietly(function() return (x:normalize()) end))
  row("layer_norm f32 (,128)", 1024 * r, quietly(function() return (ops.layer_norm(x, gamma, beta)) end))
  local half, weight = bf16(x), rand(128, 128)
  -- Read for the product; y is written with the bias, then read and written with the product.
  row("linear bf16 with bias, 128 to 128", 1024 * r, quietly(function() return ops.linear(half, weight, beta) end), 128 * 128 * r)
end
do
  local b = rows_of(512)
  local x = bf16(rand(b, 64, 32, 32):channels_last())
  local elements, gamma, beta = x:numel(), rand(64), rand(64)
  row("batch_norm_relu bf16", 6 * elements, quietly(function() return (ops.batch_norm_relu(x, gamma, beta)) end))
  row("batch_norm_relu bf16 and gradient", 16 * elements,
    both_ways(x, function() return (ops.batch_norm_relu(x, gamma, beta)) end))
  row("max_pool2d 2 bf16", 2.5 * elements + elements / 4, quietly(function() return (ops.max_pool2d(x, 2)) end))
  row("global_avg_pool bf16", 2 * elements, quietly(function() return ops.global_avg_pool(x) end))
end
do
  local r = rows_of(4096)
  local a, b = rand(r, 128), rand(r, 128)
  local queue = lunette.no_grad(function() return (rand(rows_of(65536), 128):normalize()) end)
  row("simclr and gradient", 6 * 4 * a:numel(), both_ways(a, function() return loss.simclr(a, b, {temperature = 0.5}) end),
    3 * (2 * r) ^ 2 * 128)
  row("moco and gradient", 4 * (queue:numel() * 2 + 4 * a:numel()),
    both_ways(a, function() return loss.moco(a, b, queue) end), 2 * r * queue:numel())
  row("byol and gradient", 4 * 5 * a:numel(), both_ways(a, function() return loss.byol(a, b) end))
  local scores, more, center = rand(r, 3000), rand(r, 3000), rand(3000)
  row("sinkhorn (,3000), 3 rounds", 4 * 7 * scores:numel(), quietly(function() return loss.sinkhorn(scores) end))
  row("swav and gradient", 4 * 5 * scores:numel(), both_ways(scores, function() return loss.swav(scores, more) end))
  row("dino and gradient", 4 * 5 * scores:numel(), both_ways(scores, function() return loss.dino(scores, more, center) end))
  local wide, wide2 = rand(rows_of(512), 2048), rand(rows_of(512), 2048)
  local square = wide:numel() * math.min(wide:shape()[1], 2048) -- of products between columns, or rows where those are fewer
  row("vicreg and gradient", 4 * 6 * wide:numel(), both_ways(wide, function() return loss.vicreg(wide, wide2) end), 4 * square)
  row("barlow and gradient", 4 * 6 * wide:numel(), both_ways(wide, function() return loss.barlow(wide, wide2) end), 3 * square)
end
do
  local r = rows_of(1000000)
  local part = rand(rows_of(15625), 2048)
  local ids = {} -- a large matrix, of rows that repeat
  for i = 1, r do ids[i] = (i - 1) % part:shape()[1] + 1 end
  local h = ops.index_select(part:relu(), 1, lunette.tensor(ids, {dtype = "i64", device = device}))
  ids = nil -- luacheck: ignore
  row(("qscore_summary (%d,2048)"):format(r), 4 * h:numel(), quietly(function() return (ops.qscore_summary(h)) end))
  h = nil -- luacheck: ignore
  part = part:detach()
  row("qscore_regularizer and gradient (,2048)", 4 * 3 * part:numel(),
    both_ways(part, function() return (ops.qscore_regularizer(part, {epsilon = 1})) end))
end
do
  local b = rows_of(4096)
  local images = lunette.data.shapes{n = b, size = 32, seed = 1}.images:move(device)
  local ids = lunette.arange(1, b, {dtype = "i64"}):move(device)
  local policy = lunette.augment{preset = "symmetric"}
  -- Bytes in; one view of f32 out.
  row("augment, one view", images:numel() * 5, quietly(function() return policy:apply(images, ids, {epoch = 1, view = 1}) end))
  local small = rand(rows_of(2048), 3, 32, 32)
  row("resize 32 to 224", 4 * small:numel() * (1 + 49), quietly(function() return ops.resize(small, 224, 224) end))
  local act, grad = rand(rows_of(2048), 512, 7, 7), rand(rows_of(2048), 512, 7, 7)
  row("gradcam", 4 * 2 * act:numel(), quietly(function() return ops.gradcam(act, grad) end))
end
do
  local params, grads, first, second = {}, {}, {}, {}
  local total = 0
  for i = 1, 60 do
    local size = rows_of(400000)
    params[i], grads[i], first[i], second[i] = rand(size), rand(size), rand(size), rand(size):abs()
    total = total + size
  end
  row("sgd_step", 20 * total, quietly(function() ops.sgd_step(params, grads, first, {lr = 1e-6}) end))
  row("lars_step", 28 * total, quietly(function() ops.lars_step(params, grads, first, {lr = 1e-6}) end))
  row("adamw_step", 28 * total, quietly(function() ops.adamw_step(params, grads, first, second, {lr = 1e-6, step = 1}) end))
  row("ema_update", 12 * total, quietly(function() ops.ema_update(second, params, {momentum = 0.99}) end))
end
