-- models/positions.lua: a learned position embedding for another number of patches than it was learned for.
local lunette = require "lunette"

local positions = {}

-- Keys' cubic kernel (1981) with a = -0.75, PyTorch's choice for "bicubic".
local function cubic(x)
  local a = -0.75
  x = math.abs(x)
  if x <= 1 then return ((a + 2) * x - (a + 3)) * x * x + 1 end
  return x < 2 and ((x - 5) * x + 8) * x * a - 4 * a or 0
end

-- Weights of `from` places for each of `to`: to lists. DINO's code adds 0.1 to the new size, which its checkpoints saw.
local function weights(from, to)
  local rows, scale = {}, from / (to + 0.1)
  for i = 1, to do
    local at, row = (i - 0.5) * scale - 0.5, {}
    for j = 1, from do row[j] = 0 end
    local first = math.floor(at) - 1
    for k = first, first + 3 do
      local j = math.max(0, math.min(from - 1, k)) + 1
      row[j] = row[j] + cubic(at - k)
    end
    rows[i] = row
  end
  return rows
end

-- The matrix (rows * columns, grid * grid) that interpolates both axes.
local function matrix(grid, rows, columns, device)
  local down, across, list = weights(grid, rows), weights(grid, columns), {}
  for r = 1, rows do
    for c = 1, columns do
      local row = {}
      for i = 1, grid do
        for j = 1, grid do row[#row + 1] = down[r][i] * across[c][j] end
      end
      list[#list + 1] = row
    end
  end
  return lunette.tensor(list, {device = device})
end

-- embedding (1, 1 + grid * grid, d), the class token's first, bicubically interpolated to rows x columns patches: (1, 1 +
-- rows * columns, d). It is a matrix product, so the gradient goes through.
function positions.resized(embedding, grid, rows, columns)
  if rows == grid and columns == grid then return embedding end
  local s = embedding:shape()
  local patches = embedding:narrow(2, 2, s[2]):reshape(grid * grid, s[3])
  local m <close> = matrix(grid, rows, columns, embedding:device())
  return lunette.ops.cat(embedding:narrow(2, 1, 1), m:matmul(patches):reshape(1, rows * columns, s[3]), 2)
end

return positions
