--- Writes a display list as SVG: same list, same bytes.
--
-- Each mark carries its light colour as an attribute and its role as a class, so a plain viewer shows the
-- light chart and a style sheet may override it. A standalone file brings its ground and its own rules for
-- dark surroundings; without `standalone` the surrounding page brings both.
local palette = require "lunette.plot.palette"
local xml = require "lunette.plot.xml"

local svg = {}

local escape = xml.escape

--- At most two decimals, no trailing zeros, never "-0"; the decimal sign does not follow the locale.
local function number(v)
  if v ~= v or v == math.huge or v == -math.huge then error("plot: svg: a coordinate is not finite", 0) end
  local s = ("%.2f"):format(v):gsub(",", "."):gsub("0+$", ""):gsub("%.$", "")
  return s == "-0" and "0" or s
end

local function colour(role)
  local value = palette.light[role]
  if not value then error("plot: svg: unknown colour role '" .. tostring(role) .. "'", 0) end
  return value
end

-- The paint attributes of a mark; `class` collects the roles.
local function paint(style, fill_default)
  local out, class = {}, {}
  local fill = style.fill or fill_default
  if fill == "none" then
    out[#out + 1] = ' fill="none"'
  else
    class[#class + 1] = "f-" .. fill
    out[#out + 1] = (' fill="%s"'):format(colour(fill))
  end
  if style.stroke then
    class[#class + 1] = "k-" .. style.stroke
    out[#out + 1] = (' stroke="%s" stroke-width="%s"'):format(colour(style.stroke), number(style.width or 1))
  end
  if style.dash then out[#out + 1] = (' stroke-dasharray="%s"'):format(escape(style.dash)) end
  if style.fill_opacity then out[#out + 1] = (' fill-opacity="%s"'):format(number(style.fill_opacity)) end
  if style.opacity then out[#out + 1] = (' opacity="%s"'):format(number(style.opacity)) end
  if #class > 0 then table.insert(out, 1, (' class="%s"'):format(table.concat(class, " "))) end
  return table.concat(out)
end

local function element(name, attributes, style, content)
  local inner = (style.title and "<title>" .. escape(style.title) .. "</title>" or "") .. (content or "")
  if inner == "" then return ("<%s%s/>"):format(name, attributes) end
  return ("<%s%s>%s</%s>"):format(name, attributes, inner, name)
end

local function box(mark)
  return (' x="%s" y="%s" width="%s" height="%s"'):format(
    number(mark.x), number(mark.y), number(mark.width), number(mark.height))
end

local write = {}

function write.polyline(mark)
  local parts, points = {}, mark.points
  for i = 1, #points, 2 do parts[#parts + 1] = number(points[i]) .. "," .. number(points[i + 1]) end
  local name = mark.style.closed and "polygon" or "polyline"
  local attributes = (' points="%s"'):format(table.concat(parts, " ")) .. paint(mark.style, "none")
  return element(name, attributes .. ' stroke-linejoin="round"', mark.style)
end

-- One path of zero-length strokes with round caps: short, and every viewer draws it as discs.
function write.dots(mark)
  local parts, points, style = {}, mark.points, mark.style
  for i = 1, #points, 2 do parts[#parts + 1] = ("M%s %sh0"):format(number(points[i]), number(points[i + 1])) end
  local line = { stroke = style.fill or "s1", width = 2 * (style.radius or 2.5), fill = "none", opacity = style.opacity }
  local attributes = (' d="%s"'):format(table.concat(parts)) .. paint(line, "none")
  return element("path", attributes .. ' stroke-linecap="round"', style)
end

function write.rect(mark)
  return element("rect", box(mark) .. paint(mark.style, "none"), mark.style)
end

function write.text(mark)
  local style = mark.style
  local attributes = (' x="%s" y="%s"'):format(number(mark.x), number(mark.y)) .. paint({ fill = style.fill }, "text")
  attributes = attributes .. (' font-size="%s"'):format(number(style.size or 12))
  if style.anchor then attributes = attributes .. (' text-anchor="%s"'):format(escape(style.anchor)) end
  if style.bold then attributes = attributes .. ' font-weight="600"' end
  if style.rotate then
    attributes = attributes .. (' transform="rotate(%s %s %s)"'):format(
      number(style.rotate), number(mark.x), number(mark.y))
  end
  return element("text", attributes, style, escape(mark.text))
end

function write.image(mark)
  local attributes = box(mark) .. (' href="%s" preserveAspectRatio="none"'):format(escape(mark.uri))
  return element("image", attributes, mark.style)
end

-- A nested svg element clips by itself and, unlike clipPath, needs no id that must be unique in a page.
function write.clip(mark)
  return ('<svg%s viewBox="%s %s %s %s">'):format(
    box(mark), number(mark.x), number(mark.y), number(mark.width), number(mark.height))
end

function write.unclip()
  return "</svg>"
end

local font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

--- The SVG text of a display list. options.standalone: a file of its own (namespace, ground, dark rules).
function svg.render(list, options)
  local standalone = options and options.standalone
  if type(list) ~= "table" or not list.depth then error("plot: svg: expected a chart, as plot.lines and the others return it", 2) end
  if list.depth ~= 0 then error("plot: svg: " .. list.depth .. " push_clip without pop_clip", 0) end
  local w, h = number(list.width), number(list.height)
  local out = { ('<svg%s viewBox="0 0 %s %s" width="%s" height="%s" role="img" font-family="%s">'):format(
    standalone and ' xmlns="http://www.w3.org/2000/svg"' or "", w, h, w, h, escape(font)) }
  if list.title then out[#out + 1] = "<title>" .. escape(list.title) .. "</title>" end
  if standalone then
    out[#out + 1] = "<style>@media (prefers-color-scheme:dark){" .. palette.css("dark") .. "}</style>"
    out[#out + 1] = ('<rect width="%s" height="%s" class="f-page" fill="%s"/>'):format(w, h, palette.light.page)
  end
  for _, mark in ipairs(list) do out[#out + 1] = write[mark.kind](mark) end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

svg.number = number

return svg
