--- What a run shows while it runs: one redrawn line on a terminal, plain lines elsewhere, all on stderr.

local sys = require "lunette.sys"

local progress = {}
progress.__index = progress

progress.modes = { "auto", "bar", "plain", "none" }

local REDRAW_SECONDS = 0.1
local PLAIN_SECONDS = 60

local function set(value)
  return value ~= nil and value ~= ""
end

--- new{mode = "auto"|"bar"|"plain"|"none"; for tests: stream, tty, width, clock, getenv}
-- auto: a bar on a terminal that can redraw a line, plain lines elsewhere. Colour only on a bar, never with NO_COLOR.
function progress.new(options)
  options = options or {}
  local stream = options.stream or io.stderr
  local getenv = options.getenv or os.getenv
  local tty = options.tty
  if tty == nil then tty = sys.isatty(stream) end
  local dumb = getenv("TERM") == "dumb" or not set(getenv("TERM"))
  local mode = options.mode or "auto"
  if mode == "auto" then mode = tty and not dumb and "bar" or "plain" end
  return setmetatable({
    mode = mode,
    stream = stream,
    tty = tty,
    fixed_width = options.width,
    clock = options.clock or sys.monotonic,
    colour = mode == "bar" and tty and not dumb and not set(getenv("NO_COLOR")),
    drawn = 0,
  }, progress)
end

local function duration(seconds)
  seconds = math.floor(seconds + 0.5)
  if seconds < 60 then return ("%ds"):format(seconds) end
  if seconds < 3600 then return ("%dm%02ds"):format(seconds // 60, seconds % 60) end
  return ("%dh%02dm"):format(seconds // 3600, seconds % 3600 // 60)
end

local function number(value)
  return type(value) == "number" and ("%.4g"):format(value) or tostring(value)
end

-- What the line says, in the order of importance: a narrow terminal cuts the end off.
local function describe(self, state, now)
  local parts = { self.label or "" }
  if state.epoch then
    parts[#parts + 1] = ("epoch %d%s"):format(state.epoch, state.epochs and "/" .. state.epochs or "")
  end
  if state.step then parts[#parts + 1] = ("step %d%s"):format(state.step, state.steps and "/" .. state.steps or "") end
  if state.loss then parts[#parts + 1] = "loss " .. number(state.loss) end
  local extra = {}
  for key, value in pairs(state.values or {}) do extra[#extra + 1] = key .. " " .. number(value) end
  table.sort(extra)
  table.move(extra, 1, #extra, #parts + 1, parts)
  if state.rate then parts[#parts + 1] = ("%.0f img/s"):format(state.rate) end
  local share = self:share(state, now)
  if share and share < 1 then parts[#parts + 1] = "ETA " .. duration((now - self.first_at) * (1 - share) / share) end
  if state.memory then parts[#parts + 1] = ("%.0f MB"):format(state.memory / 2 ^ 20) end
  return table.concat(parts, "  ")
end

-- How much of what was left at the first update is done, above 0 to 1; nil where nobody said.
function progress:share(state, now)
  local here
  if state.steps and state.step then
    here = state.step / state.steps
  elseif state.epochs and state.epoch then
    here = (state.epoch - (state.epoch_done and 0 or 1)) / state.epochs
  end
  if not here then return nil end
  if not self.first then self.first, self.first_at = here, now end
  if here <= self.first or self.first >= 1 then return nil end
  return (here - self.first) / (1 - self.first)
end

-- Columns, not bytes; cut so that the line never wraps, which would make redrawing climb.
local function fit(text, width)
  local length = utf8.len(text)
  if not length or length <= width then return text, length or #text end
  return text:sub(1, utf8.offset(text, width + 1) - 1), width
end

function progress:draw(text)
  local width = self.fixed_width or sys.terminal_width(self.stream) or 80
  local line, columns = fit(text, width - 1)
  local pad = (" "):rep(math.max(0, self.drawn - columns))
  if self.colour then
    local label = self.label
    if label and line:sub(1, #label) == label then line = "\27[1m" .. label .. "\27[0m" .. line:sub(#label + 1) end
  end
  self.stream:write("\r", line, pad)
  self.stream:flush()
  self.drawn = columns
end

function progress:erase()
  if self.drawn > 0 then
    self.stream:write("\r", (" "):rep(self.drawn), "\r")
    self.stream:flush()
    self.drawn = 0
  end
end

--- stage(name, task, index, count): begins a stage.
function progress:stage(name, task, index, count)
  self.label = ("[%d/%d] %s"):format(index, count, name)
  self.started, self.first, self.last = self.clock(), nil, nil
  if self.mode == "plain" then self:line(("%s (%s)"):format(self.label, task)) end
  if self.mode == "bar" then self:draw(("%s (%s)"):format(self.label, task)) end
end

--- update{epoch, epochs, step, steps, loss, rate = images/s, memory = bytes, values = {name = number}}: as often as one
--- likes. Steps are counted over the whole stage. Plain mode prints it once a minute at most.
function progress:update(state)
  if self.mode == "none" then return end
  local now = self.clock()
  local text = describe(self, state, now)
  if self.mode == "bar" then
    if self.last and now - self.last < REDRAW_SECONDS then return end
    self:draw(text)
  else
    if now - (self.last or self.started or now) < PLAIN_SECONDS then
      self.last = self.last or self.started
      return
    end
    self:line(text)
  end
  self.last = now
end

--- epoch(state): an epoch is done; the same fields as update. Plain mode prints one line.
function progress:epoch(state)
  if self.mode == "none" then return end
  local now = self.clock()
  state.epoch_done = true
  local text = describe(self, state, now)
  if self.mode == "bar" then
    self:draw(text)
  else
    self:line(text)
  end
  self.last = now
end

function progress:line(text)
  self:erase()
  self.stream:write(text, "\n")
  self.stream:flush()
end

--- message(form, ...): a line that stays, above the bar.
function progress:message(form, ...)
  if self.mode == "none" then return end
  self:line(select("#", ...) > 0 and form:format(...) or form)
end

--- stage_done(text): ends a stage; the text, such as its results, stays.
function progress:stage_done(text)
  if self.mode == "none" then return end
  self:line(("%s: %s (%s)"):format(self.label, text or "done", duration(self.clock() - self.started)))
end

function progress:close()
  self:erase()
end

return progress
