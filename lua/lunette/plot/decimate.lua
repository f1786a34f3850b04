--- Fewer points that draw the same line: of each bucket the lowest and the highest stay, in their order.

local LIMIT = 1000 -- points in a line above which nothing more can be seen at chart size

--- x, y: arrays of finite numbers, x ascending. Returns them unchanged up to `limit` points.
local function decimate(x, y, limit)
  limit = limit or LIMIT
  local n = #x
  if n <= limit then return x, y end
  local out_x, out_y = { x[1] }, { y[1] }
  local buckets = (limit - 2) // 2
  for b = 0, buckets - 1 do
    local first, last = 2 + b * (n - 2) // buckets, 1 + (b + 1) * (n - 2) // buckets
    local low, high = first, first
    for i = first, last do
      if y[i] < y[low] then low = i end
      if y[i] > y[high] then high = i end
    end
    local a, z = math.min(low, high), math.max(low, high)
    out_x[#out_x + 1], out_y[#out_y + 1] = x[a], y[a]
    if z ~= a then out_x[#out_x + 1], out_y[#out_y + 1] = x[z], y[z] end
  end
  out_x[#out_x + 1], out_y[#out_y + 1] = x[n], y[n]
  return out_x, out_y
end

return decimate
