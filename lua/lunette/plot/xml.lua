--- Escaping for XML and HTML: the only way text gets into an SVG or a report.
local xml = {}

local REPLACEMENT = "\u{FFFD}"

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

-- XML 1.0 allows tab, LF, CR, U+0020..D7FF, E000..FFFD and the planes above. Bidirectional controls
-- are legal but can make a name read as something else, so they go too.
local function allowed(code)
  if code < 0x20 then return code == 0x9 or code == 0xA or code == 0xD end
  if code >= 0x7F and code <= 0x9F then return false end
  if code >= 0x202A and code <= 0x202E or code >= 0x2066 and code <= 0x2069 then return false end
  return code ~= 0xFFFE and code ~= 0xFFFF and code <= 0x10FFFF
end

--- Valid UTF-8 of characters XML allows; each bad byte or character becomes U+FFFD.
function xml.clean(s)
  s = tostring(s)
  if not s:find("[^\t\n\r\x20-\x7E]") then return s end
  local out, at = {}, 1
  while at <= #s do
    local bad = select(2, utf8.len(s, at))
    local stop = bad and bad - 1 or #s
    for _, code in utf8.codes(s:sub(at, stop)) do
      out[#out + 1] = allowed(code) and utf8.char(code) or REPLACEMENT
    end
    if bad then out[#out + 1] = REPLACEMENT end
    at = stop + (bad and 2 or 1)
  end
  return table.concat(out)
end

--- Text that is safe between tags and inside quoted attributes.
function xml.escape(s)
  return (xml.clean(s):gsub("[&<>\"']", entities))
end

return xml
