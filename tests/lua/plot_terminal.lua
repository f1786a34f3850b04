-- lunette.plot.show: what is written for a terminal, and which way of drawing the environment chooses.
local t = require "tap"
local lunette = require "lunette"
local terminal = require "lunette.plot.terminal"

local function with(environment) return terminal.protocol(function(name) return environment[name] end) end

t.case("the environment chooses", function()
  t.equal(with { TERM = "xterm" }, "256")
  t.equal(with { TERM = "xterm", COLORTERM = "truecolor" }, "truecolor")
  t.equal(with { TERM = "xterm-kitty", COLORTERM = "truecolor" }, "kitty")
  t.equal(with { TERM = "xterm", TERM_PROGRAM = "iTerm.app" }, "iterm2")
  t.equal(with { TERM = "screen-256color", KITTY_WINDOW_ID = "1", TMUX = "/x", COLORTERM = "24bit" }, "truecolor")
end)

t.case("two rows of pixels make one row of half-blocks", function()
  local picture = lunette.tensor({ { { 255, 0 }, { 0, 255 } }, { { 0, 0 }, { 0, 255 } }, { { 0, 51 }, { 255, 255 } } }, { dtype = "u8" })
  t.equal(terminal.render(picture, "truecolor", 80),
    "\27[38;2;255;0;0m\27[48;2;0;0;255m\u{2580}\27[38;2;0;0;51m\27[48;2;255;255;255m\u{2580}\27[0m\n")
  t.equal(terminal.render(picture, "256", 80), "\27[38;5;196m\27[48;5;21m\u{2580}\27[38;5;17m\27[48;5;231m\u{2580}\27[0m\n")
  t.equal(terminal.render(lunette.ones(1, 1, 2), "truecolor", 80), "\27[38;2;255;255;255m\u{2580}\u{2580}\27[0m\n")
end)

t.case("a heatmap is stretched to its range, and NaN is as its least", function()
  local map = lunette.tensor { { -3, 7 }, { 0 / 0, 2 } }
  t.equal(terminal.render(map, "truecolor", 80),
    "\27[38;2;0;0;0m\27[48;2;0;0;0m\u{2580}\27[38;2;255;255;180m\27[48;2;190;40;80m\u{2580}\27[0m\n")
  t.equal(terminal.render(lunette.ones(1, 1), "256", 80), "\27[38;5;16m\u{2580}\27[0m\n")
end)

t.case("what is too wide shrinks in proportion", function()
  local lines, cells = 0, 0
  for line in terminal.render(lunette.rand(3, 40, 100), "truecolor", 20):gmatch "[^\n]+" do
    lines = lines + 1
    for _ in line:gmatch "\u{2580}" do cells = cells + 1 end
  end
  t.equal(lines, 4)
  t.equal(cells, 80)
end)

t.case("graphics protocols carry a PNG", function()
  local picture = lunette.rand(3, 64, 64)
  local text = terminal.render(picture, "kitty", 80)
  t.match(text, "^\27_Ga=T,f=100,m=1;iVBORw0KGgo")
  t.match(text, "\27_Gm=0;[%w+/=]+\27\\\n$")
  for part in text:gmatch ";([^;\27]*)\27\\" do t.ok(#part <= 4096 and #part > 0, "a part's size") end
  t.match(terminal.render(picture, "iterm2", 80), "^\27%]1337;File=inline=1;size=%d+:iVBORw0KGgo[%w+/=]+\a\n$")
end)

t.case("wrong arguments", function()
  local function refused(message, ...)
    local ok, why = pcall(lunette.plot.show, ...)
    t.equal(ok, false)
    t.match(why, message)
  end
  refused("expected a tensor, got a number", 3)
  refused("expected a heatmap %(h,w%) or a picture", lunette.ones(2, 3, 3))
  refused("protocol must be", lunette.ones(2, 2), { protocol = "sixel" })
  refused("columns must be a whole number above 0, got 0", lunette.ones(2, 2), { columns = 0 })
end)

t.finish()
