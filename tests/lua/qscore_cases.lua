-- qscore_cases.lua: Q-Scores worked out by hand: empty sets, constant rows, ties, options, errors.
local lunette = require "lunette"
local t = require "tap"
local qscore = lunette.qscore

local function close(a, b, what)
  if math.abs(a - b) > 1e-6 * math.max(1, math.abs(b)) then error({ failed = ("%s: got %.9g, expected %.9g"):format(what, a, b) }, 0) end
end

-- Mean 1, standard deviation sqrt(9 * 1 + 81) / 3 = sqrt(10).
local function peak() return { 10, 0, 0, 0, 0, 0, 0, 0, 0, 0 } end

t.case("a peak among zeros", function()
  local h = lunette.tensor { peak() }
  local q, count = qscore.score(h, { epsilon = 2, form = "v3" })
  t.equal(count:totable(), { 1 })
  close(q:totable()[1], 9, "10 - mean")
  q, count = qscore.score(h, { epsilon = 4, form = "v3" })
  t.equal({ q:totable(), count:totable() }, { { 0 }, { 0 } }, "beyond 4 deviations there is nothing")
  close(qscore.score(h, { form = "v1" }):totable()[1], 9 / math.sqrt(10), "v1")
end)

t.case("the threshold itself does not count", function()
  local h = lunette.tensor({ { 1, 1, 1, 1 } }, { dtype = "f64" })
  local q, count = qscore.score(h, { epsilon = 0, form = "v3" })
  t.equal({ q:totable(), count:totable() }, { { 0 }, { 0 } }, "a constant row")
  q, count = qscore.score(lunette.full({ 2, 333 }, 0.1), { epsilon = 0, form = "v3" })
  t.equal({ q:totable(), count:totable() }, { { 0, 0 }, { 0, 0 } }, "a constant that is not exact in binary")
  t.equal(qscore.score(lunette.zeros(2, 5), { form = "v1" }):totable(), { 0, 0 }, "v1 of zeros")
end)

t.case("features outside D do not count", function()
  local h = lunette.tensor { peak() }
  local q, count = qscore.score(h, { epsilon = 2, features = { 2, 3 } })
  t.equal({ q:totable(), count:totable() }, { { 0 }, { 0 } })
  close(qscore.score(h, { epsilon = 2, features = { 1, 2 } }):totable()[1], 9, "with feature 1")
  q, count = qscore.score(h, { epsilon = 2, features = {} })
  t.equal({ q:totable(), count:totable() }, { { 0 }, { 0 } }, "an empty D")
end)

t.case("activation shares and percentiles", function()
  -- feature k is the peak of k - 1 rows: shares 0, 0.1, 0.2, 0.3, 0.4 over 10 rows
  local rows = {}
  for k = 2, 5 do
    for _ = 1, k - 1 do
      local row = {}
      for j = 1, 10 do row[j] = j == k and 10 or 0 end
      rows[#rows + 1] = row
    end
  end
  local h = lunette.tensor(rows)
  local share = qscore.activation(h, { epsilon = 2 }):totable()
  for k = 1, 5 do close(share[k], (k - 1) / 10, "share of feature " .. k) end
  local D, low, high = qscore.discriminative(h, { epsilon = 2, low = 0.5, high = 0.95 })
  close(low, 0, "median over all")
  close(high, 0.3 + 0.1 * 0.55, "95th percentile over all")
  t.equal(D:totable(), { 1, 2, 3, 4, 6, 7, 8, 9, 10 })
  D, low, high = qscore.discriminative(h, { epsilon = 2, low = 1 / 3, high = 1, over = "nonzero" })
  close(low, 0.2, "lower third of the active ones")
  close(high, 0.4, "largest share")
  t.equal(D:totable(), { 3, 4, 5 }, "both ends belong to D")
  local none = qscore.discriminative(h, { epsilon = 50, over = "nonzero" })
  t.equal(none:numel(), 0, "no feature is ever active")
end)

t.case("Q, sets and shares do not depend on the number of threads", function()
  local h = lunette.ops.maximum(lunette.randn(700, 129, { seed = 4 }), 0)
  local function all()
    local q, n, m, s, a = lunette.ops.qscore_summary(h, { epsilon = 1 })
    local loss, _, _, norm = lunette.ops.qscore_regularizer(h, { epsilon = 1 })
    return q:tobytes() .. n:tobytes() .. m:tobytes() .. s:tobytes() .. a:tobytes() .. norm:tobytes() .. loss:tobytes()
  end
  local was = lunette.threads()
  lunette.threads(1)
  local one = all()
  for _, n in ipairs { 2, 3, 7 } do
    lunette.threads(n)
    t.ok(all() == one, n .. " threads")
  end
  lunette.threads(was)
end)

t.case("the regularizer's gradient raises low scores and lowers overactive columns", function()
  local h = lunette.ops.maximum(lunette.randn(32, 64, { seed = 5 }), 0)
  h.requires_grad = true
  local loss, q = qscore.regularizer(h, { low_weight = 1, over_weight = 0, epsilon = 1 })
  loss:backward()
  local better = qscore.regularizer(h:detach() - h.grad * 0.5, { low_weight = 1, over_weight = 0, epsilon = 1 })
  t.ok(better:item() < loss:item(), "a step down the gradient")
  t.equal(q:shape(), { 32 })
  local columns = qscore.regularizer(h:detach(), { low_weight = 0, over_weight = 1 }):item()
  local norm = h:detach():abs():sum({ 1 })
  local beta, sum = norm:mean():item(), 0
  for _, v in ipairs(norm:totable()) do sum = sum + (v > beta and v or 0) end
  close(columns, sum / 64, "by hand")
end)

t.case("halves are widened, sweeps count the empty", function()
  local h = lunette.ops.maximum(lunette.randn(50, 40, { seed = 6 }), 0)
  t.equal(qscore.score(h:to("bf16"), { form = "v3" }):dtype(), "f32")
  local correct = {}
  for i = 1, 50 do correct[i] = i % 3 ~= 0 end
  local rows = qscore.sweep(h, { epsilons = { 1, 4 }, correct = correct, form = "v3" })
  t.equal({ rows[1].epsilon, rows[2].epsilon, rows[1].n }, { 1, 4, 50 })
  t.ok(rows[1].empty_share < rows[2].empty_share, "fewer sets at epsilon 4")
  close(rows[1].base_rate, 34 / 50, "base rate")
  t.ok(rows[1].auroc and rows[1].auprc, "measures")
end)

t.case("no rows", function()
  local q, count = qscore.score(lunette.zeros(0, 8))
  t.equal({ q:shape(), count:shape() }, { { 0 }, { 0 } })
  t.equal(qscore.activation(lunette.zeros(0, 3)):totable(), { 0, 0, 0 })
end)

t.case("errors name what is wrong", function()
  local h = lunette.zeros(3, 4)
  t.raises(function() qscore.score(lunette.zeros(3)) end, "h must be (n,r)")
  t.raises(function() qscore.score({}) end, "h must be a tensor")
  t.raises(function() qscore.score(h, { epsilom = 1 }) end, "did you mean 'epsilon'")
  t.raises(function() qscore.score(h, { epsilon = -1 }) end, "at least 0")
  t.raises(function() qscore.score(h, { form = "v2" }) end, "\"v6\", \"v3\" or \"v1\"")
  t.raises(function() qscore.score(h, { features = { 0 } }) end, "features 1..4")
  t.raises(function() qscore.score(h, { features = { 5 } }) end, "features[1] is 5")
  t.raises(function() qscore.discriminative(h, { low = 0.9, high = 0.5 }) end, "low <= high")
  t.raises(function() qscore.discriminative(h, { over = "some" }) end, "\"all\" or \"nonzero\"")
end)

t.finish()
