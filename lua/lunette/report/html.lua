--- HTML nodes that are escaped by construction: a string child is text, only a node is markup.
local style = require "lunette.report.style"
local xml = require "lunette.plot.xml"

local html = {}

local Node = {}

local void = { meta = true, img = true, br = true, hr = true }

local function append(out, child)
  if child == nil or child == false then return end
  if type(child) ~= "table" then
    out[#out + 1] = xml.escape(child)
  elseif getmetatable(child) == Node then
    out[#out + 1] = child.html
  else
    for i = 1, child.n or #child do append(out, child[i]) end
  end
end

--- Markup from a trusted writer (an SVG of ours, the style sheet). Never call it with text from a run.
function html.trusted(markup)
  return setmetatable({ html = markup }, Node)
end

--- A node. Children: strings and numbers (escaped), nodes, lists of these; nil and false are nothing.
function html.node(name, attributes, ...)
  local keys = {}
  for key in pairs(attributes or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  local out = { "<" .. name }
  for _, key in ipairs(keys) do
    local value = attributes[key]
    if value == true then
      out[#out + 1] = " " .. key
    elseif value then
      out[#out + 1] = (' %s="%s"'):format(key, xml.escape(value))
    end
  end
  out[#out + 1] = ">"
  if not void[name] then
    append(out, table.pack(...))
    out[#out + 1] = "</" .. name .. ">"
  end
  return html.trusted(table.concat(out))
end

--- Nodes side by side.
function html.join(...)
  local out = {}
  append(out, table.pack(...))
  return html.trusted(table.concat(out))
end

--- A table. columns: { {"heading", class} }, class "num" (right-aligned), "wide" (left out
-- in a narrow window), both or nil; rows: lists of cells (nil shows a dash), row.class for the row.
function html.table(columns, rows, caption)
  local head, body = {}, {}
  for i, column in ipairs(columns) do head[i] = html.node("th", { class = column[2], scope = "col" }, column[1]) end
  for r, row in ipairs(rows) do
    local cells = {}
    for i, column in ipairs(columns) do
      local cell = row[i]
      if cell == nil then cell = "\u{2013}" end
      cells[i] = html.node("td", { class = column[2] }, cell)
    end
    body[r] = html.node("tr", { class = row.class }, cells)
  end
  return html.node("div", { class = "scroll" }, html.node("table", nil,
    caption and html.node("caption", nil, caption), html.node("thead", nil, html.node("tr", nil, head)),
    html.node("tbody", nil, body)))
end

-- No scripts, no frames, no forms, nothing fetched: images are data URIs, the style sheet is inline.
local POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

--- A whole page as a string. Children as of html.node.
function html.page(title, ...)
  local page = html.node("html", { lang = "en" },
    html.node("head", nil,
      html.node("meta", { charset = "utf-8" }),
      html.trusted(('<meta http-equiv="Content-Security-Policy" content="%s">'):format(POLICY)),
      html.node("meta", { name = "viewport", content = "width=device-width, initial-scale=1" }),
      html.node("meta", { name = "color-scheme", content = "light dark" }),
      html.node("title", nil, title),
      html.node("style", nil, html.trusted(style))),
    html.node("body", nil, html.node("main", nil, ...)))
  return "<!DOCTYPE html>\n" .. page.html .. "\n"
end

local alphabet = {}
for c in ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):gmatch(".") do alphabet[#alphabet + 1] = c end

--- Base64 of a byte string.
function html.base64(bytes)
  local out, byte = {}, string.byte
  for i = 1, #bytes, 3 do
    local a, b, c = byte(bytes, i, i + 2)
    local v = a << 16 | (b or 0) << 8 | (c or 0)
    out[#out + 1] = alphabet[(v >> 18) + 1] .. alphabet[(v >> 12 & 63) + 1]
      .. (b and alphabet[(v >> 6 & 63) + 1] or "=") .. (c and alphabet[(v & 63) + 1] or "=")
  end
  return table.concat(out)
end

return html
