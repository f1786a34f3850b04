-- How ops are called from Lua: positions, names, lists, axes from 1, defaults, and the one-line errors.
local lunette = require "lunette"
local t = require "tap"
local ops = lunette.ops

local function complains(words, f, ...)
  local ok, message = pcall(f, ...)
  t.ok(not ok, "raises")
  t.match(message, "ops_binding%.lua:%d+: ")
  t.ok(not message:find("\n", 1, true), "one line: " .. message)
  t.ok(message:find(words, 1, true), ("'%s' in '%s'"):format(words, message))
end

local x = lunette.tensor {{1, 2, 3}, {4, 5, 6}}

t.case("arguments by position and by name", function()
  t.equal(ops.narrow(x, 2, 1, 2):totable(), {{1.0, 2.0}, {4.0, 5.0}})
  t.equal(ops.narrow(x, {axis = 2, start = 1, stop = 3, step = 2}):totable(), {{1.0, 3.0}, {4.0, 6.0}})
  t.equal(ops.narrow({x = x, axis = -1, start = 3, stop = 3}):totable(), {{3.0}, {6.0}})
  t.equal(x:narrow(1, 2, 2):totable(), {{4.0, 5.0, 6.0}})
  t.equal(ops.cast(x, "i64"):dtype(), "i64")
  t.equal(ops.sum(x, nil, {keep = true}):shape(), {1, 1})
  t.equal(ops.sum(x, nil, true):shape(), {1, 1}, "nil leaves an argument out")
end)

t.case("lists of numbers", function()
  t.equal(x:reshape(3, 2):shape(), {3, 2})
  t.equal(x:reshape({3, 2}):shape(), {3, 2})
  t.equal(x:reshape(-1):shape(), {6})
  t.equal(x:reshape({shape = {6}}):shape(), {6})
  t.equal(lunette.ones(1):reshape({}):shape(), {})
  t.equal(x:permute(2, 1):shape(), {3, 2})
  t.equal(x:sum(1):totable(), {5.0, 7.0, 9.0}, "axes count from 1")
  t.equal(x:sum({2}, {keep = true}):totable(), {{6.0}, {15.0}})
end)

t.case("axes and positions count from 1", function()
  local y, positions = x:max(2)
  t.equal(y:totable(), {3.0, 6.0})
  t.equal(positions:totable(), {3, 3})
  t.equal(x:argmax(1):totable(), {2, 2, 2})
  t.equal(({"cat", "dog", "eel"})[x[1]:argmax():item()], "eel", "a position indexes a Lua table")
  t.equal(x:select(2, 1):totable(), {1.0, 4.0})
  t.equal(ops.cat(x, x, 2):shape(), {2, 6})
  t.equal(ops.cat(x, x):shape(), {4, 3})
  complains("cat: axis is 0, but axes count from 1", ops.cat, x, x, 0)
  complains("cat: axis must be an axis 1..2 (or -2..-1), got 3", ops.cat, x, x, 3)
  complains("select: position 0 is outside axis 1, which holds 1..2 (positions count from 1)", ops.select, x, 1, 0)
end)

t.case("numbers stand in for the second tensor of pointwise ops", function()
  t.equal(ops.maximum(x, 4)[1]:totable(), {4.0, 4.0, 4.0})
  t.equal(x:eq(5)[2]:totable(), {false, true, false})
  complains("relu: argument 1, x, must be a tensor, got the number 1", ops.relu, 1)
end)

t.case("wrong arguments", function()
  complains("unknown op 'sofmax' (did you mean 'softmax'?)", function() return ops.sofmax end)
  complains("reshape: argument 1, x, is missing: a tensor was expected", ops.reshape, nil, 2)
  complains("relu: argument 1, x, is missing", ops.relu)
  complains("relu: takes 1 argument (x), got 2", ops.relu, x, 2)
  complains("narrow: unknown option 'axes' (did you mean 'axis'?); arguments: x, axis, start, stop, step", ops.narrow, x, {axes = 1})
  complains("narrow: axis is given twice", ops.narrow, x, 1, {axis = 1})
  complains("narrow: argument 4, stop, is missing", ops.narrow, x, 1, 1)
  complains("narrow: argument 3, start, must be a whole number, got the number 1.5", ops.narrow, x, 1, 1.5, 2)
  complains("reshape: argument 2, shape, must be whole numbers", ops.reshape, x, {1, "a"})
  complains("reshape: shape takes at most 8 numbers, got 9", ops.reshape, x, 1, 1, 1, 1, 1, 1, 1, 1, 1)
  complains("cast: dtype must be one of", ops.cast, x, "float")
  complains("sum: argument 3, keep, must be true or false, got the number 1", ops.sum, x, {keep = 1})
  complains("full_like: value must be finite", ops.full_like, x, 1 / 0)
  complains("reshape: shape (4,4) does not hold the 6 elements of x (2,3)", ops.reshape, x, 4, 4)
  complains("sgd_step: params[2] must be a tensor, got the number 1", ops.sgd_step, {x, 1}, {x, x}, {}, 0.1)
  complains("the last table must hold options by name", ops.narrow, x, 1, 1, 2, 1, {1, a = 2})
end)

t.case("lists of tensors are written in place", function()
  local p, g, b = lunette.ones(2), lunette.full(2, 2), lunette.zeros(2)
  ops.sgd_step({p}, {g}, {b}, 0.25, {momentum = 0})
  t.equal(p:totable(), {0.5, 0.5})
end)

t.case("the position shown is the script's, not the library's", function()
  local f = load("local x = ... return x:reshape(4, 4)", "@lunette/inside.lua")
  local ok, message = pcall(function() local y = f(x) return y end)
  t.equal(ok, false)
  t.match(message, "^[^\n]*ops_binding%.lua:%d+: reshape")
end)

t.case("a NaN names the op that made it", function()
  lunette.debug.trace_nan(true)
  local ok, message = pcall(function() return (lunette.tensor {-1}):log() + 1 end)
  lunette.debug.trace_nan(false)
  t.equal(ok, false)
  t.match(message, "log: output y")
  t.equal((lunette.last_error()), "divergence")
end)

t.case("a NaN in a gradient names the op whose gradient it is, an infinity only if asked", function()
  local zero = lunette.zeros(2)
  zero.requires_grad = true
  local function traced(...)
    lunette.debug.trace_nan(true, ...)
    local ok, message = pcall(function() (zero * 0):sqrt():sum():backward() end)
    lunette.debug.trace_nan(false)
    return ok, message
  end
  local ok, message = traced()
  t.equal(ok, false)
  t.match(message, "gradient of mul: mul: output y %(2%) holds NaN, and")
  ok, message = traced(true)
  t.equal(ok, false)
  t.match(message, "gradient of sqrt: sqrt_grad: output dx %(2%) holds NaN or infinity, and")
  t.raises(function() lunette.debug.trace_nan(true, 1) end, "boolean expected")
end)

-- oneDNN wrote beyond its memory here, which glibc notices at one of the next allocations.
t.case("weight gradients of 1 x 1 convolutions with stride and few channels stay in their memory", function()
  for i = 1, 100 do
    local c, k = 2 + i % 5, 1 + i % 7
    local images, dy = lunette.rand(4, c, 8, 8), lunette.rand(4, k, 4, 4)
    local dw = lunette.ops.conv2d_dw(images, dy, {kernel_h = 1, kernel_w = 1, stride = 2})
    local direct = (images[{{}, {1}, {1, 8, 2}, {1, 8, 2}}] * dy[{{}, {1}}]):sum():item()
    t.ok(math.abs(dw:totable()[1][1][1][1] - direct) < 1e-3 * direct)
  end
  collectgarbage()
end)

t.finish()
