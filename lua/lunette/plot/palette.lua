--- Colour roles and their values on light and on dark ground.
-- The series colours keep apart for the common kinds of colour blindness and hold 3:1 against their ground.
local palette = {}

palette.roles = { "page", "text", "muted", "axis", "grid", "s1", "s2", "s3", "s4", "s5", "s6" }

palette.light = {
  page = "#ffffff", text = "#1f2328", muted = "#59636e", axis = "#8c959f", grid = "#e3e6ea",
  s1 = "#1f6fb2", s2 = "#d1580f", s3 = "#178567", s4 = "#8a55b5", s5 = "#b3324f", s6 = "#6b7280",
}

palette.dark = {
  page = "#16191d", text = "#e6e8eb", muted = "#9da7b1", axis = "#6e7781", grid = "#2c3138",
  s1 = "#62a8e5", s2 = "#f0883e", s3 = "#45c1a0", s4 = "#bd93e0", s5 = "#ee7b93", s6 = "#9aa4b0",
}

local series = 6

--- The role of the i-th series (1-based); colours come round again after the sixth.
function palette.series(i)
  return "s" .. (i - 1) % series + 1
end

--- CSS rules for `.f-ROLE` (fill) and `.k-ROLE` (stroke) of one ground, "light" or "dark".
function palette.css(ground)
  local out = {}
  for _, role in ipairs(palette.roles) do
    local value = palette[ground][role]
    out[#out + 1] = (".f-%s{fill:%s}.k-%s{stroke:%s}"):format(role, value, role, value)
  end
  return table.concat(out)
end

return palette
