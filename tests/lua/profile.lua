-- debug.profile: counts and seconds of ops, forward, backward and within the backward pass.
local t = require "tap"
local lunette = lunette

local function by_name(rows)
  local found = {}
  for _, row in ipairs(rows) do found[row.op] = row end
  return found
end

t.case("counts runs, gradients, and what ran for the gradients", function()
  local x, w = lunette.randn(8, 4), lunette.randn(4, 3, {requires_grad = true})
  local rows = lunette.debug.profile(function()
    local y = x:matmul(w)
    y:square():sum():backward()
    x:matmul(w)
  end)
  local found = by_name(rows)
  t.equal({found.matmul.forward, found.matmul.backward, found.matmul.within}, {2, 1, 1})
  t.equal({found.square.forward, found.square.backward}, {1, 1})
  t.equal(found.exp, nil)
end)

t.case("results follow the rows; an error ends the profile", function()
  local rows, a, b = lunette.debug.profile(function(...) return ... end, 3, "x")
  t.equal({#rows, a, b}, {0, 3, "x"})
  t.equal(pcall(lunette.debug.profile, function() error "no" end), false)
  t.equal(#lunette.debug.profile(function() end), 0)
  local ok, message = pcall(lunette.debug.profile, function() lunette.debug.profile(print) end)
  t.equal(ok, false)
  t.match(message, "do not nest")
end)

-- A convolution of a transposed image runs channels_last for it: the copy's time is its own.
t.case("seconds are each op's own and add up to no more than the whole", function()
  local x = lunette.randn(8, 16, 32, 32)
  local w = lunette.randn(16, 16, 3, 3, {requires_grad = true})
  local rows = lunette.debug.profile(function()
    for _ = 1, 3 do lunette.ops.conv2d(x, w, {padding = 1}):square():sum():backward() end
  end)
  local found, sum, within, gradients = by_name(rows), 0, 0, 0
  for i, row in ipairs(rows) do
    t.ok(row.forward_seconds >= 0 and row.within_seconds >= 0 and row.backward_seconds >= 0, row.op)
    t.equal(row.seconds, row.forward_seconds + row.within_seconds)
    t.ok(i == 1 or row.seconds <= rows[i - 1].seconds, "costliest first")
    sum, within, gradients = sum + row.seconds, within + row.within_seconds, gradients + row.backward_seconds
  end
  t.ok(found.conv2d.forward_seconds > 0 and found.conv2d_dw.within_seconds > 0, "time was taken")
  t.equal({found.conv2d.forward, found.conv2d.backward, found.conv2d_dw.within, found.conv2d_dw.forward}, {3, 3, 3, 0})
  t.ok(found.channels_last and found.channels_last.forward >= 3, "the copy counts")
  t.ok(sum <= rows.seconds, ("%g of %g"):format(sum, rows.seconds))
  t.ok(found.conv2d.backward_seconds >= found.conv2d_dw.within_seconds, "a gradient holds what ran for it")
  t.ok(gradients <= sum - found.conv2d.forward_seconds, "a gradient is no forward time")
  t.match(tostring(rows), "conv2d_dw +%d")
end)

t.finish()
