-- Pictures and heatmaps on the terminal: by a graphics protocol (kitty's, iTerm2's) where the environment says that the
-- terminal has one, else as half-blocks, two pixels a character, in 24-bit or 256 colours.

local html = require "lunette.report.html"
local image = require "lunette.image"
local lunette = require "lunette"
local options = require "lunette.options"
local sys = require "lunette.sys"

local terminal = {}

local OPTIONS = { columns = true, protocol = true }
local PROTOCOLS = { kitty = true, iterm2 = true, truecolor = true, ["256"] = true }
local CHUNK = 4096 -- the most bytes that one escape sequence of kitty's may carry
-- Heatmaps, from their least value to their largest.
local RAMP = { { 0, 0, 0 }, { 70, 10, 110 }, { 190, 40, 80 }, { 250, 140, 10 }, { 255, 255, 180 } }

--- What a terminal with this environment draws with. Inside tmux and screen, sequences of the protocols do not get through.
function terminal.protocol(getenv)
  local term, program = getenv "TERM" or "", getenv "TERM_PROGRAM" or ""
  if not getenv "TMUX" and not term:find "^screen" then
    if getenv "KITTY_WINDOW_ID" or term == "xterm-kitty" or term == "xterm-ghostty" then return "kitty" end
    if program == "iTerm.app" or program == "WezTerm" then return "iterm2" end
  end
  local depth = getenv "COLORTERM"
  return (depth == "truecolor" or depth == "24bit") and "truecolor" or "256"
end

-- The ramp's colours of a map (h,w), stretched over its finite range, as a picture (3,h,w) in [0, 1]; NaN is as its least.
local function coloured(map)
  local rows, low, high = map:to("f32"):totable(), math.huge, -math.huge
  for _, row in ipairs(rows) do
    for _, v in ipairs(row) do
      if v > -math.huge and v < math.huge then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  local planes = { {}, {}, {} }
  for y, row in ipairs(rows) do
    for c = 1, 3 do planes[c][y] = {} end
    for x, v in ipairs(row) do
      local share = high > low and v == v and math.max(0, math.min(1, (v - low) / (high - low))) or 0
      local at = share * (#RAMP - 1)
      local i = math.min(#RAMP - 1, math.floor(at) + 1)
      for c = 1, 3 do planes[c][y][x] = (RAMP[i][c] + (at - i + 1) * (RAMP[i + 1][c] - RAMP[i][c])) / 255 end
    end
  end
  return lunette.tensor(planes)
end

local function check_shape(x)
  local s = x:shape()
  if not ((#s == 2 or (#s == 3 and (s[1] == 1 or s[1] == 3))) and x:numel() > 0) then
    error(("plot.show: expected a heatmap (h,w) or a picture (1,h,w) or (3,h,w), got (%s)"):format(table.concat(s, ",")), 3)
  end
end

-- A map (h,w), or a picture (1|3,h,w) of u8 or floating in [0, 1] -> f32 (3,h,w) in [0, 1]
local function as_picture(x)
  local s = x:shape()
  x = x:detach():to("cpu")
  if #s == 2 then return coloured(x) end
  local unit = x:dtype() == "u8" and x:to("f32") / 255 or x:to("f32")
  return s[1] == 3 and unit or unit * lunette.ones(3, 1, 1)
end

local function shrunk(picture, columns)
  local s = picture:shape()
  if s[3] <= columns then return picture end
  return image.resize(picture, math.max(1, math.floor(s[2] * columns / s[3] + 0.5)), columns, { filter = "bilinear" })
end

-- The nearest of the 6 x 6 x 6 colours that 256-colour terminals agree on.
local function indexed(r, g, b)
  local function level(v) return v < 48 and 0 or v < 115 and 1 or (v - 35) // 40 end
  return 16 + 36 * level(r) + 6 * level(g) + level(b)
end

local function half_blocks(picture, deep)
  local planes, s = picture:totable(), picture:shape()
  local function colour(y, x)
    local rgb = {}
    for c = 1, 3 do
      local v = planes[c][y][x]
      rgb[c] = v == v and math.floor(math.max(0, math.min(1, v)) * 255 + 0.5) or 0
    end
    return deep and ("2;%d;%d;%d"):format(rgb[1], rgb[2], rgb[3]) or ("5;%d"):format(indexed(rgb[1], rgb[2], rgb[3]))
  end
  local lines = {}
  for y = 1, s[2], 2 do
    local cells, before = {}, nil
    for x = 1, s[3] do
      local upper = "\27[38;" .. colour(y, x) .. "m"
      local style = upper .. (y < s[2] and "\27[48;" .. colour(y + 1, x) .. "m" or "")
      cells[#cells + 1] = (style ~= before and style or "") .. "\u{2580}"
      before = style
    end
    lines[#lines + 1] = table.concat(cells) .. "\27[0m"
  end
  return table.concat(lines, "\n") .. "\n"
end

local function kitty(png)
  local data, parts = html.base64(png), {}
  for from = 1, #data, CHUNK do
    local more = from + CHUNK <= #data and 1 or 0
    parts[#parts + 1] = ("\27_G%sm=%d;%s\27\\"):format(from == 1 and "a=T,f=100," or "", more, data:sub(from, from + CHUNK - 1))
  end
  return table.concat(parts) .. "\n"
end

local function iterm2(png) return ("\27]1337;File=inline=1;size=%d:%s\a\n"):format(#png, html.base64(png)) end

--- The bytes that draw x by a protocol, at most so many pixels or characters wide.
function terminal.render(x, protocol, columns)
  return lunette.scope(function()
    local picture = as_picture(x)
    if protocol == "kitty" then return kitty(image.encode(picture)) end
    if protocol == "iterm2" then return iterm2(image.encode(picture)) end
    return half_blocks(shrunk(picture, columns), protocol == "truecolor")
  end)
end

--- show(x [, {columns =, protocol = "kitty"|"iterm2"|"truecolor"|"256"}]): draws on standard output; where that is no
--- terminal and no protocol is asked for, it says so.
function terminal.show(x, o)
  o = o or {}
  options.check("plot.show", o, OPTIONS)
  if not lunette.is_tensor(x) then error("plot.show: expected a tensor, got a " .. type(x), 2) end
  check_shape(x)
  if o.protocol ~= nil and not PROTOCOLS[o.protocol] then
    error(("plot.show: protocol must be 'kitty', 'iterm2', 'truecolor' or '256', got %s"):format(tostring(o.protocol)), 2)
  end
  if o.columns ~= nil and not (math.type(o.columns) == "integer" and o.columns > 0) then
    error(("plot.show: columns must be a whole number above 0, got %s"):format(tostring(o.columns)), 2)
  end
  local columns = sys.terminal_width(io.stdout)
  if not columns and not o.protocol then
    print(("a picture (%s): standard output is no terminal to draw it on; lunette.image.write(path, x) saves it")
      :format(table.concat(x:shape(), ",")))
    return
  end
  io.stdout:write(terminal.render(x, o.protocol or terminal.protocol(os.getenv), o.columns or columns or 80))
end

return terminal
