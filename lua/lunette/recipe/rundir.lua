--- A run directory: what was asked (recipe, configuration, provenance), how far it got (status), what came out
--- (metrics, results, checkpoints, figures). Every file but the two that grow is replaced as a whole or not at all.

local json = require "lunette.json"
local sys = require "lunette.sys"

local rundir = {}
rundir.__index = rundir

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then return nil, message end
  local text = file:read("a")
  file:close()
  if not text then return nil, path .. ": cannot be read" end
  return text
end

--- is_free(path) -> true where a run or a sweep may begin in that folder; false, message.
function rundir.is_free(path)
  local info = sys.stat(path)
  if not info then return true end
  if info.kind ~= "directory" then return false, ("'%s' is there and is not a folder"):format(path) end
  if #sys.list(path) == 0 then return true end
  if sys.stat(path .. "/status.json") or sys.stat(path .. "/sweep.json") then
    return false, ("'%s' already holds a run; go on with it by 'lunette resume %s', or choose another --out"):format(path, path)
  end
  return false, ("'%s' is not empty; a run needs a folder of its own"):format(path)
end

--- default_path(config, hash) -> runs/<time>-<name>[-smoke]-<first 8 digits of the hash>
function rundir.default_path(config, hash)
  return ("runs/%s-%s%s-%s"):format(os.date("!%Y%m%dT%H%M%SZ"), config.name, config.smoke and "-smoke" or "", hash:sub(1, 8))
end

--- create(path, {sources, files = further ones by name, config_text, provenance, status}) -> dir; or nil, message, code
--- ("usage" where the folder is taken, else an errno name). Everything about the question is on disk before this returns.
function rundir.create(path, content)
  local free, why = rundir.is_free(path)
  if not free then return nil, why, "usage" end
  local ok, message, code = sys.mkdir_p(path)
  if not ok then return nil, message, code end
  local self = setmetatable({ path = path }, rundir)
  for _, source in ipairs(content.sources) do
    local folder = source.relative:match("^(.*)/[^/]*$")
    if folder then
      ok, message, code = sys.mkdir_p(path .. "/" .. folder)
      if not ok then return nil, message, code end
    end
    ok, message, code = self:write(source.relative, source.text)
    if not ok then return nil, message, code end
  end
  for name, text in pairs(content.files or {}) do
    ok, message, code = self:write(name, text)
    if not ok then return nil, message, code end
  end
  ok, message, code = self:write("config.json", content.config_text)
  if not ok then return nil, message, code end
  for _, folder in ipairs { "checkpoints", "figures/data" } do
    ok, message, code = sys.mkdir_p(path .. "/" .. folder)
    if not ok then return nil, message, code end
  end
  ok, message, code = self:write_json("provenance.json", content.provenance)
  if not ok then return nil, message, code end
  ok, message, code = self:write("metrics.jsonl", "")
  if not ok then return nil, message, code end
  ok, message, code = self:write_json("status.json", content.status)
  if not ok then return nil, message, code end
  return self
end

--- remove(path): the folder with everything in it; of links, the link.
function rundir.remove(path)
  local info = sys.stat(path, "nofollow")
  if not info then return end
  for _, name in ipairs(info.kind == "directory" and sys.list(path) or {}) do rundir.remove(path .. "/" .. name) end
  os.remove(path)
end

--- Names that a base file of the recipe may not take in the run directory.
rundir.reserved = { ["recipe.lua"] = true, checkpoints = true, figures = true }

-- Calls visit(path, lstat) for everything below a folder, and stops where that returns something, which it returns.
local function walk(folder, visit)
  for _, name in ipairs(sys.list(folder) or {}) do
    local inside = folder .. "/" .. name
    local info = sys.stat(inside, "nofollow")
    local found = info and (visit(inside, info) or info.kind == "directory" and walk(inside, visit))
    if found then return found end
  end
end

--- link_out(path) -> nil; or a message where something in a run directory is a link out of it. A stranger may have made the
--- folder, and what is appended to metrics.jsonl or removed from checkpoints/ must not be the user's own.
function rundir.link_out(path)
  local base = sys.realpath(path)
  return base and walk(path, function(inside, info)
    if info.kind ~= "link" then return nil end
    local real = sys.realpath(inside)
    if real and (base == "/" or real:sub(1, #base + 1) == base .. "/") then return nil end
    return ("'%s' is a link out of the run directory, and nothing is read or written through it"):format(inside)
  end) or nil
end

--- bytes() -> what the files of the run directory, or of a folder in it, hold together.
function rundir:bytes(folder)
  local total = 0
  walk(folder or self.path, function(_, info)
    if info.kind == "file" then total = total + info.size end
  end)
  return total
end

--- open(path) -> dir; or nil, message. Reads nothing but whether it is a run directory.
function rundir.open(path)
  local info = sys.stat(path)
  if not info then return nil, ("no such folder '%s'"):format(path) end
  if sys.stat(path .. "/sweep.json") then
    return nil, ("'%s' is a sweep of several runs; name one of the folders in it"):format(path)
  end
  if info.kind ~= "directory" or not sys.stat(path .. "/status.json") then
    return nil, ("'%s' is not a run directory: it has no status.json"):format(path)
  end
  local link = rundir.link_out(path)
  if link then return nil, link end
  return setmetatable({ path = path }, rundir)
end

--- Removes what writers that were killed left behind.
function rundir:sweep()
  for _, folder in ipairs { self.path, self:file "figures", self:file "figures/data" } do
    for _, name in ipairs(sys.list(folder) or {}) do
      if name:find("^%..+%.tmp%-%d+%-%d+$") then os.remove(folder .. "/" .. name) end
    end
  end
end

function rundir:file(name)
  return self.path .. "/" .. name
end

--- write(name, bytes) -> true; or nil, message, errno name. The old file stays where the new one cannot be written.
function rundir:write(name, bytes)
  return sys.write_atomic(self:file(name), bytes)
end

function rundir:write_json(name, value)
  return self:write(name, json.encode(value, { indent = 2 }) .. "\n")
end

function rundir:read(name)
  return read(self:file(name))
end

--- read_json(name) -> value; or nil, message.
function rundir:read_json(name)
  local text, message = self:read(name)
  if not text then return nil, message end
  local value
  value, message = json.decode(text)
  if type(value) ~= "table" then return nil, ("%s: %s"):format(self:file(name), message or "no JSON object") end
  return value
end

--- lock() -> true; or nil, message where another process runs in this folder. Held until close().
function rundir:lock()
  local handle, message, code = sys.lock(self:file("lock"))
  if not handle then
    if code == "EAGAIN" then message = ("another process is running in '%s'"):format(self.path) end
    return nil, message, code
  end
  self.held = handle
  return true
end

-- ---- metrics.jsonl ----

local function complete_length(text)
  local length = 0
  for position in text:gmatch("()\n") do length = position end
  return length
end

--- open_metrics([length]) -> true; or nil, message, errno name. Cuts the file back to `length` bytes where given, and
--- otherwise to its last complete line: a kill in the middle of a write leaves a part of one.
function rundir:open_metrics(length)
  local path = self:file("metrics.jsonl")
  local text = read(path) or ""
  local keep = complete_length(text)
  if length then
    if length > keep then
      return nil, ("%s has %d bytes, but the checkpoint was made at %d: it was changed"):format(path, keep, length)
    end
    keep = length
  end
  local message, code, ok
  self.metrics, message, code = sys.append(path)
  if not self.metrics then return nil, message, code end
  if keep < #text then
    ok, message, code = self.metrics:truncate(keep)
    if not ok then return nil, message, code end
  end
  return true
end

-- Times differ from run to run, metrics.jsonl must not.
local FORBIDDEN = { time = true, seconds = true, timestamp = true, date = true, rate = true, memory = true }

--- add_metrics(row) -> true; or nil, message, errno name. The line is with the kernel when this returns.
function rundir:add_metrics(row)
  for key in pairs(row) do
    if FORBIDDEN[key] or tostring(key):find("_per_second$") or tostring(key):find("_seconds$") then
      error(("metrics: '%s' differs from run to run; times and speeds go to the progress line or the log"):format(key), 0)
    end
  end
  return self.metrics:write(json.encode(row) .. "\n")
end

--- metrics_mark() -> bytes of metrics.jsonl that are safely on disk; or nil, message, errno name.
function rundir:metrics_mark()
  local ok, message, code = self.metrics:sync()
  if not ok then return nil, message, code end
  return self.metrics:size()
end

--- read_metrics(path) -> rows, truncated. `path`: a metrics.jsonl or the folder that holds it. A last line that is cut
--- off is left out and makes `truncated` true; a broken line anywhere else is an error: nil, message.
function rundir.read_metrics(path)
  local info = sys.stat(path)
  if info and info.kind == "directory" then path = path .. "/metrics.jsonl" end
  local text, message = read(path)
  if not text then return nil, message end
  local rows, number = {}, 0
  local keep = complete_length(text)
  for line in text:sub(1, keep):gmatch("([^\n]*)\n") do
    number = number + 1
    local row, problem = json.decode(line)
    if type(row) ~= "table" then return nil, ("%s:%d: %s"):format(path, number, problem or "not a JSON object") end
    rows[#rows + 1] = row
  end
  return rows, keep < #text
end

-- ---- log.txt ----

--- log(form, ...): one line with the time of day in UTC. A log that cannot be written stops nothing.
function rundir:log(form, ...)
  local text = select("#", ...) > 0 and form:format(...) or form
  if not self.log_file then self.log_file = sys.append(self:file("log.txt")) end
  if self.log_file then self.log_file:write(("%s %s\n"):format(os.date("!%Y-%m-%dT%H:%M:%SZ"), text)) end
end

function rundir:close()
  for _, name in ipairs { "metrics", "log_file", "held" } do
    if self[name] then self[name]:close() end
    self[name] = nil
  end
end

return rundir
