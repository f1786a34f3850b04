-- tasks/heatmaps.lua: where in chosen images their most active features look, as pictures.
local explain = require "lunette.explain"
local lunette = require "lunette"
local measure = require "lunette.tasks.measure"
local pictures = require "lunette.tasks.pictures"
local qscore = require "lunette.qscore"
local setup = require "lunette.tasks.setup"

local task = {}

local ROWS = 16 -- images on one sheet

-- Positions of the images to show.
local function select(stage, env, q, n)
  local order, most = {}, math.min(stage.images, n)
  if stage.select == "random" then
    return lunette.ops.permutation(n, { seed = env.seed, stream = "heatmaps" }):narrow(1, 1, most):totable()
  elseif stage.select == "misclassified" then
    if not stage.probe then env.fail("error", "%s: select = \"misclassified\" needs `probe`", stage.name) end
    local correct, confidence = measure.probed(env, stage.probe, stage.data)
    local flags, sure = correct:totable(), confidence:totable()
    for i = 1, n do
      if not flags[i] then order[#order + 1] = i end
    end
    table.sort(order, function(a, b) return sure[a] > sure[b] or (sure[a] == sure[b] and a < b) end)
  else
    local score = q:totable()
    for i = 1, n do order[i] = i end
    if stage.select ~= "first" then
      local sign = stage.select == "worst_qscore" and 1 or -1
      table.sort(order, function(a, b)
        if score[a] ~= score[b] then return sign * score[a] < sign * score[b] end
        return a < b
      end)
    end
  end
  local chosen = {}
  for i = 1, math.min(most, #order) do chosen[i] = order[i] end
  return chosen
end

local function row_of(set, norm, encoder, stage, i, units, score)
  local picture = set.images:narrow(1, i, i)
  local s = picture:shape()
  local row = { image = picture:reshape(s[2], s[3], s[4]), maps = {}, captions = { ("%d q%.2f"):format(i, score) } }
  if #units == 0 then return row end
  local maps = explain.heatmap(encoder, row.image, { features = units, method = stage.method, norm = norm })
  for k, j in ipairs(units) do
    row.maps[k] = maps:narrow(1, k, k):reshape(s[3], s[4])
    row.captions[k + 1] = "f" .. j
  end
  return row
end

function task.run(stage, env)
  local h, set = setup.features_of(env, stage.from, stage.data)
  local norm, encoder = setup.norm(env, stage.data), setup.encoder(env, stage.from)
  return lunette.scope(function()
    local band = { epsilon = stage.epsilon, low = stage.low, high = stage.high, over = stage.over }
    local features = qscore.discriminative(h, band)
    local q = qscore.score(h, { epsilon = stage.epsilon, features = features })
    local score = q:totable()
    local chosen = select(stage, env, q, h:shape()[1])
    if #chosen == 0 then env.fail("error", "%s: no image to show with select = \"%s\"", stage.name, stage.select) end
    local index = lunette.tensor(chosen, { dtype = "i64", device = h:device() })
    local strongest = measure.strongest(lunette.ops.index_select(h, 1, index), features, stage.epsilon, stage.features)
    -- A sheet is as wide as it has maps: stage.features may be far more than any image has.
    local figures, without, widest = {}, 0, 0
    for _, units in ipairs(strongest) do widest = math.max(widest, #units) end
    for first = 1, #chosen, ROWS do
      measure.poll(env)
      lunette.scope(function()
        local rows, last = {}, math.min(first + ROWS - 1, #chosen)
        for k = first, last do
          if #strongest[k] == 0 then without = without + 1 end
          rows[#rows + 1] = row_of(set, norm, encoder, stage, chosen[k], strongest[k], score[chosen[k]])
        end
        local file = ("%s-%d.png"):format(stage.name, #figures + 1)
        pictures.sheet(env, file, rows, { columns = widest + 1, alpha = stage.overlay })
        figures[#figures + 1] = { file = file, caption = ("%s: images %d to %d of %d, each with the maps (%s) of its highly "
          .. "active discriminative features"):format(stage.select:gsub("_", " "), first, last, #chosen, stage.method) }
      end)
    end
    return { images = #chosen, features = stage.features, method = stage.method, without_features = without, figures = figures }
  end)
end

return task
