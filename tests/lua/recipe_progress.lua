local t = require "tap"
local progress = require "lunette.recipe.progress"

-- A stream that keeps what was written, and a clock that is set by hand.
local function fixture(options)
  local stream = { text = "" }
  function stream:write(...)
    self.text = self.text .. table.concat { ... }
    return self
  end
  function stream:flush() return self end
  local now = { at = 100 }
  local environment = options.env or { TERM = "xterm" }
  local p = progress.new {
    mode = options.mode,
    stream = stream,
    tty = options.tty or false,
    width = options.width or 80,
    clock = function() return now.at end,
    getenv = function(name) return environment[name] end,
  }
  return p, stream, now
end

t.case("auto: a bar on a terminal, plain lines elsewhere or where a line cannot be redrawn", function()
  t.equal(fixture({ tty = true }).mode, "bar")
  t.equal(fixture({ tty = false }).mode, "plain")
  t.equal(fixture({ tty = true, env = { TERM = "dumb" } }).mode, "plain")
  t.equal(fixture({ tty = true, env = {} }).mode, "plain")
  t.equal(fixture({ tty = true, mode = "none" }).mode, "none")
  t.equal(fixture({ tty = false, mode = "bar" }).mode, "bar")
end)

t.case("colour: on a terminal's bar only, and never with NO_COLOR", function()
  t.equal(fixture({ tty = true }).colour, true)
  t.equal(fixture({ tty = true, env = { TERM = "xterm", NO_COLOR = "1" } }).colour, false)
  t.equal(fixture({ tty = true, env = { TERM = "xterm", NO_COLOR = "" } }).colour, true)
  t.equal(fixture({ tty = false, mode = "bar" }).colour, false)
  t.equal(fixture({ tty = true, mode = "plain" }).colour, false)
end)

local function run(p, now)
  p:stage("pretrain", "simclr", 2, 7)
  for epoch = 1, 2 do
    for step = 1, 10 do
      now.at = now.at + 1
      p:update { epoch = epoch, epochs = 2, step = (epoch - 1) * 10 + step, steps = 20, loss = 1.23456,
        rate = 110.4, memory = 350 * 2 ^ 20 }
    end
    p:epoch { epoch = epoch, epochs = 2, step = epoch * 10, steps = 20, loss = 1.2, values = { top1 = 0.5 } }
  end
  p:stage_done "top1 0.5"
  p:close()
end

t.case("plain: one line per epoch, nothing a log cannot hold", function()
  local p, stream, now = fixture { tty = false }
  run(p, now)
  t.equal(stream.text, "[2/7] pretrain (simclr)\n"
    .. "[2/7] pretrain  epoch 1/2  step 10/20  loss 1.2  top1 0.5  ETA 10s\n"
    .. "[2/7] pretrain  epoch 2/2  step 20/20  loss 1.2  top1 0.5\n"
    .. "[2/7] pretrain: top1 0.5 (20s)\n")
  t.ok(not stream.text:find("[\r\27]"))
end)

t.case("plain: a long epoch is heard of once a minute", function()
  local p, stream, now = fixture { tty = false }
  p:stage("pretrain", "simclr", 1, 1)
  for step = 1, 150 do
    now.at = now.at + 1
    p:update { epoch = 1, epochs = 1, step = step, steps = 150, loss = 2 }
  end
  local _, count = stream.text:gsub("\n", "")
  t.equal(count, 3, "stage line and two updates")
  t.contains(stream.text, "step 60/150  loss 2  ETA ")
end)

t.case("bar: one line, redrawn, never wider than the terminal", function()
  local p, stream, now = fixture { tty = true, width = 40, env = { TERM = "xterm", NO_COLOR = "1" } }
  p:stage("pretrain", "simclr", 2, 7)
  for step = 1, 10 do
    now.at = now.at + 1
    p:update { epoch = 1, epochs = 2, step = step, steps = 10, loss = 1.23456, rate = 110.4, memory = 350 * 2 ^ 20 }
  end
  t.ok(not stream.text:find("\n"), "no line breaks")
  for line in stream.text:gmatch("[^\r]+") do t.ok(#line <= 39, line) end
  t.contains(stream.text, "\r[2/7] pretrain  epoch 1/2  step 10/10  ")
  stream.text = ""
  p:message("saved %s", "e0001")
  t.match(stream.text, "^\r +\rsaved e0001\n$")
end)

t.case("bar: at most ten times a second", function()
  local p, stream, now = fixture { tty = true, env = { TERM = "xterm", NO_COLOR = "1" } }
  p:stage("a", "simclr", 1, 1)
  for step = 1, 1000 do
    now.at = now.at + 0.001
    p:update { step = step, steps = 1000 }
  end
  local _, count = stream.text:gsub("\r", "")
  t.ok(count <= 12, "redraws: " .. count)
end)

t.case("bar: the rest of a longer line is wiped, the label is bold", function()
  local p, stream, now = fixture { tty = true }
  p:stage("a", "simclr", 1, 1)
  now.at = now.at + 1
  p:update { loss = 1 }
  t.contains(stream.text, "\r\27[1m[1/1] a\27[0m  loss 1")
  t.match(stream.text, "loss 1 +$")
end)

t.case("none: nothing at all", function()
  local p, stream, now = fixture { mode = "none", tty = true }
  run(p, now)
  p:message "x"
  t.equal(stream.text, "")
end)

t.case("the remaining time counts from where a resumed stage goes on", function()
  local p, stream, now = fixture { tty = false }
  p:stage("a", "simclr", 1, 1)
  p:update { epoch = 6, epochs = 10, step = 50, steps = 100 }
  now.at = now.at + 100
  p:epoch { epoch = 6, epochs = 10, step = 60, steps = 100 }
  t.contains(stream.text, "ETA 6m40s")
end)

t.case("the remaining time without steps counts epochs", function()
  local p, stream, now = fixture { tty = false }
  p:stage("a", "linear_probe", 1, 1)
  p:update { epoch = 1, epochs = 4 }
  now.at = now.at + 10
  p:epoch { epoch = 1, epochs = 4 }
  t.contains(stream.text, "epoch 1/4  ETA 30s")
end)

t.finish()
