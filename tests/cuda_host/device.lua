-- device.lua: scripts on a device "cuda", against the CPU. Run with LUNETTE_CUDA_LIBRARY naming the emulated device's library
-- (device_host.cpp), whose memory crashes the program where the host touches it, or on a real one.
local lunette = require "lunette"
local t = require "tap"

local CUDA = { device = "cuda" }

local case = t.case
local emulated = (os.getenv "LUNETTE_CUDA_LIBRARY" or ""):find "liblunette_cuda_host" ~= nil

-- Of what the emulated device alone can be made to do.
local function case_of_emulated(name, run)
  if emulated then case(name, run) end
end

-- The largest |a - b| over the largest |a|; of what is nearly 0 (means after a normalisation) over 0.01.
local function apart(a, b)
  local x, y = a:to("cpu", "f64"):reshape(-1), b:to("cpu", "f64"):reshape(-1)
  if x:numel() == 0 then return 0 end
  return (x - y):abs():max(1):item() / math.max(x:abs():max(1):item(), 0.01)
end

local function near(a, b, tolerance, what)
  t.equal(b:shape(), a:shape())
  local d = apart(a, b)
  t.ok(d <= tolerance, ("%s: %.3g apart, allowed %.3g"):format(what, d, tolerance))
end

case("tensors are made, read, written and moved", function()
  for _, dtype in ipairs { "f32", "bf16", "f64", "i64", "u8", "bool" } do
    local x = lunette.tensor({ { 1, 0, 1 }, { 0, 1, 1 } }, { dtype = dtype, device = "cuda" })
    t.equal(x:device(), "cuda")
    t.equal(x:totable(), lunette.tensor({ { 1, 0, 1 }, { 0, 1, 1 } }, { dtype = dtype }):totable())
    t.equal(x[{ 2, 1 }], lunette.tensor({ 0 }, { dtype = dtype })[{ 1 }])
    t.equal(x:tobytes(), x:to("cpu"):tobytes())
  end
  t.equal(lunette.randn(3, 4, { device = "cuda", seed = 5 }):totable(), lunette.randn(3, 4, { seed = 5 }):totable())
  local x = lunette.arange(1, 6, CUDA):reshape(2, 3)
  x[{ 1, 2 }] = 9
  x[{ {}, { 3, 3 } }] = lunette.tensor { { 7 }, { 8 } }
  t.equal(x:totable(), { { 1, 9, 7 }, { 4, 5, 8 } })
  t.equal(x[2]:totable(), { 4, 5, 8 })
  t.equal(x:permute(2, 1):to("cpu"):totable(), { { 1, 4 }, { 9, 5 }, { 7, 8 } })
  t.equal(x:to("cpu", "i64"):totable(), { { 1, 9, 7 }, { 4, 5, 8 } })
  t.contains(tostring(x), "cuda")
  t.equal(lunette.ones(1, CUDA):item(), 1)
  local image = lunette.randn(2, 3, 4, 4):channels_last()
  t.equal(image:to("cuda"):to("cpu"):permute(1, 3, 4, 2):is_dense(), true)
end)

case("a leaf moves in place", function()
  local x = lunette.randn(2, 2, { requires_grad = true })
  local before = x:totable()
  t.equal(x:move("cuda"):device(), "cuda")
  t.equal(x.requires_grad, true)
  t.equal(x:totable(), before)
  t.raises(function() (x * 2):move("cpu") end, "only a leaf")
end)

-- What a line of Lua says on a device that the environment describes, and how it ends.
local function says(environment, line)
  local pipe <close> = io.popen(("%s '%s' -e '%s' 2>&1; echo $?"):format(environment, arg[-1], line))
  local text, code = pipe:read "a":match "^(.-)(%d+)\n$"
  return text, tonumber(code)
end
local PLUS_ONE = 'print(table.unpack((lunette.tensor({1, 2}, {device = "cuda"}) + 1):totable()))'

case_of_emulated("why there is no device, in a sentence", function()
  for device, why in pairs { none = "the NVIDIA driver shows no GPU (is CUDA_VISIBLE_DEVICES set?)",
    old = "the NVIDIA driver is too old: it is for CUDA 11.8, this backend needs 12.8",
    ["7.5"] = "is of compute capability 7.5; 8.0 (A100) or newer is needed" } do
    local text, code = says("LUNETTE_CUDA_HOST_DEVICE=" .. device, PLUS_ONE)
    t.equal(code, 4, device)
    t.contains(text, why)
  end
end)

case_of_emulated("a call of CUDA's that refuses, one after the other: the program says so and ends", function()
  local calls, launches, answers = 0, 0, 0
  repeat
    calls = calls + 1
    local text, code = says("LUNETTE_CUDA_HOST_FAIL=" .. calls, PLUS_ONE)
    if code == 0 then
      answers = answers + 1
      t.equal(text, "2.0\t3.0\n")
    else
      t.equal(code, 4, calls .. ": " .. text)
      t.contains(text, "an error of the test (cudaErrorOfTheTest)")
      if text:find("add: kernel (binary<F, T, Y, V>), 1 x 1 x 1 blocks of 256 x 1 x 1 threads, 0 bytes of shared memory: ", 1, true) then
        launches = launches + 1
        t.contains(text, "; LUNETTE_CUDA_SYNC=1 tells whether an earlier kernel failed")
      end
    end
  until answers == 2 or calls == 100
  -- The first refusal of memory is answered by asking again; after the last call nothing fails.
  t.ok(calls > 15 and calls < 100 and launches == 1, ("%d calls, %d launches of the kernel"):format(calls, launches))
end)

case_of_emulated("a kernel that goes wrong is told where the host waits, and by name where it waits for every launch", function()
  local text, code = says("LUNETTE_CUDA_HOST_FAULT=1", PLUS_ONE)
  t.equal(code, 4)
  t.contains(text, "cuda: waiting for a copy: (binary<F, T, Y, V>): goes wrong, as the test wants it")
  text, code = says("LUNETTE_CUDA_HOST_FAULT=1 LUNETTE_CUDA_SYNC=1", PLUS_ONE)
  t.equal(code, 4)
  t.contains(text, "add: kernel (binary<F, T, Y, V>), 1 x 1 x 1 blocks of 256 x 1 x 1 threads")
  -- On a broken device nothing works any more.
  text, code = says("LUNETTE_CUDA_HOST_FAULT=1",
    'local x = lunette.ones(2, {device = "cuda"}) local y = x + 1 pcall(y.totable, y) print(pcall(lunette.zeros, 2, {device = "cuda"}))')
  t.equal(code, 0)
  t.match(text, "^false\t.*cuda: waiting for a copy: ")
end)

case("devices do not mix", function()
  t.raises(function() return lunette.ones(2, CUDA) + lunette.ones(2) end, "move one with :to(\"cuda\")")
end)

case("gradients on the device are those of the CPU", function()
  local function run(device)
    local x = lunette.randn(5, 4, { seed = 1 }):to(device)
    local w = lunette.randn(3, 4, { seed = 2 }):to(device)
    w.requires_grad = true
    local loss = lunette.ops.cross_entropy(lunette.ops.linear(x, w):relu(),
      lunette.tensor({ 1, 2, 3, 1, 2 }, { dtype = "i64", device = device }))
    loss:backward()
    t.equal(w.grad:device(), device)
    return loss, w.grad
  end
  local a, da = run "cpu"
  local b, db = run "cuda"
  near(a, b, 1e-5, "loss")
  near(da, db, 1e-5, "gradient")
end)

case("an activation that the CPU makes again for the gradient is kept on the device, and gives the same gradient", function()
  local function run(device)
    local x = lunette.randn(2, 4, 8, 8, { seed = 1 }):to(device)
    local w = lunette.randn(4, 4, 3, 3, { seed = 2 }):to(device)
    w.requires_grad = true
    local held = lunette.memory(device).live_bytes
    local y = lunette.ops.batch_norm_relu(lunette.ops.conv2d(x, w, { padding = 1 }))
    local z = lunette.ops.conv2d(y, w, { padding = 1 })
    y:free()
    held = lunette.memory(device).live_bytes - held
    z:backward(lunette.ones(z:shape(), { device = device }))
    return held, w.grad
  end
  local less, da = run "cpu"
  local more, db = run "cuda"
  t.ok(more - less >= 4 * 2 * 4 * 8 * 8 and more - less < 2 * 4 * 2 * 4 * 8 * 8, ("%d bytes kept, %d on the CPU"):format(more, less))
  near(da, db, 1e-4, "gradient")
end)

case("trace_nan finds the op on the device", function()
  local x = lunette.tensor({ 1, -1 }, CUDA)
  lunette.debug.trace_nan(true)
  local ok, message = pcall(function() return (x + 1):sqrt() - (x:sqrt()) end)
  lunette.debug.trace_nan(false)
  t.equal(ok, false)
  t.contains(message, "sqrt: output y (2) holds NaN")
end)

case("trace_nan finds one number among many, and many", function()
  for _, dtype in ipairs { "f32", "f64", "bf16" } do
    for _, at in ipairs { 1, 33, 300, 5000, 0 } do -- 0: all of them
      local x = lunette.ones(5000, { dtype = "f32" })
      if at > 0 then x[at] = 0 / 0 else x = x * (0 / 0) end
      x = x:to("cuda", dtype)
      lunette.debug.trace_nan(true)
      local ok, message = pcall(function() return x:clone() end)
      lunette.debug.trace_nan(false)
      t.equal(ok, false, dtype .. " " .. at)
      t.contains(message, "clone: output y (5000) holds NaN")
    end
  end
end)

case("trace_nan finds an infinity on the device, in every dtype, if asked", function()
  for _, dtype in ipairs { "f32", "f64", "bf16" } do
    local x = lunette.tensor({ 1, -1 / 0 }, { dtype = dtype, device = "cuda" })
    for _, infinities in ipairs { false, true } do
      lunette.debug.trace_nan(true, infinities)
      local ok, message = pcall(function() return x:clone() end)
      lunette.debug.trace_nan(false)
      t.equal(ok, not infinities, dtype)
      if infinities then t.contains(message, "clone: output y (2) holds NaN or infinity") end
    end
  end
end)

-- Two steps of SimCLR of the smallest network, with the same draws on both devices. far: images stay on the host.
local function train(device, precision, batch, far)
  local set = lunette.data.shapes { n = 2 * batch, size = 16, seed = 3 }
  local encoder = lunette.models.conv4 { width = 4, seed = 1, device = device, precision = precision }
  local method = lunette.ssl.simclr { encoder = encoder, projector = { 8, 4 }, temperature = 0.5, seed = 1 }
  if far then
    lunette.flush_memory(device)
    lunette.memory_limit(lunette.memory(device).live_bytes + set.images:numel() // 2, device)
  end
  local loader <close> = lunette.data.loader { dataset = set, batch = batch, seed = 1, device = device,
    augment = lunette.augment { preset = "symmetric", norm = { mean = { 0.5, 0.5, 0.5 }, std = { 0.25, 0.25, 0.25 } } } }
  local optimizer = lunette.optim.sgd { params = method:named_parameters(), lr = 0.05, momentum = 0.9, weight_decay = 5e-4 }
  if far then lunette.memory_limit(0, device) end
  t.equal(loader.images:device(), far and "cpu" or device)
  local losses = {}
  lunette.train { method = method, loader = loader, optimizer = optimizer, epochs = 1,
    on_step = function(row) losses[#losses + 1] = row.loss end }
  local state, buffers = method:state(), optimizer:state()
  return { losses = losses, state = state, buffers = buffers, method = method, optimizer = optimizer,
    features = require "lunette.models.features"(encoder, set.images, { batch = batch }), labels = set.labels }
end

local cpu, gpu

local function need_trained()
  if not gpu then cpu, gpu = train("cpu", "f32", 4), train("cuda", "f32", 4) end
end

local function same_losses(run)
  t.equal(#run.losses, 2)
  for i, loss in ipairs(cpu.losses) do
    t.ok(math.abs(loss - run.losses[i]) <= 1e-4 * math.abs(loss),
      ("loss %d: %.9g on the CPU, %.9g on the device"):format(i, loss, run.losses[i]))
  end
end

case("SimCLR trains on the device as on the CPU", function()
  need_trained()
  same_losses(gpu)
  for name, value in pairs(cpu.state) do
    t.equal(gpu.state[name]:device(), "cuda")
    near(value, gpu.state[name], 2e-3, name)
  end
  for name, value in pairs(cpu.buffers) do
    if name ~= "steps_taken" then t.equal(gpu.buffers[name]:device(), "cuda") end
    near(value, gpu.buffers[name], 2e-3, name)
  end
end)

case("training on views that are made on the host and travel ahead of their step", function()
  need_trained()
  same_losses(train("cuda", "f32", 4, true))
end)

case("what was sent arrives before it is touched, in whatever way", function()
  local x = lunette.ops.random_normal({ 3, 4 }, { seed = 1 })
  local function sent(of) return (of or x):send "cuda" end
  local function same(a, b) t.equal(a:to("cpu"):totable(), (b or x):totable()) end
  same(sent())
  same(sent() * 2, x * 2)
  same(sent():permute(2, 1) + 0, x:permute(2, 1))
  same(sent(x:permute(2, 1)), x:permute(2, 1))
  t.equal(sent():narrow(1, 2, 2):reshape(-1):totable(), x:narrow(1, 2, 2):reshape(-1):totable())
  local y = sent()
  y[{ 1, 1 }] = 7
  t.equal(y:to("cpu"):totable()[1], { 7, table.unpack(x:totable()[1], 2) })
  same(lunette.zeros({ 3, 4 }, CUDA):copy(sent()))
  same(sent(lunette.zeros(3, 4)):copy(x))
  lunette.ops.ema_update({ sent() }, { sent() }, { momentum = 0.5 })
  t.equal(sent()[{ 2, 3 }], x[{ 2, 3 }])
  t.equal(sent(lunette.tensor { 5 }):item(), 5)
  local list = { sent(lunette.zeros(3, 4)) }
  lunette.ops.ema_update(list, { sent() }, { momentum = 0 })
  same(list[1])
  t.equal(sent(lunette.tensor({ 1.5, 2 }, { dtype = "bf16" })):to("cpu"):totable(), { 1.5, 2 })
  local image = lunette.ops.random_normal({ 2, 3, 4, 5 }, { seed = 2 }):channels_last()
  same(sent(image), image)
  t.equal(sent(lunette.zeros(0)):numel(), 0)
  for _ = 1, 20 do sent() end -- freed before they arrive
  t.equal(lunette.ones(2, CUDA):send("cpu"):totable(), { 1, 1 })
end)

case("the same run on the device gives the same bits", function()
  need_trained()
  local again = train("cuda", "f32", 4)
  t.equal(again.losses, gpu.losses)
  for name, value in pairs(gpu.state) do t.ok(value:tobytes() == again.state[name]:tobytes(), name) end
end)

-- Weights after two epochs of two steps, as one text of bytes.
local function weights_after(program, graphs)
  local script = [[
    lunette.device_step(lunette.ones, 2, {device = "cuda"}) -- the device comes up inside a step
    local set = lunette.data.shapes{n = 8, size = 16, seed = 3}
    local encoder = lunette.models.conv4{width = 4, seed = 1, device = "cuda"}
    local method = lunette.ssl.byol{encoder = encoder, projector = {8, 4}, predictor = 8, seed = 1}
    local loader <close> = lunette.data.loader{dataset = set, batch = 4, seed = 1, device = "cuda",
      augment = lunette.augment{preset = "symmetric"}}
    local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05}
    lunette.train{method = method, loader = loader, optimizer = optimizer, epochs = 2}
    local g = lunette.device_graphs "cuda"
    print(g.steps, g.launched, g.made, g.updated, g.pieces, g.reason)
    for _, p in ipairs(method:named_parameters()) do
      print(p.name, (p.tensor:tobytes():gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
    end]]
  local pipe <close> = io.popen(("LUNETTE_CUDA_GRAPH=%s '%s' -e '%s'"):format(graphs, program, script))
  return pipe:read "l", pipe:read "a"
end

case("steps that are submitted as graphs give the same bits as launches one by one", function()
  local program = arg[-1]
  local with, weights = weights_after(program, "1")
  local without, same = weights_after(program, "0")
  t.ok(#weights > 1000 and weights == same, "weights differ")
  local launched, made, updated, pieces = with:match "^4\t(%d+)\t(%d+)\t(%d+)\t(%d+)\ta [cg]"
  t.ok(tonumber(pieces) >= 2, with) -- the first step is launched one by one, the second makes what two more update
  t.equal({tonumber(launched), tonumber(made), tonumber(updated)}, {3 * pieces, pieces + 0, 2 * pieces})
  t.equal(without, "4\t0\t0\t0\t0\tLUNETTE_CUDA_GRAPH is 0")
end)

case("what a step launches runs at its end, or when its results are read", function()
  local function twice(x) return lunette.device_step(function() return x * 2, x + 1 end) end
  for k = 1, 4 do
    local x = lunette.tensor({ k, 2 * k }, CUDA)
    local a, b = twice(x)
    t.equal(a:totable(), { 2 * k, 4 * k })
    t.equal(b:totable(), { k + 1, 2 * k + 1 })
  end
  t.equal(lunette.device_step(function() return (lunette.ones(3, CUDA) + 1):sum():item() end), 6)
  local x = lunette.ones(2, CUDA)
  t.raises(function()
    lunette.device_step(function()
      x = x * 3
      error "in the middle"
    end)
  end, "in the middle")
  t.equal(x:totable(), { 3, 3 })
end)

case("a checkpoint of the device loads on the CPU and back", function()
  need_trained()
  local path = os.tmpname()
  lunette.weights.save(path, gpu.state)
  local loaded = lunette.weights.load(path)
  os.remove(path)
  cpu.method:load_state(loaded)
  for name, value in pairs(gpu.state) do t.ok(value:tobytes() == cpu.method:state()[name]:tobytes(), name) end
  gpu.method:load_state(loaded)
  gpu.optimizer:load_state(cpu.optimizer:state(), 2)
end)

case("representations of the device are measured there", function()
  need_trained()
  t.equal(gpu.features:device(), "cuda")
  local h = lunette.randn(24, 6, { seed = 4 }):abs()
  local there = h:to("cuda")
  local q, r = lunette.qscore.score(h, { epsilon = 1 }), lunette.qscore.score(there, { epsilon = 1 })
  t.equal(r:device(), "cuda")
  near(q, r, 1e-5, "Q-Score")
end)

-- Two steps of a method.
local function steps(name, device)
  local set = lunette.data.shapes { n = 8, size = 16, seed = 3 }
  local given = { encoder = lunette.models.conv4 { width = 4, seed = 1, device = device }, seed = 1 }
  for _, row in ipairs(lunette.ssl.methods) do
    if row.name == name then
      if row.settings.projector and name ~= "dino" then given.projector = { 8, 4 } end
      if row.settings.queue then given.queue = 16 end
      if row.settings.prototypes then given.prototypes = 6 end
    end
  end
  local method = lunette.ssl[name](given)
  local loader <close> = lunette.data.loader { dataset = set, batch = 4, seed = 1, device = device, views = 2,
    augment = lunette.augment { preset = "symmetric" } }
  lunette.train { method = method, loader = loader, epochs = 1,
    optimizer = lunette.optim.sgd { params = method:named_parameters(), lr = 0.05, momentum = 0.9 } }
  return method:state()
end

for _, row in ipairs(lunette.ssl.methods) do
  case(row.name .. " takes the same steps on the device", function()
    local a, b = steps(row.name, "cpu"), steps(row.name, "cuda")
    for name, value in pairs(a) do near(value, b[name], 5e-3, name) end
  end)
end

case("a recipe runs on the device, and its results are the CPU's", function()
  local folder = t.folder()
  t.write(folder .. "/recipe.lua", [[return { format = 1, name = "device", seed = 1,
    data = { shapes = { kind = "shapes", n_train = 16, n_test = 8, size = 16, classes = 2 } },
    model = { backbone = "conv4", width = 4, projector = { 8, 4 }, precision = "f32" },
    stages = {
      { name = "pretrain", task = "simclr", data = "shapes:train", epochs = 1, batch = 8, monitor = false,
        optim = { kind = "sgd", lr = 0.06 }, augment = "symmetric" },
      { name = "probe", task = "linear_probe", from = "pretrain", data = "shapes:train", test = "shapes:test", resamples = 10,
        iterations = 5 },
    } }]])
  local results = {}
  for _, device in ipairs { "cpu", "cuda" } do
    local command = ("'%s' run '%s/recipe.lua' --set device=%s --out '%s/%s' --progress none 2>&1"):format(arg[-1], folder, device,
      folder, device)
    local pipe = io.popen(command)
    local said = pipe:read "a"
    if not pipe:close() then error(said, 0) end
    results[device] = require "lunette.json".decode(t.read(folder .. "/" .. device .. "/results.json"))
  end
  local provenance = require "lunette.json".decode(t.read(folder .. "/cuda/provenance.json"))
  t.equal(provenance.device.device, "cuda")
  t.contains(provenance.device.gpu, emulated and "emulated on the host, for tests" or "compute capability")
  t.equal(provenance.determinism, "strict")
  t.ok(math.abs(results.cpu.pretrain.loss - results.cuda.pretrain.loss) < 1e-4, "loss")
  t.equal(results.cuda.probe.top1, results.cpu.probe.top1)
end)

case("a data set that leaves no room on the device stays on the host, and its batches come all the same", function()
  local set = lunette.data.shapes{n = 2000, size = 32, seed = 3}
  local bytes = 2000 * 3 * 32 * 32
  local function batches(limit, ahead)
    collectgarbage()
    lunette.flush_memory "cuda"
    local before = lunette.memory("cuda").live_bytes
    lunette.memory_limit(limit and before + limit or 0, "cuda")
    local loader <close> = lunette.data.loader{dataset = set, batch = 16, seed = 1, size = 16, device = "cuda",
      augment = lunette.augment{preset = "symmetric"}}
    local seen, n = {}, 0
    for batch in loader:epoch(1) do
      for _, name in ipairs{"labels", "ids"} do
        t.equal(batch[name]:device(), "cuda")
        seen[#seen + 1] = batch[name]:tobytes()
      end
      for _, view in ipairs(batch.views) do
        t.equal(view:device(), "cuda")
        seen[#seen + 1] = lunette.keep(view:to "cpu")
      end
      n = n + 1
      t.equal(batch.index, n)
      if n == 3 then break end
      if ahead then
        lunette.scope(loader.ahead, loader)
        loader:ahead()
        t.equal(loader.coming ~= nil, limit ~= nil)
      end
    end
    lunette.memory_limit(0, "cuda")
    return seen, loader.images:device()
  end
  local far, where = batches(bytes + bytes // 2)
  t.equal(where, "cpu")
  local none
  none, where = batches(bytes // 2, true)
  t.equal(where, "cpu")
  local there
  there, where = batches(nil, true)
  t.equal(where, "cuda")
  t.equal(#there, 12)
  for i, it in ipairs(there) do
    if type(it) == "string" then
      t.ok(it == far[i] and it == none[i], i)
    else -- the CPU sums pixels in another order
      t.ok(far[i]:tobytes() == none[i]:tobytes(), i)
      t.ok((it - far[i]):abs():reshape(-1):max(1):item() < 1e-4, i)
    end
  end
end)

case("memory of the device is counted and comes back", function()
  collectgarbage()
  lunette.flush_memory("cuda")
  local before = lunette.memory("cuda").live_bytes
  local x = lunette.zeros(1000, CUDA)
  t.equal(lunette.memory("cuda").live_bytes, before + 4000)
  x:free()
  t.equal(lunette.memory("cuda").live_bytes, before)
  t.ok(lunette.memory("cuda").cached_bytes > 0, "freed bytes are kept for reuse")
  lunette.memory_limit(before + 100, "cuda")
  local ok, message = pcall(lunette.zeros, 1000, CUDA)
  lunette.memory_limit(0, "cuda")
  t.equal(ok, false)
  t.contains(message, "out of memory on cuda: 4000 bytes wanted")
end)

t.finish()
