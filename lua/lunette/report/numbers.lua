--- How the report writes numbers; every function takes nil and gives nil, so a table shows a dash.
local numbers = {}

local MINUS = "\u{2212}"

local function finite(v)
  return type(v) == "number" and v - v == 0
end

numbers.finite = finite

--- v where it is a finite number, else nil.
function numbers.value(v)
  return finite(v) and v or nil
end

--- The entries of a list that are tables; nothing where v is no table.
function numbers.rows(v)
  local out = {}
  for _, row in ipairs(type(v) == "table" and v or {}) do
    if type(row) == "table" then out[#out + 1] = row end
  end
  return out
end

--- Whether v is a list of finite numbers with at least one entry.
function numbers.is_list(v)
  if type(v) ~= "table" or #v == 0 then return false end
  for i = 1, #v do
    if not finite(v[i]) then return false end
  end
  return true
end

--- 0.6321 -> "63.2 %"
function numbers.percent(v)
  return finite(v) and ("%.1f\u{A0}%%"):format(100 * v) or nil
end

--- 0.21 -> "+21.0"; in percentage points
function numbers.points(v)
  if not finite(v) then return nil end
  local s = ("%.1f"):format(math.abs(100 * v))
  if s == "0.0" then return "0.0" end
  return (v < 0 and MINUS or "+") .. s
end

--- 0.7714 -> "0.771"
function numbers.unit(v)
  return finite(v) and ("%.3f"):format(v) or nil
end

--- -0.0123 -> "-0.012" with a true minus sign, 0.0123 -> "+0.012"
function numbers.signed(v)
  if not finite(v) then return nil end
  return (v < 0 and MINUS or "+") .. ("%.3f"):format(math.abs(v))
end

--- 10000 -> "10,000"
function numbers.count(v)
  if not finite(v) then return nil end
  if v ~= math.floor(v) then return ("%.4g"):format(v) end
  local s = ("%.0f"):format(v)
  local changed
  repeat s, changed = s:gsub("^(%-?%d+)(%d%d%d)", "%1,%2") until changed == 0
  return s
end

--- 3723.4 -> "1 h 2 min"
function numbers.seconds(v)
  if not finite(v) then return nil end
  if v < 10 then return ("%.2f s"):format(v) end
  if v < 120 then return ("%.1f s"):format(v) end
  if v < 1200 then
    local whole = math.floor(v + 0.5)
    return ("%d min %d s"):format(whole // 60, whole % 60)
  end
  local minutes = math.floor(v / 60 + 0.5)
  if minutes < 120 then return ("%d min"):format(minutes) end
  return ("%d h %d min"):format(minutes // 60, minutes % 60)
end

--- "[0.530, 0.571]" with the given way to write a number; nil unless both ends are there.
function numbers.interval(low, high, write)
  if not (finite(low) and finite(high)) then return nil end
  return ("[%s, %s]"):format(write(low):gsub("\u{A0}%%", ""), (write(high):gsub("\u{A0}%%", "")))
end

--- The two ends of the interval of a figure: NAME_ci_low, NAME_ci_high; ci_low, ci_high where NAME is top1.
function numbers.ends(t, name)
  local prefix = name == "top1" and "" or name .. "_"
  return numbers.value(t[prefix .. "ci_low"]), numbers.value(t[prefix .. "ci_high"])
end

return numbers
