--- The checkpoints of one stage: folders e0001, e0002, ... that are complete or not there at all. A second checkpoint
--- after the same epoch (a run interrupted twice within the next one) is e0002.1: nothing is ever replaced.
--
-- A folder is filled under a temporary name, synced, and renamed. Its info.json says which epoch it holds, where in
-- metrics.jsonl it was written, and the SHA-256 of every file, so that a damaged one is noticed and passed over.

local json = require "lunette.json"
local sys = require "lunette.sys"

local checkpoints = {}
checkpoints.__index = checkpoints

local function remove_folder(path)
  for _, name in ipairs(sys.list(path) or {}) do os.remove(path .. "/" .. name) end
  return os.remove(path)
end

--- open(folder, {keep = 2, mark = function() -> integer}): `mark` gives the length of metrics.jsonl on disk.
function checkpoints.open(folder, options)
  local self = setmetatable({ folder = folder, keep = options.keep or 2, mark = options.mark }, checkpoints)
  return self
end

-- The complete folders, oldest first: {name, epoch, serial}.
function checkpoints:entries()
  local list = {}
  for _, name in ipairs(sys.list(self.folder) or {}) do
    local epoch, serial = name:match("^e(%d+)$"), "0"
    if not epoch then epoch, serial = name:match("^e(%d+)%.(%d+)$") end
    if epoch then
      list[#list + 1] = { name = name, epoch = math.tointeger(tonumber(epoch)), serial = math.tointeger(tonumber(serial)) }
    end
  end
  table.sort(list, function(a, b)
    if a.epoch ~= b.epoch then return a.epoch < b.epoch end
    return a.serial < b.serial
  end)
  return list
end

-- The folder for a new checkpoint after that epoch.
function checkpoints:next_path(epoch)
  local serial = -1
  for _, entry in ipairs(self:entries()) do
    if entry.epoch == epoch then serial = entry.serial end
  end
  local path = ("%s/e%04d"):format(self.folder, epoch)
  return serial < 0 and path or ("%s.%d"):format(path, serial + 1)
end

--- save(epoch, write [, extra]) -> true; or nil, message, errno name, with nothing left behind.
-- write(folder) puts the files there; it returns true (or nothing), or nil and a message, or raises. `extra` is plain
-- data that comes back in info.extra.
function checkpoints:save(epoch, write, extra)
  local final = self:next_path(epoch)
  local temporary = final .. ".tmp"
  remove_folder(temporary)
  local ok, message, code = sys.mkdir_p(temporary)
  if not ok then return nil, message, code end

  local function fail(why, errno)
    remove_folder(temporary)
    return nil, why, errno
  end
  local called, result, problem, errno = pcall(write, temporary)
  if not called then
    remove_folder(temporary)
    error(result, 0)
  end
  if result == nil and problem ~= nil or result == false then return fail(problem, errno) end

  local files = {}
  for _, name in ipairs(sys.list(temporary)) do
    local path = temporary .. "/" .. name
    local hash
    hash, message, code = sys.sha256_file(path)
    if not hash then return fail(message, code) end
    files[name] = hash
    ok, message, code = sys.fsync(path)
    if not ok then return fail(message, code) end
  end
  local mark
  mark, message, code = self.mark()
  if not mark then return fail(message, code) end
  local info = { epoch = epoch, metrics_bytes = mark, files = files, extra = extra or {} }
  ok, message, code = sys.write_atomic(temporary .. "/info.json", json.encode(info, { indent = 2 }) .. "\n")
  if not ok then return fail(message, code) end

  ok, message = os.rename(temporary, final)
  if not ok then return fail(message) end
  ok, message, code = sys.fsync(self.folder)
  if not ok then return nil, message, code end
  self:prune()
  return true
end

function checkpoints:prune()
  local entries = self:entries()
  for i = 1, #entries - self.keep do remove_folder(self.folder .. "/" .. entries[i].name) end
end

local function read_info(folder)
  local file = io.open(folder .. "/info.json", "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  local info = json.decode(text or "")
  if type(info) ~= "table" or math.type(info.epoch) ~= "integer" or math.type(info.metrics_bytes) ~= "integer"
    or type(info.files) ~= "table" then
    return nil
  end
  for name, hash in pairs(info.files) do
    if type(name) ~= "string" or name:find("/", 1, true) or sys.sha256_file(folder .. "/" .. name) ~= hash then return nil end
  end
  return info
end

--- latest() -> {epoch, folder, info} of the newest checkpoint whose files are what they were, or nil; then the number
--- of damaged ones that were passed over.
function checkpoints:latest()
  local entries, damaged = self:entries(), 0
  for i = #entries, 1, -1 do
    local folder = self.folder .. "/" .. entries[i].name
    local info = read_info(folder)
    if info and info.epoch == entries[i].epoch then return { epoch = info.epoch, folder = folder, info = info }, damaged end
    damaged = damaged + 1
  end
  return nil, damaged
end

--- clear(): removes all checkpoints of the stage, for a stage that begins anew.
function checkpoints:clear()
  for _, name in ipairs(sys.list(self.folder) or {}) do
    if name:find("^e%d+$") or name:find("^e%d+%.%d+$") or name:find("^e%d+[.%d]*%.tmp$") then remove_folder(self.folder .. "/" .. name) end
  end
end

return checkpoints
