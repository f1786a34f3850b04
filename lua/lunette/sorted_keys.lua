--- sorted_keys(map) -> the keys of a table, all strings or all numbers, in order: what is printed or hashed must not depend on pairs.
return function(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end
