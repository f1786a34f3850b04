--- Charts as SVG. Each chart function takes one table of options and returns a display list;
-- `plot.svg` turns it into text, `plot.save` into a file of its own. Same input, same bytes.
local curves = require "lunette.plot.curves"
local histogram = require "lunette.plot.histogram"
local svg = require "lunette.plot.svg"

-- Charts are made from one table, in which `field` holds what is to be drawn.
local function chart(name, field, draw)
  return function(options)
    if type(options) ~= "table" or type(options[field]) ~= "table" then
      local got = type(options) == "table" and field .. " = " .. tostring(options[field]) or "a " .. type(options)
      error(("plot: %s: expected a table of options with %s = {...}, got %s"):format(name, field, got), 2)
    end
    return draw(options)
  end
end

local plot = {
  display = require "lunette.plot.display",
  lines = chart("lines", "series", require "lunette.plot.lines"),
  histogram = chart("histogram", "groups", histogram.draw),
  pr_curve = chart("pr_curve", "curves", curves.pr),
  roc = chart("roc", "curves", curves.roc),
  bars = chart("bars", "bars", require "lunette.plot.bars"),
  scatter = chart("scatter", "series", require "lunette.plot.scatter"),
  svg = svg.render,
  show = require("lunette.plot.terminal").show,
}

--- Writes a chart as a standalone SVG file. Returns the path; raises where the file cannot be written.
function plot.save(path, list)
  local text = svg.render(list, { standalone = true })
  local file, why = io.open(path, "wb")
  if not file then error("plot: save: cannot write " .. why, 2) end
  local ok, failed = file:write(text)
  local closed, late = file:close()
  if not (ok and closed) then error("plot: save: cannot write " .. path .. ": " .. tostring(failed or late), 2) end
  return path
end

return plot
