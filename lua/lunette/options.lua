-- options.lua: named options are checked wherever a table of them is taken: an unknown key is an error with a suggestion.
local options = {}

-- Edit distance of two short strings (Levenshtein; a swap of neighbours counts 1).
local function distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = {[0] = i}
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

-- The name in `names` (a set or a list) nearest to `word`, or nil if none is near.
function options.suggest(word, names)
  local best, score = nil, math.max(2, #word // 3) + 1
  for k, v in pairs(names) do
    local name = type(k) == "string" and k or v
    local d = distance(word, name)
    if d < score or (d == score and best and name < best) then best, score = name, d end
  end
  return best
end

-- Every key of `given` must be in the set `allowed`. level counts from the caller of check, 1 by default.
function options.check(who, given, allowed, level)
  if type(given) ~= "table" then error(who .. ": expected a table of options, got " .. type(given), (level or 1) + 2) end
  for k in pairs(given) do
    if not allowed[k] then
      local near = type(k) == "string" and options.suggest(k, allowed)
      error(("%s: unknown option '%s'%s"):format(who, tostring(k), near and (" (did you mean '" .. near .. "'?)") or ""), (level or 1) + 2)
    end
  end
end

return options
