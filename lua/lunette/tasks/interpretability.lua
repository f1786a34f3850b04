-- tasks/interpretability.lua: heatmaps of each image's highly active discriminative features, scored against core and
-- spurious masks. An image's figure is the mean over its features; images without such a feature are counted apart.
local explain = require "lunette.explain"
local lunette = require "lunette"
local measure = require "lunette.tasks.measure"
local pictures = require "lunette.tasks.pictures"
local qscore = require "lunette.qscore"
local setup = require "lunette.tasks.setup"

local task = {}

local FIGURES = { "miou_core", "miou_spurious", "pointing", "energy" }
local SHOWN, SHOWN_FEATURES = 12, 3 -- images on the sheet, maps of each

local function mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return #list > 0 and sum / #list or nil
end

-- Positions padded to `most` by repeating the first: maps are made in batches, the repeats are not read.
local function padded(units, most)
  local list = {}
  for k = 1, most do list[k] = units[k] or units[1] end
  return list
end

-- thresholds[1] is the stage's own. Adds rows {miou_core = {per threshold}, miou_spurious = {...}, pointing, energy} by
-- image position.
local function score_batch(into, data, encoder, stage, positions, units, thresholds)
  local index = lunette.tensor(positions, { dtype = "i64" })
  local most, lists = 0, {}
  for _, list in ipairs(units) do most = math.max(most, #list) end
  for i, list in ipairs(units) do lists[i] = padded(list, most) end
  local images = lunette.ops.index_select(data.set.images, 1, index)
  local core = lunette.ops.index_select(data.set.masks.core, 1, index)
  local spurious = lunette.ops.index_select(data.set.masks.spurious, 1, index)
  local maps = explain.heatmap(encoder, images, { per_image = lists, method = stage.method, norm = data.norm })
  local n, _, h, w = table.unpack(maps:shape())
  local sums = {}
  for k = 1, most do
    local map = maps:narrow(2, k, k):reshape(n, h, w)
    local iou, pointing, energy = explain.scores(map, core, { thresholds = thresholds })
    local other = explain.scores(map, spurious, { thresholds = thresholds })
    sums[k] = { iou:totable(), other:totable(), pointing:totable(), energy:totable() }
  end
  for i, position in ipairs(positions) do
    local row = { miou_core = {}, miou_spurious = {} }
    local function over(read)
      local list = {}
      for k = 1, #units[i] do list[k] = read(sums[k]) end
      return mean(list)
    end
    for t = 1, #thresholds do
      row.miou_core[t] = over(function(s) return s[1][i][t] end)
      row.miou_spurious[t] = over(function(s) return s[2][i][t] end)
    end
    row.pointing, row.energy = over(function(s) return s[3][i] end), over(function(s) return s[4][i] end)
    into[position] = row
  end
end

-- One encoder on the first n images -> rows by image position (nil: no feature), and each image's features.
local function measured(stage, env, from, data, n, thresholds)
  local encoder = setup.encoder(env, from)
  local all = setup.features_of(env, from, stage.data, stage.batch)
  local rows = {}
  local units = lunette.scope(function()
    local features = qscore.discriminative(all, { epsilon = stage.epsilon, low = stage.low, high = stage.high, over = stage.over })
    return measure.strongest(all:narrow(1, 1, n), features, stage.epsilon, stage.features)
  end)
  local positions, lists = {}, {}
  local function flush()
    if #positions == 0 then return end
    measure.poll(env)
    lunette.scope(score_batch, rows, data, encoder, stage, positions, lists, thresholds)
    positions, lists = {}, {}
  end
  for i = 1, n do
    if #units[i] > 0 then positions[#positions + 1], lists[#lists + 1] = i, units[i] end
    if #positions == math.min(stage.batch, 64) then flush() end
  end
  flush()
  return { rows = rows, units = units, encoder = encoder }
end

-- The figures over the images that `wanted(i)` lets through.
local function figures_of(env, stage, found, n, wanted)
  local lists, out = {}, { threshold = stage.threshold }
  for _, name in ipairs(FIGURES) do lists[name] = {} end
  for i = 1, n do
    local row = found.rows[i]
    if row and (not wanted or wanted(i)) then
      for _, name in ipairs(FIGURES) do
        table.insert(lists[name], type(row[name]) == "table" and row[name][1] or row[name])
      end
    end
  end
  out.n = #lists.energy
  for _, name in ipairs(FIGURES) do measure.mean(env, out, name, lists[name], stage.resamples) end
  return out
end

-- The second encoder minus the first on the images that both have figures of.
local function difference(env, stage, a, b, n)
  local lists, out = {}, { threshold = stage.threshold }
  for _, name in ipairs(FIGURES) do lists[name] = {} end
  for i = 1, n do
    local x, y = a.rows[i], b.rows[i]
    if x and y then
      for _, name in ipairs(FIGURES) do
        local u, v = x[name], y[name]
        table.insert(lists[name], type(u) == "table" and v[1] - u[1] or v - u)
      end
    end
  end
  out.n = #lists.energy
  for _, name in ipairs(FIGURES) do measure.mean(env, out, name, lists[name], stage.resamples) end
  return out
end

local function sweep_of(found, n, thresholds)
  local rows = {}
  for t, threshold in ipairs(thresholds) do
    local core, spurious = {}, {}
    for i = 1, n do
      local row = found.rows[i]
      if row then
        core[#core + 1], spurious[#spurious + 1] = row.miou_core[t], row.miou_spurious[t]
      end
    end
    rows[t] = { threshold = threshold, miou_core = mean(core), miou_spurious = mean(spurious) }
  end
  table.sort(rows, function(a, b) return a.threshold < b.threshold end)
  return rows
end

local function thresholds_of(stage)
  local list, seen = { stage.threshold }, { [stage.threshold] = true }
  for _, v in ipairs(stage.sweep) do
    if not seen[v] then list[#list + 1] = v end
    seen[v] = true
  end
  return list
end

-- A sheet of the first images with figures: the image, then maps of the first encoder, then of the second.
local function draw(env, stage, data, n, found, other)
  local rows = {}
  local function add(row, from, label, i)
    local list = {}
    for k = 1, math.min(SHOWN_FEATURES, #from.units[i]) do list[k] = from.units[i][k] end
    local s = row.image:shape()
    if #list > 0 then
      local maps = explain.heatmap(from.encoder, row.image, { features = list, method = stage.method, norm = data.norm })
      for k, j in ipairs(list) do
        row.maps[row.at + k] = maps:narrow(1, k, k):reshape(s[2], s[3])
        row.captions[row.at + k + 1] = label .. j
      end
    end
    row.at = row.at + SHOWN_FEATURES
  end
  lunette.scope(function()
    for i = 1, n do
      if #rows == SHOWN then break end
      if found.rows[i] then
        local picture = data.set.images:narrow(1, i, i)
        local s = picture:shape()
        local row = { image = picture:reshape(s[2], s[3], s[4]), maps = {}, captions = { tostring(i) }, at = 0 }
        add(row, found, "f", i)
        if other then add(row, other, "* f", i) end
        rows[#rows + 1] = row
      end
    end
    if #rows == 0 then return end
    pictures.sheet(env, stage.name .. ".png", rows, { columns = 1 + (other and 2 or 1) * SHOWN_FEATURES })
  end)
  if #rows == 0 then return nil end
  local second = other and (", then those of %s (marked *)"):format(stage.against) or ""
  return { { file = stage.name .. ".png", caption = ("Each image and the maps (%s) of its most active discriminative features "
    .. "by %s%s"):format(stage.method, stage.from, second) } }
end

function task.run(stage, env)
  local set = setup.dataset(env, stage.data)
  if not (set.masks and set.masks.core and set.masks.spurious) then
    env.fail("error", "%s: the data set %s has no core and spurious masks", stage.name, stage.data)
  end
  local data = { set = set, norm = setup.norm(env, stage.data) }
  local n = math.min(stage.images or set.n, set.n)
  local thresholds = thresholds_of(stage)
  local found = measured(stage, env, stage.from, data, n, thresholds)
  local results = figures_of(env, stage, found, n)
  results.images, results.method, results.epsilon = n, stage.method, stage.epsilon
  results.empty_share = (n - results.n) / n
  results.sweep = sweep_of(found, n, thresholds)
  if stage.probe then
    local flags = lunette.scope(function() return (measure.probed(env, stage.probe, stage.data, stage.batch)):totable() end)
    results.correct = figures_of(env, stage, found, n, function(i) return flags[i] end)
    results.wrong = figures_of(env, stage, found, n, function(i) return not flags[i] end)
  end
  local other
  if stage.against then
    other = measured(stage, env, stage.against, data, n, thresholds)
    results.against = figures_of(env, stage, other, n)
    results.against.empty_share = (n - results.against.n) / n
    results.difference = difference(env, stage, found, other, n)
  end
  results.figures = draw(env, stage, data, n, found, other)
  if results.n == 0 then
    env.log("%s: no image has a highly active discriminative feature at epsilon = %g; lower epsilon", stage.name, stage.epsilon)
  end
  return results
end

return task
