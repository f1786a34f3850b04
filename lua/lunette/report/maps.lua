--- Heatmaps as pictures, and their agreement with the masks.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local plot = require "lunette.plot"

local maps = {}

local node = html.node

local types = { png = "image/png", svg = "image/svg+xml" }

-- A figure file as a data URI; an SVG goes in as an image too, where nothing inside it can run or fetch.
local function picture(r, file, caption)
  local kind = types[tostring(file):lower():match("%.(%w+)$") or ""]
  if not kind then return nil, "only PNG and SVG files can be shown" end
  local bytes = r:figure(file)
  if not bytes then return nil, "not in figures/" end
  if kind == "image/png" and bytes:sub(1, 8) ~= "\137PNG\r\n\26\n" then return nil, "not a PNG file" end
  return node("figure", { class = "picture" },
    node("img", { src = "data:" .. kind .. ";base64," .. html.base64(bytes), alt = caption or file }),
    caption and node("figcaption", nil, caption))
end

local function default_caption(stage)
  local result, parts = stage.result or {}, {}
  if numbers.count(result.images) then parts[#parts + 1] = numbers.count(result.images) .. " images" end
  if numbers.count(result.features) then parts[#parts + 1] = numbers.count(result.features) .. " features each" end
  if type(result.method) == "string" then parts[#parts + 1] = result.method end
  return #parts > 0 and table.concat(parts, ", ") or nil
end

-- Pictures of one stage, and sentences about those that cannot be shown.
local function pictures(r, stage)
  local out, result = {}, stage.result or {}
  if type(result.figures) == "table" then
    for _, item in ipairs(result.figures) do
      if type(item) ~= "table" then item = { file = item } end
      local caption = type(item.caption) == "string" and item.caption or default_caption(stage)
      local shown, why = picture(r, item.file, caption)
      out[#out + 1] = shown or node("p", { class = "missing" }, tostring(item.file), ": ", why, ".")
    end
    return out
  end
  for _, suffix in ipairs { ".png", ".svg" } do
    local shown = picture(r, stage.name .. suffix, default_caption(stage))
    if shown then out[#out + 1] = shown end
  end
  return out
end

function maps.heatmaps(r)
  local asked, names, parts = r:options().figures, {}, {}
  local picked = type(asked) == "table" and #asked > 0
  if picked then
    for _, name in ipairs(asked) do names[#names + 1] = tostring(name) end
  else
    for _, stage in ipairs(r.stages) do names[#names + 1] = stage.name end
  end
  for _, name in ipairs(names) do
    local stage = r.stages[name]
    local found = stage and pictures(r, stage) or {}
    if #found == 0 and (picked or stage.kind == "heatmaps") then
      found = { node("p", { class = "missing" }, "Not there yet: stage ", node("code", nil, name), " has left no picture in figures/.") }
    end
    if #found > 0 then parts[#parts + 1] = html.join(node("h3", nil, node("code", nil, name)), found) end
  end
  return #parts > 0 and node("section", nil, node("h2", nil, "Heatmaps"), parts) or nil
end

local measures = { { "miou_core", "mIoU core" }, { "miou_spurious", "mIoU spurious" }, { "pointing", "pointing game" },
  { "energy", "energy inside" } }

local function measure_row(t, label, write)
  write = write or numbers.unit
  local row = { label }
  for i, measure in ipairs(measures) do
    local low, high = numbers.ends(t, measure[1])
    local value, interval = write(t[measure[1]]), numbers.interval(low, high, write)
    row[1 + i] = value and html.join(value, interval and node("span", { class = "interval" }, " ", interval))
  end
  row[6], row[7] = numbers.count(t.n), numbers.finite(t.threshold) and ("%g"):format(t.threshold) or nil
  return row
end

-- A row for the figures, and one each for the samples classified correctly and not.
local function add_groups(rows, t, label)
  rows[#rows + 1] = measure_row(t, label)
  for _, group in ipairs { { "correct", "correctly classified" }, { "wrong", "misclassified" } } do
    if type(t[group[1]]) == "table" then
      rows[#rows + 1] = measure_row(t[group[1]], "\u{2003}" .. group[2])
      rows[#rows].class = "sub"
    end
  end
end

local function measure_rows(r, stages)
  local rows = {}
  for _, stage in ipairs(stages) do
    local from, against, result = r:start(stage), stage.settings.against, stage.result
    local prefix = #stages > 1 and html.join(node("code", nil, stage.name), ": ")
    add_groups(rows, result, html.join(prefix, from and node("code", nil, from.name or from) or "random"))
    if type(result.against) == "table" then
      add_groups(rows, result.against, html.join(prefix, type(against) == "string" and node("code", nil, against) or "the other encoder"))
    end
    if type(result.difference) == "table" then
      rows[#rows + 1] = measure_row(result.difference, "\u{2003}difference, paired by image", numbers.signed)
      rows[#rows].class = "mark"
    end
  end
  return rows
end

local function sweep_parts(stage, drawn)
  local sweep = numbers.rows(stage.result.sweep)
  if #sweep == 0 then return nil end
  local rows, x, core, spurious = {}, {}, {}, {}
  for i, row in ipairs(sweep) do
    rows[i] = { numbers.finite(row.threshold) and ("%g"):format(row.threshold) or nil, numbers.unit(row.miou_core),
      numbers.unit(row.miou_spurious),
      class = row.threshold ~= nil and row.threshold == stage.result.threshold and "mark" or nil }
    for _, track in ipairs { { x, "threshold" }, { core, "miou_core" }, { spurious, "miou_spurious" } } do
      track[1][i] = numbers.value(row[track[2]]) or 0 / 0
    end
  end
  return node("div", { class = "charts" },
    html.table({ { "threshold", "num" }, { "mIoU core", "num" }, { "mIoU spurious", "num" } }, rows,
      html.join("Sweep of the heatmap threshold, ", node("code", nil, stage.name))),
    drawn(stage.name .. "-threshold", plot.lines { title = stage.name .. ": mIoU by threshold", x_label = "threshold",
      y_label = "mIoU", y_min = 0, series = {
        { name = "core mask", x = x, y = core }, { name = "spurious mask", x = x, y = spurious, dash = "5 4" } } }))
end

function maps.interpretability(r, drawn)
  local planned, stages = {}, {}
  for _, stage in ipairs(r.stages) do
    if stage.kind == "interpretability" then planned[#planned + 1] = stage.name end
    if stage.result and stage.result.miou_core ~= nil then stages[#stages + 1] = stage end
  end
  if #planned == 0 and #stages == 0 then return nil end
  local parts = { node("h2", nil, "Interpretability") }
  if #stages == 0 then
    parts[2] = node("p", { class = "missing" }, "Not there yet: no result of ", node("code", nil, table.concat(planned, ", ")), ".")
    return node("section", nil, parts)
  end
  local columns = { { "encoder" } }
  for i, measure in ipairs(measures) do columns[1 + i] = { measure[2], "num" } end
  columns[6], columns[7] = { "n", "num" }, { "threshold", "num" }
  parts[2] = html.table(columns, measure_rows(r, stages),
    "Agreement of the heatmaps with the masks; higher on core and lower on spurious is better")
  for _, stage in ipairs(stages) do parts[#parts + 1] = sweep_parts(stage, drawn) end
  return node("section", nil, parts)
end

return maps
