--- Axis ticks in the steps 1, 2, 5 and their labels.
local ticks = {}

--- The step of 1, 2 or 5 times a power of ten that cuts [low, high] into at most `count` parts.
local function nice_step(low, high, count)
  local raw = (high - low) / count
  local power = 10.0 ^ math.floor(math.log(raw, 10) + 1e-9)
  for _, factor in ipairs { 1, 2, 5 } do
    if factor * power >= raw * (1 - 1e-9) then return factor * power end
  end
  return 10 * power
end

local function trim(s)
  if s:find(".", 1, true) then s = s:gsub("0+$", ""):gsub("%.$", "") end
  return s == "-0" and "0" or s
end

-- 2e-5 rather than 2.0e-05; as many digits as tell ticks that lie `step` apart from each other.
local function scientific(v, step)
  local digits = step and math.max(1, math.ceil(math.log(math.abs(v) / step, 10) - 1e-9)) or 1
  return (("%." .. math.min(digits, 12) .. "e"):format(v):gsub("(%.%d-)0+e", "%1e"):gsub("%.e", "e")
    :gsub("e([+-])0*", "e%1"):gsub("e%+", "e"))
end

--- A short form of v for an axis whose ticks lie `step` apart.
function ticks.label(v, step)
  local size = math.max(math.abs(v), step)
  if size >= 1e6 and size < 1e9 then return trim(("%.6f"):format(v / 1e6)) .. (v == 0 and "" or "M") end
  if size >= 1e4 and size < 1e6 then return trim(("%.4f"):format(v / 1e3)) .. (v == 0 and "" or "k") end
  if size >= 1e9 or step < 1e-4 then return v == 0 and "0" or scientific(v, step) end
  local decimals = math.max(0, -math.floor(math.log(step, 10) + 1e-9))
  local s = ("%." .. decimals .. "f"):format(v)
  return tonumber(s) == 0 and s:gsub("^%-", "") or s
end

--- A range that is never empty: finite, low < high.
function ticks.widen(low, high)
  if not low or low ~= low or high ~= high or low > high then return 0, 1 end
  if high - low > 1e-12 * math.max(math.abs(low), math.abs(high)) then return low, high end
  local pad = low == 0 and 0.5 or math.abs(low) * 0.1
  return low - pad, high + pad
end

--- Tick positions and labels inside [low, high]: list of {at=, label=}, and the step.
-- whole: no fractions between the ticks, for axes that count epochs or steps.
function ticks.linear(low, high, count, whole)
  local step = nice_step(low, high, count or 5)
  if whole then step = math.max(step, 1) end
  local out = {}
  local first = math.ceil(low / step - 1e-9)
  for i = first, math.floor(high / step + 1e-9) do
    out[#out + 1] = { at = i * step, label = ticks.label(i * step, step) }
  end
  return out, step
end

--- [low, high] grown to whole steps.
function ticks.round_out(low, high, count)
  local step = nice_step(low, high, count or 5)
  return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
end

local function log_label(v)
  if v >= 1e-3 and v < 1e4 then return (("%.4g"):format(v)) end
  return scientific(v)
end

--- Ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where the range is short.
function ticks.log(low, high)
  local out = {}
  local first, last = math.floor(math.log(low, 10) - 1e-9), math.ceil(math.log(high, 10) + 1e-9)
  local decades = math.log(high / low, 10)
  local factors = decades <= 0.7 and { 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9 } or decades <= 3 and { 1, 2, 5 } or { 1 }
  local stride = math.max(1, math.ceil((last - first) / 10))
  for p = first, last, stride do
    for _, factor in ipairs(factors) do
      local v = factor * 10.0 ^ p
      if v >= low * (1 - 1e-9) and v <= high * (1 + 1e-9) then out[#out + 1] = { at = v, label = log_label(v) } end
    end
  end
  return out
end

return ticks
