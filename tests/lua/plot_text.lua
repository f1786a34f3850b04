-- Escaping, number formats and ticks: what every chart's text goes through.
local t = require "tap"
local measure = require "lunette.plot.measure"
local svg = require "lunette.plot.svg"
local ticks = require "lunette.plot.ticks"
local xml = require "lunette.plot.xml"

t.case("markup is escaped", function()
  t.equal(xml.escape([[<script>&"']]), "&lt;script&gt;&amp;&quot;&#39;")
  t.equal(xml.escape("]]>"), "]]&gt;")
end)

t.case("bytes that XML forbids become U+FFFD", function()
  t.equal(xml.escape("a\0b\27c"), "a\u{FFFD}b\u{FFFD}c")
  t.equal(xml.escape("caf\u{E9} \xff!"), "caf\u{E9} \u{FFFD}!")
  t.equal(xml.escape("\xed\xa0\x80"), "\u{FFFD}\u{FFFD}\u{FFFD}") -- a surrogate in UTF-8
  t.equal(xml.escape("\u{FFFE}x\u{202E}"), "\u{FFFD}x\u{FFFD}")
  t.equal(xml.escape("line\nand\ttab"), "line\nand\ttab")
end)

t.case("coordinates have two decimals and one zero", function()
  t.equal(svg.number(1 / 3), "0.33")
  t.equal(svg.number(-0.001), "0")
  t.equal(svg.number(100), "100")
  t.equal(svg.number(2.5), "2.5")
  t.raises(function() svg.number(0 / 0) end, "not finite")
  t.raises(function() svg.number(math.huge) end, "not finite")
end)

local function labels(list)
  local out = {}
  for i, tick in ipairs(list) do out[i] = tick.label end
  return table.concat(out, " ")
end

t.case("ticks step by 1, 2 or 5", function()
  t.equal(labels(ticks.linear(0, 1, 5)), "0.0 0.2 0.4 0.6 0.8 1.0")
  t.equal(labels(ticks.linear(0, 0.1, 5)), "0.00 0.02 0.04 0.06 0.08 0.10")
  t.equal(labels(ticks.linear(-3, 7, 5)), "-2 0 2 4 6")
  t.equal(labels(ticks.linear(0, 100000, 5)), "0 20k 40k 60k 80k 100k")
  t.equal(labels(ticks.linear(0, 5e6, 5)), "0 1M 2M 3M 4M 5M")
  t.equal(labels(ticks.linear(0, 1e-5, 5)), "0 2e-6 4e-6 6e-6 8e-6 1e-5")
end)

t.case("ticks never come out empty", function()
  local low, high = ticks.widen(5, 5)
  t.equal(low < 5 and high > 5, true)
  low, high = ticks.widen(0, 0)
  t.equal(low < 0 and high > 0, true)
  low, high = ticks.widen(nil, nil)
  t.equal(low < high, true)
  low, high = ticks.widen(0 / 0, 1)
  t.equal(low < high, true)
end)

t.case("logarithmic ticks", function()
  t.equal(labels(ticks.log(1, 1000)), "1 2 5 10 20 50 100 200 500 1000")
  t.equal(labels(ticks.log(1e-6, 1e2)), "1e-6 1e-5 1e-4 0.001 0.01 0.1 1 10 100")
end)

t.case("a text is cut to its room", function()
  t.equal(measure.fit("short", 12, 100), "short")
  local cut = measure.fit(("long "):rep(20), 12, 60)
  t.match(cut, "\u{2026}$")
  t.equal(measure.width(cut, 12) <= 60, true)
end)

t.finish()
