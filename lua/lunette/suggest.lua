--- "did you mean": the nearest of the words one could have meant.

-- Edit distance in which swapping two neighbours counts once (optimal string alignment).
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = best
    end
  end
  return rows[#a][#b]
end

local suggest = { distance = distance }

--- nearest(word, candidates [, favoured]) -> the candidate one may have meant, or nil. Ties go to the candidate with the larger
--- favoured[candidate] (a number, 0 where there is none), then to the first in the alphabet.
function suggest.nearest(word, candidates, favoured)
  word = tostring(word)
  if #word > 64 then return nil end
  local sorted = table.move(candidates, 1, #candidates, 1, {})
  table.sort(sorted)
  local best, best_distance
  for _, candidate in ipairs(sorted) do
    local d = distance(word:lower(), candidate:lower())
    local allowed = math.max(1, math.max(#word, #candidate) // 3)
    local better = not best or d < best_distance
      or (d == best_distance and favoured and (favoured[candidate] or 0) > (favoured[best] or 0))
    if d <= allowed and d < math.max(#word, #candidate) and better then
      best, best_distance = candidate, d
    end
  end
  return best
end

--- hint(word, candidates [, list, favoured]) -> " (did you mean 'x'?)", or with `list` the few words there are, or "".
function suggest.hint(word, candidates, list, favoured)
  local best = suggest.nearest(word, candidates, favoured)
  if best then return (" (did you mean '%s'?)"):format(best) end
  if list and #candidates > 0 and #candidates <= 12 then
    local sorted = table.move(candidates, 1, #candidates, 1, {})
    table.sort(sorted)
    return (" (there %s: %s)"):format(#sorted == 1 and "is" or "are", table.concat(sorted, ", "))
  end
  return ""
end

return suggest
