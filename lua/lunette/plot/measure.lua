--- How wide a text will be, without a font at hand: an upper estimate from classes of letters.
local measure = {}

local narrow = "[iljtfrI%.,:;|!'%(%)%[%] ]"
local wide = "[mwMW@%%]"

--- Pixels that s takes at this font size, rather too many than too few.
function measure.width(s, size)
  local em = 0
  for _, code in utf8.codes(s, true) do
    local c = code < 128 and string.char(code) or "?"
    if code >= 0x1100 then em = em + 1
    elseif c:find(narrow) then em = em + 0.39
    elseif c:find(wide) then em = em + 0.95
    elseif c:find("%u") then em = em + 0.72
    else em = em + 0.62 end
  end
  return em * size
end

--- s cut to fit `room` pixels, with an ellipsis where it was cut.
function measure.fit(s, size, room)
  if measure.width(s, size) <= room then return s end
  local kept = {}
  for _, code in utf8.codes(s, true) do
    kept[#kept + 1] = utf8.char(code)
    if measure.width(table.concat(kept) .. "\u{2026}", size) > room then
      kept[#kept] = nil
      break
    end
  end
  return table.concat(kept) .. "\u{2026}"
end

return measure
