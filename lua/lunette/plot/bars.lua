--- Horizontal bars from zero with confidence intervals: what a comparison of a few numbers needs.
--
-- options.bars = { {name=, value=, low=, high=, color=} } (color: palette role). The axis starts at zero, so
-- lengths compare; percent = true shows shares as per cent. A bar without a finite value says "not there yet".
-- Further options: title, x_label, limit (right end of the axis), width, row (height of a row).
local display = require "lunette.plot.display"
local frame = require "lunette.plot.frame"
local measure = require "lunette.plot.measure"
local palette = require "lunette.plot.palette"
local ticks = require "lunette.plot.ticks"
local xml = require "lunette.plot.xml"

local function finite(v)
  return type(v) == "number" and v - v == 0
end

return function(options)
  local bars, percent = options.bars, options.percent
  local scale = percent and 100 or 1
  local function show(v)
    return percent and ("%.1f %%"):format(100 * v) or frame.short(v)
  end
  local width, row = options.width or frame.WIDTH, options.row or 34
  local high, low, label_room, value_room = 0, 0, 0, measure.width("not there yet", 12)
  for _, bar in ipairs(bars) do
    label_room = math.max(label_room, measure.width(xml.clean(bar.name), 12))
    if finite(bar.value) then
      high = math.max(high, bar.value, finite(bar.high) and bar.high or bar.value)
      low = math.min(low, bar.value, finite(bar.low) and bar.low or bar.value)
      value_room = math.max(value_room, measure.width(show(bar.value), 12))
    end
  end
  label_room = math.min(label_room, width * 0.4)
  low, high = ticks.widen(low, options.limit or high)
  local left, right = label_room + 16, width - value_room - 24
  local top = options.title and 36 or 10
  local bottom = top + row * #bars + 4
  local list = display.new(width, bottom + (options.x_label and 42 or 26), options.title)
  local function px(v) return left + (v - low) / (high - low) * (right - left) end

  if options.title then list:text(8, 22, measure.fit(xml.clean(options.title), 16, width - 16), { size = 14, bold = true }) end
  local rows, step = ticks.linear(low, high, 4)
  for _, tick in ipairs(rows) do
    local x = px(tick.at)
    list:polyline({ x, top, x, bottom }, { stroke = "grid" })
    list:text(x, bottom + 16, ticks.label(tick.at * scale, step * scale) .. (percent and " %" or ""),
      { size = 11, fill = "muted", anchor = "middle" })
  end
  if options.x_label then
    list:text((left + right) / 2, bottom + 33, options.x_label, { size = 11, fill = "muted", anchor = "middle" })
  end
  for i, bar in ipairs(bars) do
    local y, role = top + row * (i - 0.5), bar.color or palette.series(i)
    local name = measure.fit(xml.clean(bar.name), 12, label_room)
    list:text(left - 8, y + 4, name, { size = 12, anchor = "end", title = name ~= bar.name and bar.name or nil })
    if finite(bar.value) then
      local title = ("%s: %s"):format(bar.name, show(bar.value))
      local from, to = math.min(px(0), px(bar.value)), math.max(px(0), px(bar.value))
      local stop = to
      if finite(bar.low) and finite(bar.high) then
        title = title .. (" [%s, %s]"):format(show(bar.low), show(bar.high))
        stop = math.max(stop, px(bar.high))
      end
      list:rect(from, y - row * 0.3, to - from, row * 0.6, { fill = role, fill_opacity = 0.75, title = title })
      if finite(bar.low) and finite(bar.high) then
        local a, b = px(bar.low), px(bar.high)
        list:polyline({ a, y, b, y }, { stroke = "text", width = 1.5, title = title })
        for _, x in ipairs { a, b } do list:polyline({ x, y - 5, x, y + 5 }, { stroke = "text", width = 1.5 }) end
      end
      list:text(stop + 6, y + 4, show(bar.value), { size = 12, bold = true })
    else
      list:text(left + 6, y + 4, "not there yet", { size = 12, fill = "muted" })
    end
  end
  list:polyline({ px(0), top, px(0), bottom }, { stroke = "axis" })
  return list
end
