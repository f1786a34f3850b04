--- Histogram of one or two groups over the same bins, each group normalised to its own size.
--
-- options.groups = { {name=, counts=, n=} } with options.edges (bins + 1 ascending numbers), or
-- { {name=, values=} } with options.bins (default 30): the edges are then cut from the common range.
-- n (default: the sum of counts) is what the legend shows and the shares are taken of.
-- Further options: title, x_label, width, height. The first group is filled, the second outlined.
local frame = require "lunette.plot.frame"
local palette = require "lunette.plot.palette"
local ticks = require "lunette.plot.ticks"

local histogram = {}

--- Counts of values between the edges; both ends belong to the outer bins, anything outside is not counted.
function histogram.count(values, edges)
  local bins, counts = #edges - 1, {}
  for i = 1, bins do counts[i] = 0 end
  for i = 1, #values do
    local v = values[i]
    if v >= edges[1] and v <= edges[bins + 1] then
      local low, high = 1, bins
      while low < high do
        local middle = (low + high + 1) // 2
        if v >= edges[middle] then low = middle else high = middle - 1 end
      end
      counts[low] = counts[low] + 1
    end
  end
  return counts
end

--- `bins` equal parts of [low, high]: bins + 1 edges.
function histogram.edges(low, high, bins)
  low, high = ticks.widen(low, high)
  local out = {}
  for i = 0, bins do out[i + 1] = low + (high - low) * i / bins end
  return out
end

local function thousands(n)
  local s = ("%d"):format(n)
  while true do
    local grouped, changed = s:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
    if changed == 0 then return s end
    s = grouped
  end
end

local function outline(f, edges, shares)
  local points = { f:px(edges[1]), f:py(0) }
  for i = 1, #shares do
    for _, edge in ipairs { edges[i], edges[i + 1] } do
      points[#points + 1], points[#points + 2] = f:px(edge), f:py(shares[i])
    end
  end
  points[#points + 1], points[#points + 2] = f:px(edges[#edges]), f:py(0)
  return points
end

function histogram.draw(options)
  local edges, groups = options.edges, options.groups
  if not edges then
    local all = {}
    for i, group in ipairs(groups) do all[i] = group.values end
    local low, high = frame.range(all)
    edges = histogram.edges(low, high, options.bins or 30)
  end
  local legend, shares, top, total = {}, {}, 0, 0
  for g, group in ipairs(groups) do
    local counts, n = group.counts or histogram.count(group.values, edges), group.n
    if #counts ~= #edges - 1 then
      error(("plot: histogram: group '%s' needs %d counts for %d edges, got %d"):format(
        tostring(group.name), #edges - 1, #edges, #counts), 2)
    end
    if not n then
      n = 0
      for _, count in ipairs(counts) do n = n + count end
    end
    shares[g], total = {}, total + n
    for i, count in ipairs(counts) do
      shares[g][i] = n > 0 and count / n or 0
      top = math.max(top, shares[g][i])
    end
    legend[g] = { name = ("%s (n = %s)"):format(group.name, thousands(n)), role = palette.series(g),
      mark = g == 1 and "box" or "outline" }
  end
  local f = frame.new {
    title = options.title, x_label = options.x_label, y_label = options.y_label or "share of the group", percent_y = true,
    x = { edges[1], edges[#edges] }, y = { 0, top }, legend = legend, width = options.width, height = options.height,
    note = total == 0 and "no values" or nil,
  }
  for g, group in ipairs(groups) do
    local role, points = palette.series(g), outline(f, edges, shares[g])
    if g == 1 then f.list:polyline(points, { fill = role, fill_opacity = 0.4, closed = true }) end
    f.list:polyline(points, { stroke = role, width = g == 1 and 1 or 2 })
    for i, share in ipairs(shares[g]) do
      if share > 0 then -- an invisible bar that carries the tooltip
        f.list:rect(f:px(edges[i]), f:py(share), f:px(edges[i + 1]) - f:px(edges[i]), f:py(0) - f:py(share), {
          fill = role, fill_opacity = 0,
          title = ("%s: %.1f %% in %s to %s"):format(group.name, 100 * share, frame.short(edges[i]), frame.short(edges[i + 1])) })
      end
    end
  end
  return f:close()
end

return histogram
