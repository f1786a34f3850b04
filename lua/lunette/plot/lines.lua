--- Line chart: several series over x, with an optional band around each. Lines of more than 1,000 points are drawn by
-- their extremes, faintly, with a strong line of means over them; the x label says so.
--
-- options.series = { {name=, x=, y=, low=, high=, dash=} }: arrays of one length; x ascending. low and high
-- draw an interval band. A y that is not finite (or not positive with log_y) leaves a gap, which the
-- chart counts in a note. Further options: title, x_label, y_label, log_y, percent_y, y_min, y_max, width, height.
local decimate = require "lunette.plot.decimate"
local frame = require "lunette.plot.frame"
local palette = require "lunette.plot.palette"

local FEW = 40      -- points up to which each one gets a dot with a tooltip
local BUCKETS = 100 -- means drawn over a line that is too long to show every value

-- Stretches of drawable points: list of {x=, y=, low=, high=}, and the number of points left out.
local function stretches(series, drawable)
  local out, open, gaps = {}, nil, 0
  for i = 1, math.min(#series.x, #series.y) do
    local x, y = series.x[i], series.y[i]
    if type(x) == "number" and x - x == 0 and drawable(y) then
      if not open then
        open = { x = {}, y = {}, low = {}, high = {} }
        out[#out + 1] = open
      end
      local n = #open.x + 1
      open.x[n], open.y[n] = x, y
      local low, high = series.low and series.low[i], series.high and series.high[i]
      open.low[n] = drawable(low) and low or y
      open.high[n] = drawable(high) and high or y
    else
      open, gaps = nil, gaps + 1
    end
  end
  return out, gaps
end

local function path(f, x, y)
  local points = {}
  for i = 1, #x do
    points[2 * i - 1], points[2 * i] = f:px(x[i]), f:py(y[i])
  end
  return points
end

local function draw_band(f, part, role)
  local low_x, low = decimate.extremes(part.x, part.low)
  local high_x, high = decimate.extremes(part.x, part.high)
  local points, back = path(f, high_x, high), path(f, low_x, low)
  for i = #back - 1, 1, -2 do
    points[#points + 1], points[#points + 2] = back[i], back[i + 1]
  end
  f.list:polyline(points, { fill = role, fill_opacity = 0.18, closed = true })
end

local function draw_series(f, series, parts, role)
  for _, part in ipairs(parts) do
    local name = series.name or "series"
    if series.low and series.high then draw_band(f, part, role) end
    local x, y = decimate.extremes(part.x, part.y)
    local title = ("%s: %s at %s"):format(name, frame.short(part.y[#part.y]), frame.short(part.x[#part.x]))
    local long = decimate.is_long(#part.x)
    f.list:polyline(path(f, x, y), {
      stroke = role, width = long and 1 or 2, opacity = long and 0.35 or nil, dash = series.dash, title = title })
    if long then
      local mean_x, mean_y = decimate.means(part.x, part.y, BUCKETS)
      f.list:polyline(path(f, mean_x, mean_y), { stroke = role, width = 2, title = title })
    end
    if #x <= FEW then
      for i = 1, #x do
        f.list:dots({ f:px(x[i]), f:py(y[i]) }, {
          fill = role, radius = 2.5, title = ("%s: %s at %s"):format(name, frame.short(y[i]), frame.short(x[i])) })
      end
    end
  end
end

return function(options)
  local log_y = options.log_y
  local function drawable(v)
    return type(v) == "number" and v - v == 0 and (not log_y or v > 0)
  end
  local xs, ys, legend, parts, gaps = {}, {}, {}, {}, 0
  for i, series in ipairs(options.series) do
    local missing
    parts[i], missing = stretches(series, drawable)
    gaps = gaps + missing
    for _, part in ipairs(parts[i]) do
      xs[#xs + 1] = part.x
      for _, values in ipairs { part.y, part.low, part.high } do ys[#ys + 1] = values end
    end
    legend[i] = { name = series.name or "series", role = palette.series(i), dash = series.dash }
  end
  local y_low, y_high = frame.range(ys)
  if y_low and options.y_min then y_low = math.min(y_low, options.y_min) end
  if y_low and options.y_max then y_high = math.max(y_high, options.y_max) end
  local x_label, longest = options.x_label, 0
  for _, series_parts in ipairs(parts) do
    for _, part in ipairs(series_parts) do longest = math.max(longest, #part.x) end
  end
  if decimate.is_long(longest) then
    x_label = ("%s (strong line: means of about %d values)"):format(x_label or "", longest // BUCKETS)
  end
  if gaps > 0 then
    x_label = ("%s (%d %s not drawn: not finite%s)"):format(x_label or "", gaps, gaps == 1 and "value" or "values",
      log_y and " or not positive" or "")
  end
  local f = frame.new {
    title = options.title, x_label = x_label, y_label = options.y_label, width = options.width, height = options.height,
    x = { frame.range(xs) }, whole_x = frame.whole(xs), y = { y_low, y_high }, log_y = log_y and y_low ~= nil,
    percent_y = options.percent_y,
    legend = (#legend > 1 or options.legend) and legend or nil, note = not y_low and "no values" or nil,
  }
  for i, series in ipairs(options.series) do draw_series(f, series, parts[i], palette.series(i)) end
  return f:close()
end
