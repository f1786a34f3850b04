--- What charts on two axes share: title, legend, grid, ticks, labels and the map from values to pixels.
--
-- From the top: title, legend (wrapped, so it never lies on the data), name of the y axis, plot area,
-- x ticks, name of the x axis.
local display = require "lunette.plot.display"
local measure = require "lunette.plot.measure"
local ticks = require "lunette.plot.ticks"
local xml = require "lunette.plot.xml"

local frame = {}

local Frame = {}
Frame.__index = Frame

local TITLE, BODY, SMALL = 14, 12, 11 -- font sizes in pixels
local SWATCH = 18                     -- room for a legend entry's sample

frame.WIDTH, frame.HEIGHT = 460, 300

-- Rows of legend entries {name, role, mark, dash} that fit the width; each entry gets its x.
local function wrap_legend(entries, left, right)
  local rows, x = {}, right + 1
  for _, entry in ipairs(entries) do
    local name = measure.fit(xml.clean(entry.name), BODY, right - left - SWATCH - 6)
    local width = SWATCH + 6 + measure.width(name, BODY) + 14
    if x + width - 14 > right then
      rows[#rows + 1] = {}
      x = left
    end
    table.insert(rows[#rows], { x = x, name = name, full = entry.name, entry = entry })
    x = x + width
  end
  return rows
end

local function draw_legend(list, rows, top)
  for i, row in ipairs(rows) do
    local y = top + (i - 1) * 18
    for _, item in ipairs(row) do
      local entry, title = item.entry, item.name ~= item.full and item.full or nil
      if entry.mark == "box" then
        list:rect(item.x, y - 10, SWATCH - 4, 11, { fill = entry.role, fill_opacity = 0.45, stroke = entry.role })
      elseif entry.mark == "outline" then
        list:rect(item.x, y - 10, SWATCH - 4, 11, { stroke = entry.role, width = 2 })
      elseif entry.mark == "dot" then
        list:dots({ item.x + SWATCH / 2, y - 4 }, { fill = entry.role, radius = 4 })
      else
        list:polyline({ item.x, y - 4, item.x + SWATCH, y - 4 }, { stroke = entry.role, width = 2, dash = entry.dash })
      end
      list:text(item.x + SWATCH + 6, y, item.name, { size = BODY, title = title })
    end
  end
end

--- options: title, x_label, y_label, x = {low, high}, y = {low, high}, log_y, percent_x, percent_y,
-- exact (keep the ranges as given), whole_x (no fractions on the x axis), legend, width, height,
-- note (shown in the middle of an empty plot).
function frame.new(options)
  local width, height = options.width or frame.WIDTH, options.height or frame.HEIGHT
  local list = display.new(width, height, options.title)
  local self = setmetatable({ list = list, log_y = options.log_y }, Frame)
  local x_low, x_high = ticks.widen(options.x[1], options.x[2])
  local y_low, y_high = ticks.widen(options.y[1], options.y[2])
  local rows_y
  if self.log_y then
    local pad = (y_high / y_low) ^ 0.04
    y_low, y_high = y_low / pad, y_high * pad
    rows_y = ticks.log(y_low, y_high)
  else
    if not options.exact then y_low, y_high = ticks.round_out(y_low, y_high, 5) end
    rows_y = ticks.linear(y_low, y_high, 5)
  end
  local columns = ticks.linear(x_low, x_high, width < 380 and 4 or 6, options.whole_x)
  local function percent(on, rows)
    if not on then return end
    local step = #rows > 1 and (rows[2].at - rows[1].at) * 100 or 10
    for _, tick in ipairs(rows) do tick.label = ticks.label(tick.at * 100, step) .. " %" end
  end
  percent(options.percent_x, columns)
  percent(options.percent_y, rows_y)

  local label_width = 0
  for _, tick in ipairs(rows_y) do label_width = math.max(label_width, measure.width(tick.label, SMALL)) end
  self.left, self.right = math.max(30, label_width + 12), width - 16
  local top = 8
  if options.title then
    list:text(8, top + 14, measure.fit(xml.clean(options.title), 1.15 * TITLE, width - 16), { size = TITLE, bold = true })
    top = top + 24
  end
  local legend = wrap_legend(options.legend or {}, 8, self.right)
  draw_legend(list, legend, top + 13)
  top = top + 18 * #legend + (#legend > 0 and 4 or 0)
  if options.y_label then
    list:text(8, top + 12, options.y_label, { size = SMALL, fill = "muted" })
    top = top + 18
  end
  self.top, self.bottom = top + 4, height - (options.x_label and 42 or 26)
  self.x_low, self.x_high, self.y_low, self.y_high = x_low, x_high, y_low, y_high

  for _, tick in ipairs(rows_y) do
    local y = self:py(tick.at)
    list:polyline({ self.left, y, self.right, y }, { stroke = "grid" })
    list:text(self.left - 6, y + 4, tick.label, { size = SMALL, fill = "muted", anchor = "end" })
  end
  for _, tick in ipairs(columns) do
    local x = self:px(tick.at)
    list:polyline({ x, self.bottom, x, self.bottom + 4 }, { stroke = "axis" })
    list:text(x, self.bottom + 17, tick.label, { size = SMALL, fill = "muted", anchor = "middle" })
  end
  if options.x_label then
    list:text((self.left + self.right) / 2, self.bottom + 34, options.x_label,
      { size = SMALL, fill = "muted", anchor = "middle" })
  end
  if options.note then
    list:text((self.left + self.right) / 2, (self.top + self.bottom) / 2, options.note,
      { size = BODY, fill = "muted", anchor = "middle" })
  end
  -- a little wider than the axes, so that lines and dots on the edge are whole
  list:push_clip(self.left - 4, self.top - 4, self.right - self.left + 8, self.bottom - self.top + 8)
  return self
end

function Frame:px(x)
  return self.left + (x - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left)
end

function Frame:py(y)
  local low, high = self.y_low, self.y_high
  if self.log_y then low, high, y = math.log(low), math.log(high), math.log(y) end
  return self.bottom - (y - low) / (high - low) * (self.bottom - self.top)
end

--- Ends the plot area and draws the x axis over it. Returns the display list.
function Frame:close()
  self.list:pop_clip()
  self.list:polyline({ self.left, self.bottom, self.right, self.bottom }, { stroke = "axis" })
  return self.list
end

--- The finite range of several arrays: low, high, or nil where there is no finite number.
function frame.range(arrays, keep)
  local low, high
  for _, values in ipairs(arrays) do
    for i = 1, #values do
      local v = values[i]
      if type(v) == "number" and v - v == 0 and (not keep or keep(v)) then
        if not low or v < low then low = v end
        if not high or v > high then high = v end
      end
    end
  end
  return low, high
end

--- Whether all numbers of several arrays are whole.
function frame.whole(arrays)
  for _, values in ipairs(arrays) do
    for i = 1, #values do
      if values[i] ~= math.floor(values[i]) then return false end
    end
  end
  return true
end

--- A number as a chart's text shows it: three decimals at most.
function frame.short(v)
  if type(v) ~= "number" then return "?" end
  if v - v ~= 0 then return tostring(v) end
  if v == math.floor(v) and math.abs(v) < 1e15 then return ("%d"):format(v) end
  return ("%.4g"):format(v)
end

return frame
