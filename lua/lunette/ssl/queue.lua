-- ssl/queue.lua: embeddings of earlier batches, the newest in place of the oldest. Rows and position are buffers, so that a
-- resumed run goes on where it stopped.
local lunette = require "lunette"
local nn = require "lunette.nn"

local Queue = nn.module.class("Queue")

-- Queue(size, width[, {seed =, name =}]): size rows of this width; random unit rows with a seed, else zeros. A batch need
-- not divide the size: what does not fit at the end goes on at the beginning.
function Queue:build(size, width, random)
  self.size = size
  self:buffer("rows", {size, width})
  self:buffer("next", {1}, 1, "i64", true)   -- position of the next row
  self:buffer("filled", {1}, 0, "i64", true) -- how many rows were ever written, at most size
  if random then
    local rows <close> = lunette.ops.random_normal({size, width}, {seed = random.seed, stream = "init/" .. random.name})
    local unit <close> = rows:normalize()
    self.rows:copy(unit)
  end
end

-- rows (n,width), n at most size.
function Queue:push(rows)
  local n, at = rows:shape()[1], self.next:item()
  lunette.ops.enqueue(self.rows, rows, at)
  lunette.ops.fill(self.next, (at - 1 + n) % self.size + 1)
  lunette.ops.fill(self.filled, math.min(self.size, self.filled:item() + n))
end

-- Whether every row was written.
function Queue:full() return self.filled:item() == self.size end

return {Queue = Queue}
