--- Scatter chart. options.series = { {name=, x=, y=} }; title, x_label, y_label, log_y, percent_y, width, height.
-- All points are drawn; pairs that are not finite are left out.
local frame = require "lunette.plot.frame"
local palette = require "lunette.plot.palette"
local ticks = require "lunette.plot.ticks"

return function(options)
  local log_y, kept, xs, ys, legend = options.log_y, {}, {}, {}, {}
  for s, series in ipairs(options.series) do
    local x, y = {}, {}
    for i = 1, math.min(#series.x, #series.y) do
      local a, b = series.x[i], series.y[i]
      if type(a) == "number" and a - a == 0 and type(b) == "number" and b - b == 0 and (not log_y or b > 0) then
        x[#x + 1], y[#y + 1] = a, b
      end
    end
    kept[s], xs[s], ys[s] = { x = x, y = y }, x, y
    legend[s] = { name = series.name or "series", role = palette.series(s), mark = "dot" }
  end
  local y_low, y_high = frame.range(ys)
  local x_low, x_high = ticks.widen(frame.range(xs))
  local pad = 0.03 * (x_high - x_low) -- dots on the very edge are hard to see
  local f = frame.new {
    title = options.title, x_label = options.x_label, y_label = options.y_label, width = options.width, height = options.height,
    x = { x_low - pad, x_high + pad }, y = { y_low, y_high }, log_y = log_y and y_low ~= nil, percent_y = options.percent_y,
    legend = #legend > 1 and legend or nil, note = not y_low and "no values" or nil,
  }
  for s, points in ipairs(kept) do
    local flat = {}
    for i = 1, #points.x do
      flat[2 * i - 1], flat[2 * i] = f:px(points.x[i]), f:py(points.y[i])
    end
    if #flat > 0 then
      f.list:dots(flat, { fill = palette.series(s), radius = 2.5, opacity = #points.x > 200 and 0.5 or 0.8, title = legend[s].name })
    end
  end
  return f:close()
end
