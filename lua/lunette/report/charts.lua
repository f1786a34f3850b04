--- Charts on their way into the page and into figures/.
local html = require "lunette.report.html"
local plot = require "lunette.plot"

local charts = {}

--- A function (name, display list, caption) that gives the figure node and, where `out` is a table, keeps the chart
-- for charts.save. Names are made fit for a file name and unique.
function charts.collector(out)
  local used = {}
  return function(name, list, caption)
    local base = name:gsub("[^%w_-]", "_")
    local unique, i = base, 1
    while used[unique:lower()] do
      i = i + 1
      unique = base .. "-" .. i
    end
    used[unique:lower()] = true
    if out then out[#out + 1] = { name = unique, list = list } end
    return html.node("figure", { class = "chart" }, html.trusted(plot.svg(list)), caption and html.node("figcaption", nil, caption))
  end
end

--- Writes each chart as FOLDER/NAME.svg; returns a list of warnings.
function charts.save(folder, drawn)
  local warnings = {}
  for _, chart in ipairs(drawn) do
    local ok, why = pcall(plot.save, folder .. "/" .. chart.name .. ".svg", chart.list)
    if not ok then warnings[#warnings + 1] = tostring(why) end
  end
  return warnings
end

return charts
