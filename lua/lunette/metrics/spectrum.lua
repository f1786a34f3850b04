--- Measures of how many directions a set of representations uses, from its spectrum.
local lunette = require "lunette"
local options_of = require "lunette.options"

local spectrum = {}

local ROWS = 4096 -- widened to f64 at a time

local function need_matrix(who, z)
  if not lunette.is_tensor(z) or z:ndim() ~= 2 or z:numel() == 0 then
    error(who .. ": expected representations (n,r), one per row, none of the two 0", 3)
  end
end

-- Z'Z where there are more rows than columns, else ZZ'; f64. Columns are centred by `mean` (1,r) where given.
local function gram(z, mean)
  local n, r = table.unpack(z:shape())
  if n < r then
    local x = z:to("f64")
    if mean then x = x - mean end
    return lunette.ops.matmul(x, x, { tb = true })
  end
  local sum
  for first = 1, n, ROWS do
    sum = lunette.scope(function()
      local x = z:narrow(1, first, math.min(n, first + ROWS - 1)):to("f64")
      if mean then x = x - mean end
      local part = lunette.ops.matmul(x, x, { ta = true })
      return sum and sum + part or part
    end)
  end
  return sum
end

-- Eigenvalues, largest first, rounding below 0 cut off.
local function eigenvalues(z, mean)
  return lunette.scope(lunette.no_grad, function()
    local ascending = lunette.ops.symmetric_eigenvalues(gram(z, mean)):totable()
    local list = {}
    for i = #ascending, 1, -1 do list[#list + 1] = math.max(0, ascending[i]) end
    return list
  end)
end

--- singular_values(z) -> list, largest first, min(n, r) of them.
function spectrum.singular_values(z)
  need_matrix("singular_values", z)
  local list = eigenvalues(z)
  for i, v in ipairs(list) do list[i] = math.sqrt(v) end
  return list
end

--- covariance_eigenvalues(z) -> list, largest first, min(n, r) of them (divided by n - 1).
function spectrum.covariance_eigenvalues(z)
  need_matrix("covariance_eigenvalues", z)
  local n = z:shape()[1]
  local list = lunette.scope(function() return eigenvalues(z, z:to("f64"):mean({ 1 }, true)) end)
  for i, v in ipairs(list) do list[i] = v / math.max(1, n - 1) end
  return list
end

--- rankme(z [, {eps = 1e-7}]) -> exp of the entropy of the singular values' shares + eps (Garrido et al. 2023): from 1,
--- all rows in one direction, to min(n, r).
function spectrum.rankme(z, given)
  options_of.check("rankme", given or {}, { eps = true })
  need_matrix("rankme", z)
  local eps, list, sum, entropy = given and given.eps or 1e-7, spectrum.singular_values(z), 0, 0
  for _, v in ipairs(list) do sum = sum + v end
  if sum == 0 then return nil, "rankme is undefined: all representations are 0" end
  for _, v in ipairs(list) do
    local p = v / sum + eps
    entropy = entropy - p * math.log(p)
  end
  return math.exp(entropy)
end

--- alpha_req(z [, {first = 5, last = 100}]) -> alpha of eigenvalue_i ~ i^-alpha, by least squares on logarithms over the
--- ranks first..last (fewer where there are fewer) of the covariance's eigenvalues, rank i with weight 1/i.
function spectrum.alpha_req(z, given)
  local o = given or {}
  options_of.check("alpha_req", o, { first = true, last = true })
  need_matrix("alpha_req", z)
  local list, w, x, y, xx, xy = spectrum.covariance_eigenvalues(z), 0, 0, 0, 0, 0
  local used = 0
  for i = o.first or 5, math.min(o.last or 100, #list) do
    if list[i] > list[1] * 1e-12 then
      local k, a, b = 1 / i, math.log(i), math.log(list[i])
      used, w, x, y, xx, xy = used + 1, w + k, x + k * a, y + k * b, xx + k * a * a, xy + k * a * b
    end
  end
  if used < 2 then return nil, "alpha_req is undefined: fewer than two eigenvalues in the range of ranks" end
  return -(w * xy - x * y) / (w * xx - x * x)
end

return spectrum
