-- augment.lua [THREADS]: SimCLR views of 32x32 images (crop, jitter, gray, flip, normalisation; then with blur p = 0.5), and
-- scenes of the embedded data set. Images per second of processor time and thread, medians of nine repetitions.
local lunette = require "lunette"

local threads = math.tointeger(tonumber(arg[1] or 1))
lunette.threads(threads)

local function measure(name, count, fn)
  local times = {}
  for round = 0, 9 do
    local start = os.clock()
    lunette.scope(fn, round)
    times[round] = os.clock() - start -- round 0 warms up
  end
  table.sort(times)
  local function rate(k) return count / times[k] end
  print(('{"bench": "augment", "case": "%s", "unit": "images/s of one core", "value": %.0f, "spread": %.0f, "threads": %d, '
    .. '"better": "higher"}'):format(name, rate(5), rate(3) - rate(7), threads))
end

local images = lunette.data.shapes{n = 1000}.images
local ids = lunette.arange(1, 1000, {dtype = "i64"})
local norm = {mean = {0.5, 0.5, 0.5}, std = {0.25, 0.25, 0.25}}
for _, blur in ipairs{0, 0.5} do
  local policy = lunette.augment{crop = {0.2, 1}, jitter = {0.4, 0.4, 0.4, 0.1}, gray = 0.2, blur = blur, norm = norm}
  measure(blur == 0 and "32x32" or "32x32, blur", 1000, function(round) policy:apply(images, ids, {epoch = round}) end)
end
measure("shapes 32x32", 1000, function() lunette.ops.shapes(1000) end)
