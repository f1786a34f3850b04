-- losses.lua [NAME...]: each self-supervised loss forward and backward in f32 at a batch of 256, beside the same in PyTorch where
-- LUNETTE_PYTHON (python3 by default) has it: peers/losses.py. Prints one line of JSON per loss; see README.md beside it.
local lunette = require "lunette"
local json = require "lunette.json"
local sys = require "lunette.sys"
local support = dofile((arg[0]:match "^(.*)/[^/]*$" or ".") .. "/bench_support.lua")
local loss = lunette.loss

local N = 256
local function leaf(n, d, seed)
  local x = lunette.randn(n, d, {seed = seed})
  x.requires_grad = true
  return x
end
local function fixed(n, d, seed) return lunette.randn(n, d, {seed = seed}) end

-- name, sizes as peers/losses.py has them too, inputs, what is timed (sinkhorn has no backward), leaves whose gradients are freed.
local cases = {
  {"simclr", {d = 128}, function(s) return {leaf(N, s.d, 1), leaf(N, s.d, 2)} end, loss.simclr},
  {"byol", {d = 128}, function(s) return {leaf(N, s.d, 1), fixed(N, s.d, 2)} end, loss.byol},
  {"simsiam", {d = 128}, function(s) return {leaf(N, s.d, 1), fixed(N, s.d, 2)} end, loss.simsiam},
  {"moco", {d = 128, k = 65536},
    function(s) return {leaf(N, s.d, 1), fixed(N, s.d, 2), (fixed(s.k, s.d, 3):normalize())} end, loss.moco},
  {"mocov3", {d = 128}, function(s) return {leaf(N, s.d, 1), fixed(N, s.d, 2)} end, loss.mocov3},
  {"sinkhorn", {k = 3000}, function(s) return {fixed(N, s.k, 1) * 0.1} end, loss.sinkhorn},
  {"swav", {k = 3000}, function(s) return {leaf(N, s.k, 1), loss.sinkhorn(fixed(N, s.k, 2) * 0.1)} end, loss.swav},
  {"dino", {k = 4096}, function(s) return {leaf(N, s.k, 1), fixed(N, s.k, 2), fixed(1, s.k, 3):reshape(-1)} end, loss.dino},
  {"vicreg", {d = 2048}, function(s) return {leaf(N, s.d, 1), leaf(N, s.d, 2)} end, loss.vicreg},
  {"barlow", {d = 2048}, function(s) return {leaf(N, s.d, 1), leaf(N, s.d, 2)} end, loss.barlow},
}

local function once(run, inputs)
  lunette.scope(function()
    local y = run(table.unpack(inputs))
    if y.requires_grad then y:backward() end
  end)
  for _, x in ipairs(inputs) do x.grad = nil end
end

-- Seconds per call: median of 9 rounds of about 0.1 s after one that warms up, and the distance between the quartiles.
local function measure(run, inputs)
  local times, count = {}, 1
  for round = 0, 9 do
    local start = sys.monotonic()
    for _ = 1, count do once(run, inputs) end
    local took = (sys.monotonic() - start) / count
    if round == 0 then
      count = math.max(1, math.ceil(0.1 / took))
    else
      times[round] = took
    end
  end
  times[0] = nil
  return support.median(times)
end

local wanted = {}
for _, name in ipairs(arg) do wanted[name] = true end
for _, case in ipairs(cases) do
  local name, sizes, make, run = table.unpack(case)
  if #arg == 0 or wanted[name] then
    local value, spread = measure(run, make(sizes))
    local row = {bench = "losses", case = name, n = N, d = sizes.d, k = sizes.k, unit = "ms", better = "lower", value = value * 1e3,
      spread = spread * 1e3, threads = lunette.threads()}
    local lines = support.peer("losses", name, N, sizes.d or 0, sizes.k or 0)
    local seconds = lines and tonumber(lines[1])
    if seconds then row.peer, row.peer_value, row.ratio = support.torch(), seconds * 1e3, seconds / value end
    print(json.encode(row))
  end
end
