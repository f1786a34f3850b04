--- A recipe bundle: one text file with a recipe, its bases, what it ran on and what came out. It comes from strangers, so
--- nothing in it is believed: sizes, counts and names are bounded, every part has its SHA-256, and JSON has to be in the one
--- form that this program writes.
--
--   lunette-bundle 1
--   part lock.json 1234 SHA-256        followed by so many bytes and a newline; and so on for each part
--   end SHA-256                        of everything above
--
-- Parts: recipe.lua; base-1.lua, base-2.lua, ... (bases first to last: each is extended by the next, the last by the recipe);
-- config.json, the resolved configuration; lock.json; and of a run that has finished expected.json. lock.json says where each
-- file lies beside recipe.lua, so that no name in the frame is a path.

local errors = require "lunette.recipe.errors"
local json = require "lunette.json"
local load = require "lunette.recipe.load"
local node = require "lunette.recipe.node"
local rundir = require "lunette.recipe.rundir"
local sys = require "lunette.sys"

local bundle = { format = 1 }

bundle.limits = { bytes = 8 * 1024 * 1024, json_bytes = 2 * 1024 * 1024, parts = 16, path_bytes = 200 }

local MAGIC = "lunette-bundle "

--- What a copy in a run directory is called.
bundle.file_name = "recipe.bundle"

local function digest(text) return type(text) == "string" and #text == 64 and text:find("^[0-9a-f]+$") ~= nil end

-- Ends the parsing; caught in parse().
local function refuse(form, ...) error({ refused = form:format(...) }, 0) end

-- ---- the frame ----

local SOURCE_NAMES = { ["recipe.lua"] = true }
for i = 1, load.limits.bases do SOURCE_NAMES[("base-%d.lua"):format(i)] = true end
local JSON_NAMES = { ["lock.json"] = true, ["config.json"] = true, ["expected.json"] = true }

local function bound_of(name)
  if SOURCE_NAMES[name] then return load.limits.source_bytes end
  return JSON_NAMES[name] and bundle.limits.json_bytes
end

-- {name -> text}
local function parts_of(text)
  local first = text:match("^[^\n]*")
  local version = first:match("^lunette%-bundle (%d+)$")
  if not version or #version > 4 then refuse("its first line is not 'lunette-bundle %d'", bundle.format) end
  if tonumber(version) ~= bundle.format then
    refuse("it has format %s, this program reads format %d; a newer program may read it", version, bundle.format)
  end
  local parts, count, at = {}, 0, #first + 2
  while true do
    local line = text:match("^([^\n]*)\n", at)
    if not line then refuse("it is cut off: there is no line 'end'") end
    local sum = line:match("^end (%x+)$")
    if sum then
      if at + #line ~= #text then refuse("something follows its line 'end'") end
      if sum ~= sys.sha256(text:sub(1, at - 1)) then refuse("its bytes do not have the SHA-256 that its last line promises") end
      return parts
    end
    local name, size, hash = line:match("^part (%S+) (%d+) (%x+)$")
    if not name then refuse("byte %d: expected 'part NAME BYTES SHA-256' or 'end SHA-256'", at) end
    local shown = errors.printable(name:sub(1, 60))
    local bound = bound_of(name)
    if not bound then refuse("'%s' is not the name of a part", shown) end
    if parts[name] then refuse("part '%s' is there twice", shown) end
    count = count + 1
    if count > bundle.limits.parts then refuse("it has more than %d parts", bundle.limits.parts) end
    if #size > 9 or (#size > 1 and size:sub(1, 1) == "0") then refuse("part '%s': its size is not a number of bytes", shown) end
    size = math.tointeger(tonumber(size))
    if size > bound then refuse("part '%s' has %d bytes; at most %d are allowed", shown, size, bound) end
    local start = at + #line + 1
    if start + size > #text then refuse("it is cut off in part '%s'", shown) end
    local body = text:sub(start, start + size - 1)
    if text:sub(start + size, start + size) ~= "\n" then refuse("part '%s' does not end where its size says", shown) end
    if not digest(hash) or sys.sha256(body) ~= hash then refuse("part '%s' does not have its SHA-256", shown) end
    parts[name] = body
    at = start + size + 1
  end
end

-- ---- what the parts hold ----

local function decoded(parts, name)
  local text = parts[name]
  if not text then refuse("it has no part '%s'", name) end
  local value = json.decode(text)
  if type(value) ~= "table" then refuse("part '%s' is not a JSON object", name) end
  local list = errors.new()
  -- bounds of depth, number and length, and no control characters
  local root = node.from_value(value, name, nil, list)
  if #list > 0 then refuse("part '%s': %s", name, list[1].message) end
  if not node.is_record(root) then refuse("part '%s' is not a JSON object", name) end
  local ok, canonical = pcall(json.encode, value, { indent = 2 })
  -- The one form has no second key of a name, and no number that could be read in two ways.
  if not ok or canonical .. "\n" ~= text then refuse("part '%s' is not in the form in which bundles are written", name) end
  return value
end

local function is_map(value, check)
  if type(value) ~= "table" then return false end
  for key, item in pairs(value) do
    if type(key) ~= "string" or not check(item) then return false end
  end
  return true
end

local function is_list(value, check)
  if type(value) ~= "table" then return false end
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  for i = 1, count do
    if value[i] == nil or not check(value[i]) then return false end
  end
  return true
end

local function is_string(value) return type(value) == "string" end
local function is_scalar(value) return type(value) ~= "table" end
local function is_boolean(value) return type(value) == "boolean" end
local function is_count(value) return math.type(value) == "integer" and value >= 0 end

local function is_data(value)
  return is_map(value, function(set)
    return type(set) == "table" and is_string(set.kind) and digest(set.settings_sha256) and is_map(set.files, function(file)
      return type(file) == "table" and digest(file.sha256) and is_count(file.bytes) and (file.images == nil or is_count(file.images))
    end)
  end)
end

local LOCK = {
  config_sha256 = digest,
  data = is_data,
  determinism = is_string,
  device = function(value) return is_map(value, is_scalar) end,
  overrides = function(value) return is_list(value, is_string) end,
  program = function(value) return is_map(value, is_scalar) and is_string(value.version) and is_string(value.commit) end,
  smoke = is_boolean,
  sources = function(value)
    return is_list(value, function(s) return type(s) == "table" and is_string(s.part) and is_string(s.path) end) and #value > 0
  end,
}

local EXPECTED = {
  metrics_lines = is_count,
  metrics_sha256 = digest,
  results = function(value) return is_map(value, function(stage) return type(stage) == "table" end) end,
  weights = function(value) return is_map(value, function(files) return is_map(files, digest) end) end,
  within = function(value)
    return is_map(value, function(rule)
      return type(rule) == "table" and math.type(rule.tolerance) ~= nil and rule.tolerance >= 0 and is_string(rule.by)
    end)
  end,
}

local function checked(parts, name, fields)
  local value = decoded(parts, name)
  for key, check in pairs(fields) do
    if value[key] == nil or not check(value[key]) then refuse("part '%s': '%s' is not what it should be", name, key) end
  end
  for key in pairs(value) do
    if not fields[key] then refuse("part '%s': unknown key '%s'", name, errors.printable(key:sub(1, 60))) end
  end
  return value
end

local function folder_of(path) return path:match("^(.*)/[^/]*$") or "." end

-- {relative, text, sha256} of the recipe's files, bases first, as lunette.recipe.load gives them.
local function sources_of(parts, lock)
  local sources, used, taken = {}, {}, {}
  for i, entry in ipairs(lock.sources) do
    local last = i == #lock.sources
    local wanted = last and "recipe.lua" or ("base-%d.lua"):format(i)
    local shown = errors.printable(entry.path:sub(1, 80))
    if entry.part ~= wanted or not parts[wanted] then refuse("part 'lock.json': source %d is not '%s'", i, wanted) end
    local path = entry.path
    local problem = load.path_problem(path) or (#path > bundle.limits.path_bytes and "is too long")
      or (not path:find("%.lua$") and "does not end in .lua") or (path:find("[%c\127]") and "has a control character")
      or ((path:find("//", 1, true) or ("/" .. path .. "/"):find("/./", 1, true)) and "has an empty part or '.'")
      or (not last and rundir.reserved[path:match("^[^/]*")] and "is a name that the run directory needs")
      or (last and path ~= "recipe.lua" and "is not recipe.lua")
    if problem then refuse("part 'lock.json': the path '%s' %s", shown, problem) end
    if taken[path] then refuse("part 'lock.json': the path '%s' is there twice", shown) end
    local text = parts[wanted]
    if text:find("[\0-\8\11\12\14-\31\127]") then refuse("part '%s' has a control character", wanted) end
    taken[path], used[wanted] = true, true
    sources[i] = { relative = path, text = text, sha256 = sys.sha256(text) }
  end
  for name in pairs(parts) do
    if SOURCE_NAMES[name] and not used[name] then refuse("part '%s' is not named in lock.json", name) end
  end
  return sources
end

--- parse(text) -> {sources, lock, config, config_text, expected or nil, sha256, text}; or nil and, on one line, what is
--- wrong with it.
function bundle.parse(text)
  local ok, result = pcall(function()
    if #text > bundle.limits.bytes then refuse("it has %d bytes; at most %d are allowed", #text, bundle.limits.bytes) end
    local parts = parts_of(text)
    local lock = checked(parts, "lock.json", LOCK)
    local b = { lock = lock, config_text = parts["config.json"], config = decoded(parts, "config.json"), text = text,
      sha256 = sys.sha256(text) }
    if sys.sha256(b.config_text) ~= lock.config_sha256 then refuse("part 'config.json' is not the configuration that lock.json names") end
    b.sources = sources_of(parts, lock)
    if parts["expected.json"] then b.expected = checked(parts, "expected.json", EXPECTED) end
    return b
  end)
  if ok then return result end
  if type(result) == "table" and result.refused then return nil, errors.printable(result.refused) end
  error(result, 0)
end

local function part(out, name, text)
  out[#out + 1] = ("part %s %d %s\n"):format(name, #text, sys.sha256(text))
  out[#out + 1] = text
  out[#out + 1] = "\n"
end

--- encode{sources, lock, config_text, expected} -> text; or nil and why there can be no such bundle. lock.sources and
--- lock.config_sha256 are filled in.
function bundle.encode(content)
  local lock, out = content.lock, { ("%s%d\n"):format(MAGIC, bundle.format) }
  lock.sources, lock.config_sha256 = {}, sys.sha256(content.config_text)
  for i, source in ipairs(content.sources) do
    lock.sources[i] = { part = i == #content.sources and "recipe.lua" or ("base-%d.lua"):format(i), path = source.relative }
  end
  part(out, "lock.json", json.encode(lock, { indent = 2 }) .. "\n")
  for i, source in ipairs(content.sources) do part(out, lock.sources[i].part, source.text) end
  part(out, "config.json", content.config_text)
  if content.expected then part(out, "expected.json", json.encode(content.expected, { indent = 2 }) .. "\n") end
  local text = table.concat(out)
  text = ("%send %s\n"):format(text, sys.sha256(text))
  -- What this program would refuse to open is no bundle.
  local ok, problem = bundle.parse(text)
  if not ok then return nil, problem end
  return text
end

-- ---- files ----

--- is(path) -> whether the file there begins as a bundle does, whatever its name.
function bundle.is(path)
  local info = sys.stat(path)
  if not info or info.kind ~= "file" then return false end
  local file = io.open(path, "rb")
  if not file then return false end
  local start = file:read(#MAGIC)
  file:close()
  return start == MAGIC
end

--- read(path) -> what parse gives; or nil and a message.
function bundle.read(path)
  local info, message = sys.stat(path)
  if not info then return nil, message end
  if info.size > bundle.limits.bytes then
    return nil, ("the bundle is refused: it has %d bytes; at most %d are allowed"):format(info.size, bundle.limits.bytes)
  end
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text = file:read("a")
  file:close()
  local b
  b, problem = bundle.parse(text or "")
  if not b then return nil, "the bundle is refused: " .. problem end
  return b
end

--- root(b, path, list) -> node of the recipe joined with its bases, as load.file gives it; or nil with the mistakes in the list.
function bundle.root(b, path, list)
  local joined
  for i, source in ipairs(b.sources) do
    local name = ("%s:%s"):format(path, source.relative)
    local root = load.text(source.text, name, list)
    if not root then return nil end
    local extends, below = root.fields.extends, b.sources[i - 1]
    local wanted = extends and type(extends.value) == "string" and load.join(folder_of(source.relative), extends.value) or nil
    if extends and not wanted then return list:add(extends, "'extends' must be a file name") end
    if wanted ~= (below and below.relative) then
      return list:add(extends or root, "'extends': the bundle holds %s",
        below and ("'%s' here"):format(below.relative) or "no base for this file")
    end
    joined = joined and load.merge(joined, root) or root
  end
  return joined
end

return bundle
