--- Nearest rows by cosine, in blocks of queries so that the similarities stay small.
local lunette = require "lunette"

local neighbours = {}

local BLOCK = 256

--- nearest(who, queries (n,d), bank (m,d), k) -> similarity (n,k), largest first, and positions in the bank (n,k); k is
--- cut to m.
function neighbours.nearest(who, queries, bank, k)
  if queries:ndim() ~= 2 or bank:ndim() ~= 2 or queries:shape()[2] ~= bank:shape()[2] then
    error(("%s: queries and bank must be (n,d) and (m,d), got (%s) and (%s)"):format(who, table.concat(queries:shape(), ","),
      table.concat(bank:shape(), ",")), 0)
  end
  local n, m = queries:shape()[1], bank:shape()[1]
  if math.type(k) ~= "integer" or k < 1 then error(("%s: k must be a whole number of at least 1, got %s"):format(who, tostring(k)), 0) end
  if m == 0 then error(who .. ": the bank is empty", 0) end
  k = math.min(k, m)
  return lunette.scope(lunette.no_grad, function()
    local unit = lunette.ops.normalize(bank:to("f32"))
    local device = bank:device()
    local similarity, position = lunette.zeros(n, k, { device = device }), lunette.zeros(n, k, { dtype = "i64", device = device })
    for first = 1, n, BLOCK do
      lunette.scope(function()
        local last = math.min(n, first + BLOCK - 1)
        local q = lunette.ops.normalize(queries:narrow(1, first, last):to("f32"))
        local s, p = lunette.ops.topk(lunette.ops.matmul(q, unit, { tb = true }), k)
        similarity:narrow(1, first, last):copy(s)
        position:narrow(1, first, last):copy(p)
      end)
    end
    return similarity, position
  end)
end

return neighbours
