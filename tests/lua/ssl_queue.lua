-- ssl_queue.lua: the moving average of a network's parameters, and the ring buffer of past batches.
local lunette = require "lunette"
local t = require "tap"
local ops = lunette.ops

t.case("ema_update moves every target towards its source", function()
  local big = lunette.randn(300, 401, {seed = 1})
  local targets, sources = {big:clone(), lunette.tensor{1, 2}}, {lunette.randn(300, 401, {seed = 2}), lunette.tensor{5, -2}}
  local expected = big * 0.75 + sources[1] * 0.25
  ops.ema_update(targets, sources, {momentum = 0.75})
  t.equal(targets[2]:totable(), {2, 1})
  t.ok((targets[1] - expected):abs():reshape(-1):max(1):item() < 1e-6, "the large tensor")
  ops.ema_update(targets, sources, {momentum = 0})
  t.equal(targets[2]:totable(), {5, -2}, "momentum 0 copies")
end)

t.case("ema_update refuses what does not pair up, and says which", function()
  local a, b = lunette.zeros(3), lunette.zeros(4)
  t.raises(function() ops.ema_update({a}, {b}, {momentum = 0.9}) end, "ema_update: sources[1] must have the shape and dtype of targets[1]")
  t.raises(function() ops.ema_update({a, a}, {a}, {momentum = 0.9}) end, "as many tensors as targets, 2, got 1")
  t.raises(function() ops.ema_update({a}, {a}, {momentum = 1.5}) end, "momentum must lie between 0 and 1, got 1.5")
end)

t.case("enqueue goes round the ring", function()
  local queue, at = lunette.zeros(5, 1), 1
  local function add(...)
    local rows = lunette.tensor{...}:reshape(-1, 1)
    ops.enqueue(queue, rows, {at = at})
    at = (at - 1 + rows:shape()[1]) % 5 + 1
  end
  add(1, 2)
  add(3, 4)
  t.equal(queue:reshape(-1):totable(), {1, 2, 3, 4, 0})
  add(5, 6)
  t.equal(queue:reshape(-1):totable(), {6, 2, 3, 4, 5})
  t.equal(at, 2)
  add(7, 8, 9, 10, 11)
  t.equal(queue:reshape(-1):totable(), {11, 7, 8, 9, 10})
end)

t.case("enqueue refuses positions and batches that do not fit", function()
  local queue = lunette.zeros(3, 2)
  t.raises(function() ops.enqueue(queue, lunette.zeros(1, 2), {at = 0}) end, "at must lie in 1..3, got 0 (positions count from 1)")
  t.raises(function() ops.enqueue(queue, lunette.zeros(4, 2), {at = 1}) end, "the queue holds 3 rows, 4 do not fit")
  t.raises(function() ops.enqueue(queue, lunette.zeros(1, 3), {at = 1}) end, "as many columns as queue, 2, got 3")
  t.raises(function() ops.enqueue(queue, queue:narrow(1, 2, 3), {at = 1}) end, "must not share memory")
end)

t.finish()
