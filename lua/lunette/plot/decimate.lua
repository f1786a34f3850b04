--- Fewer points for long lines.
local decimate = {}

local LIMIT = 1000 -- points in a line above which nothing more can be seen at chart size

--- Points that draw the same line: of each bucket the lowest and the highest stay, in their order.
-- x, y: arrays of finite numbers, x ascending. Returns them unchanged up to `limit` points.
function decimate.extremes(x, y, limit)
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

--- Means of `buckets` stretches of equal length: x, y, and how many values go into one.
function decimate.means(x, y, buckets)
  local n, out_x, out_y = #x, {}, {}
  for b = 0, buckets - 1 do
    local first, last = 1 + b * n // buckets, (b + 1) * n // buckets
    local sum_x, sum_y = 0, 0
    for i = first, last do sum_x, sum_y = sum_x + x[i], sum_y + y[i] end
    out_x[b + 1], out_y[b + 1] = sum_x / (last - first + 1), sum_y / (last - first + 1)
  end
  return out_x, out_y, n // buckets
end

--- Whether a line of n points is too long to be drawn point by point.
function decimate.is_long(n)
  return n > LIMIT
end

return decimate
