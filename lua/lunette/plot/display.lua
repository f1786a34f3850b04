--- A display list: what a chart draws, in drawing order, with no word of the file format.
--
-- Coordinates are pixels, origin top left. Colours are roles (see palette.lua), so that a writer can
-- give each role a value for light and for dark surroundings. Every mark may carry `title`, a tooltip.
local Display = {}
Display.__index = Display

local display = {}

function display.new(width, height, title)
  return setmetatable({ width = width, height = height, title = title, depth = 0 }, Display)
end

local function add(self, mark)
  self[#self + 1] = mark
  return self
end

--- points: flat {x1, y1, x2, y2, ...}. style: stroke, width, dash, fill, fill_opacity, opacity, closed, title.
function Display:polyline(points, style)
  if #points % 2 ~= 0 then error("plot: polyline: points must be x, y pairs, got " .. #points .. " numbers", 2) end
  return add(self, { kind = "polyline", points = points, style = style or {} })
end

--- Round dots of one size; points as for polyline. style: fill, radius, opacity, title.
function Display:dots(points, style)
  if #points % 2 ~= 0 then error("plot: dots: points must be x, y pairs, got " .. #points .. " numbers", 2) end
  return add(self, { kind = "dots", points = points, style = style or {} })
end

--- style: fill, fill_opacity, stroke, width, title.
function Display:rect(x, y, width, height, style)
  return add(self, { kind = "rect", x = x, y = y, width = width, height = height, style = style or {} })
end

--- y is the baseline. style: fill, size, anchor ("start", "middle", "end"), bold, rotate (degrees about x, y), title.
function Display:text(x, y, text, style)
  return add(self, { kind = "text", x = x, y = y, text = tostring(text), style = style or {} })
end

--- uri must be a data URI: a chart never fetches anything.
function Display:image(x, y, width, height, uri, style)
  if not tostring(uri):match("^data:image/[%w.+-]+;base64,[%w+/=]*$") then
    error("plot: image: uri must be a base64 data URI of an image, got " .. tostring(uri):sub(1, 40), 2)
  end
  return add(self, { kind = "image", x = x, y = y, width = width, height = height, uri = uri, style = style or {} })
end

--- Everything until the matching pop_clip shows inside this rectangle only.
function Display:push_clip(x, y, width, height)
  self.depth = self.depth + 1
  return add(self, { kind = "clip", x = x, y = y, width = width, height = height })
end

function Display:pop_clip()
  if self.depth == 0 then error("plot: pop_clip without push_clip", 2) end
  self.depth = self.depth - 1
  return add(self, { kind = "unclip" })
end

return display
