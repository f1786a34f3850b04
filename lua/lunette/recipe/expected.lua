--- What a bundle expects of a run: the bits of its metrics, results and weights, which hold for the same build and device, and
--- elsewhere a tolerance for each figure.
--
-- A tolerance is by "interval", the width of the figure's own confidence interval; by "setting", 0, where the value does not
-- hang on the weights; or by "default": 0.1 of shares, a tenth of a loss, a fifth of anything else. Figures that are counts,
-- and those inside tables without an interval of their own, are compared as bits alone: there are too few images behind them.

local machine = require "lunette.recipe.machine"
local differences = require "lunette.recipe.differences"
local json = require "lunette.json"
local sys = require "lunette.sys"
local sorted_keys = require "lunette.sorted_keys"

local expected = {}

local SETTINGS = { parameters = true, epochs = true, epsilon = true, threshold = true, k = true, r = true, images = true }
local BITS_ALONE = { n = true, iterations = true, seconds = true, features = true }

expected.floor = 0.01 -- no interval is believed to be narrower

-- The bounds of the interval around a figure, or around the figure that `key` is a bound of.
local function bounds(record, key)
  local stem = key:match("^(.*)ci_low$") or key:match("^(.*)ci_high$") or (key == "top1" and "") or key .. "_"
  local low, high = record[stem .. "ci_low"], record[stem .. "ci_high"]
  if math.type(low) and math.type(high) then return low, high end
end

local function tolerance(record, key, value, nested)
  local low, high = bounds(record, key)
  if low then return math.max(high - low, expected.floor), "interval" end
  if nested then return nil end
  if SETTINGS[key] then return 0, "setting" end
  if BITS_ALONE[key] then return nil end
  if key == "loss" or key:find("_loss$") then return math.abs(value) / 10, "default" end
  if math.abs(value) <= 1 then return 0.1, "default" end
  return math.abs(value) / 5, "default"
end

local function walk(record, path, nested, visit)
  local keys = {}
  for key in pairs(record) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value, here = record[key], differences.path(path, key)
    if type(value) == "table" then
      walk(value, here, true, visit)
    elseif math.type(value) and type(key) == "string" then
      visit(here, value, record, key, nested)
    end
  end
end

-- NaN is null in JSON, and a bundle has no null.
local function plain(value)
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do
    if item ~= json.null then copy[key] = plain(item) end
  end
  return copy
end

--- results(of results.json) -> the same without the times.
function expected.results(results)
  local copy = plain(results)
  for _, stage in pairs(copy) do
    if type(stage) == "table" then stage.seconds = nil end
  end
  return copy
end

-- {path -> number}, for each figure.
local function figures(results)
  local map = {}
  for name, stage in pairs(results) do
    if type(stage) == "table" then walk(stage, differences.path("", name), false, function(path, value) map[path] = value end) end
  end
  return map
end

--- of{results, metrics = text of metrics.jsonl, weights = {stage -> {file -> SHA-256}}} -> what expected.json holds
function expected.of(run)
  local results, within = expected.results(run.results), {}
  for name, stage in pairs(results) do
    walk(stage, differences.path("", name), false, function(path, value, record, key, nested)
      local size, by = tolerance(record, key, value, nested)
      if size then within[path] = { tolerance = size, by = by } end
    end)
  end
  local _, lines = run.metrics:gsub("\n", "")
  return { results = results, within = within, metrics_sha256 = sys.sha256(run.metrics), metrics_lines = lines, weights = run.weights }
end

-- ---- comparing ----

-- Of a text of many lines, those that the other one has not.
local function without_common(text, other)
  local seen, left = {}, {}
  for line in other:gmatch("[^\n]+") do seen[line] = true end
  for line in text:gmatch("[^\n]+") do
    if not seen[line] then left[#left + 1] = line end
  end
  return table.concat(left, "; ")
end

--- apart(lock, provenance) -> texts of what is another program or machine than the bundle's
function expected.apart(lock, provenance)
  local list = {}
  for _, part in ipairs { "program", "device" } do
    local here = type(provenance[part]) == "table" and provenance[part] or {}
    for _, key in ipairs(machine[part]) do
      local a, b = lock[part][key], here[key]
      if a ~= b and type(a) == "string" and type(b) == "string" then a, b = without_common(a, b), without_common(b, a) end
      a, b = differences.show(a), differences.show(b)
      if a ~= b then list[#list + 1] = ("%s.%s: the bundle's run had %s, this run has %s"):format(part, key, a, b) end
    end
  end
  return list
end

-- Where the bits of two runs differ: texts {what, bundle's, this run's}.
local function bits(e, run)
  local list = {}
  if sys.sha256(run.metrics) ~= e.metrics_sha256 then
    local _, lines = run.metrics:gsub("\n", "")
    list[#list + 1] = { "metrics.jsonl", ("SHA-256 %s, %d lines"):format(e.metrics_sha256, e.metrics_lines),
      ("SHA-256 %s, %d lines"):format(sys.sha256(run.metrics), lines) }
  end
  for _, d in ipairs(differences.of(e.results, expected.results(run.results))) do
    list[#list + 1] = { "results of " .. d.path, differences.show(d.a), differences.show(d.b) }
  end
  for _, d in ipairs(differences.of(e.weights, run.weights)) do
    list[#list + 1] = { "SHA-256 of the weights of " .. d.path, differences.show(d.a), differences.show(d.b) }
  end
  return list
end

local function within(e, run, found)
  local before, now = figures(e.results), figures(expected.results(run.results))
  local compared = 0
  for _, path in ipairs(sorted_keys(e.within)) do
    local rule, a, b = e.within[path], before[path], now[path]
    local what = ("expected: %s within %.3g (%s)"):format(path, rule.tolerance, rule.by)
    if a and b and math.abs(a - b) <= rule.tolerance then
      found:ok("%s: %s, here %s", what, differences.show(a), differences.show(b))
    else
      found:differs(what, differences.show(a), differences.show(b))
    end
    compared = compared + 1
  end
  return compared
end

--- compare(found, b, run): a run of a bundle, {results, metrics, weights, provenance}, against what the bundle expects; into
--- the findings of lunette.recipe.verify.
function expected.compare(found, b, run)
  local e, lock = b.expected, b.lock
  local differ = bits(e, run)
  local others = expected.apart(lock, run.provenance)
  for _, text in ipairs(others) do found:note("%s", text) end
  if #differ == 0 then
    return found:ok("expected: metrics, results and weights are bit-equal to those of the bundle")
  end
  local why = lock.determinism == "fast" and 'determinism = "fast"'
    or #others > 0 and "another program or device"
    -- One commit stands for many sources then.
    or lock.program.dirty and "a program built from changed sources, which its commit does not tell"
  if not why then
    for _, d in ipairs(differ) do found:differs("expected: " .. d[1], d[2], d[3]) end
    return found:note("program, device and threads are those of the bundle: bit-equal numbers were promised")
  end
  found:note("not bit-equal to the bundle (%d differences, first: %s), which %s may explain; figures are held to their tolerances",
    #differ, differ[1][1], why)
  if within(e, run, found) == 0 then found:note("the bundle states no figure with a tolerance") end
end

return expected
