-- The report's parts: HTML building, base64, the paired bootstrap, chart data.
local t = require "tap"
local data = require "lunette.report.data"
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local paired = require "lunette.report.paired"

local function near(got, expected, tolerance)
  if math.abs(got - expected) > tolerance then error(("got %.6g, expected %.6g"):format(got, expected), 2) end
end

t.case("text is escaped wherever it stands", function()
  t.equal(html.node("p", { title = '"><b>' }, "<i>", 3, nil, { "a&b", html.node("br") }).html,
    '<p title="&quot;&gt;&lt;b&gt;">&lt;i&gt;3a&amp;b<br></p>')
  t.match(html.table({ { "<th>" } }, { { "<td>" }, {} }).html, "&lt;td&gt;.*\u{2013}")
end)

t.case("base64", function()
  for input, output in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", ["\0\255\254"] = "AP/+" } do
    t.equal(html.base64(input), output)
  end
end)

t.case("numbers", function()
  t.equal(numbers.percent(0.6321), "63.2\u{A0}%")
  t.equal(numbers.points(-0.0215), "\u{2212}2.1")
  t.equal(numbers.points(0.0001), "0.0")
  t.equal(numbers.count(1234567), "1,234,567")
  t.equal(numbers.seconds(3725), "62 min")
  t.equal(numbers.seconds(148.3), "2 min 28 s")
  t.equal(numbers.interval(0.1, 0.25, numbers.percent), "[10.0, 25.0]")
  t.equal(numbers.interval(0.1, nil, numbers.unit), nil)
  t.equal(numbers.percent(nil), nil)
  t.equal(numbers.unit(0 / 0), nil)
end)

-- n pairs of which `gained` only the second and `lost` only the first probe gets right.
local function pairs_of(n, gained, lost)
  local both = n - gained - lost
  return ("1"):rep(both) .. ("0"):rep(gained) .. ("1"):rep(lost), ("1"):rep(both) .. ("1"):rep(gained) .. ("0"):rep(lost)
end

t.case("the paired bootstrap agrees with the normal approximation", function()
  for _, case in ipairs { { 2000, 300, 100 }, { 1000, 40, 42 }, { 10000, 6000, 500 } } do
    local n, gained, lost = table.unpack(case)
    local a, b = pairs_of(n, gained, lost)
    local d = paired.bootstrap(a, b)
    local mean = (gained - lost) / n
    local half = 1.96 * math.sqrt(((gained + lost) / n - mean ^ 2) / n)
    near(d.difference, mean, 1e-12)
    near(d.low, mean - half, 0.1 * half)
    near(d.high, mean + half, 0.1 * half)
    t.equal(d.gained, gained)
    t.equal(d.lost, lost)
  end
end)

t.case("samples that several seeds judged are resampled whole", function()
  local a, b = pairs_of(1000, 150, 50)
  local one, many = paired.bootstrap(a, b), paired.bootstrap_groups({a}, {b})
  near(many.difference, one.difference, 1e-12)
  near(many.low, one.low, 0.003)
  near(many.high, one.high, 0.003)
  local same = paired.bootstrap_groups({a, a, a}, {b, b, b}) -- three times the same says no more than once
  t.equal({same.difference, same.low, same.high}, {many.difference, many.low, many.high})
  local other = paired.bootstrap_groups({a, b}, {b, a}) -- what one seed gains on an image, the other loses
  t.equal({other.difference, other.low, other.high}, {0, 0, 0})
  t.equal(select(2, paired.bootstrap_groups({a}, {b .. "1"})), "different numbers of samples: 1000 and 1001")
  t.equal(select(2, paired.bootstrap_groups({}, {})), "no flags per sample")
end)

t.case("the paired bootstrap repeats itself and turns round", function()
  local a, b = pairs_of(500, 60, 20)
  local one, two = paired.bootstrap(a, b), paired.bootstrap(a, b)
  t.equal(one.low, two.low)
  t.equal(one.high, two.high)
  local back = paired.bootstrap(b, a)
  t.equal(back.difference, -one.difference)
  near(back.low, -one.high, 0.01)
  local same = paired.bootstrap(a, a)
  t.equal(same.low, 0)
  t.equal(same.high, 0)
  local all = paired.bootstrap("000", "111")
  t.equal(all.low, 1)
end)

t.case("flags that cannot be paired are refused with a reason", function()
  local function why(a, b) return select(2, paired.bootstrap(a, b)) end
  t.match(why(nil, "01"), "no flags")
  t.match(why("01", "011"), "different numbers of samples: 2 and 3")
  t.match(why("0x", "01"), "must be 0 or 1")
  t.match(why("", ""), "must be 0 or 1")
end)

t.case("Newcombe's interval, example of his paper: 56/70 - 48/80", function()
  -- Wilson intervals of the two shares, by the formula in the same paper
  local function wilson(k, n)
    local z, p = 1.959964, k / n
    local middle, half = p + z ^ 2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z ^ 2 / (4 * n ^ 2))
    return { top1 = p, ci_low = (middle - half) / (1 + z ^ 2 / n), ci_high = (middle + half) / (1 + z ^ 2 / n) }
  end
  local d = paired.newcombe(wilson(48, 80), wilson(56, 70))
  near(d.difference, 0.2, 1e-9)
  near(d.low, 0.0524, 5e-5)
  near(d.high, 0.3339, 5e-5)
  t.equal(paired.newcombe({ top1 = 0.5 }, { top1 = 0.6 }), nil)
end)

local function list(values)
  local out = {}
  for i, v in ipairs(values) do out[i] = ("%.4g"):format(v) end
  return table.concat(out, " ")
end

t.case("chart data of the Q-Score", function()
  local out = data.qscore({ 3, 2, 2, 1, 0, 0 }, { true, true, false, false, true, 0 }, { bins = 2 })
  t.equal(list(out.histogram.correct), "0 2")
  t.equal(list(out.histogram.wrong), "1 1")
  t.equal(out.histogram.zero.correct, 1)
  t.equal(out.histogram.zero.wrong, 1)
  -- thresholds 3 | 2 (tied) | 1 | 0 (tied): hits 1 2 2 3, misses 0 1 2 3
  t.equal(list(out.pr.recall), "0.3333 0.6667 0.6667 1")
  t.equal(list(out.pr.precision), "1 0.6667 0.5 0.5")
  t.equal(list(out.roc.fpr), "0 0 0.3333 0.6667 1")
  t.equal(data.flags { true, false, 1, 0 }, "1010")
  t.raises(function() data.qscore({ 1 }, {}) end, "one length, got 1 and 0")
  t.raises(function() data.qscore({ 0 / 0 }, { true }) end, "score 1 must be a finite number")
end)

t.case("chart data stays small", function()
  local scores, correct = {}, {}
  for i = 1, 20000 do scores[i], correct[i] = (i * 7919) % 20011, i % 3 == 0 end
  local out = data.qscore(scores, correct)
  t.equal(#out.pr.recall, 200)
  t.equal(out.pr.recall[200], 1)
  t.equal(#out.roc.fpr, 201)
  t.equal(out.roc.tpr[201], 1)
end)

t.case("one outcome only", function()
  local out = data.qscore({ 1, 2 }, { false, false })
  t.equal(#out.pr.recall, 0)
  t.equal(out.roc.fpr[#out.roc.fpr], 1)
end)

t.finish()
