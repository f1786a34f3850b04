--- Recipe files: read, evaluated, and joined with the bases they extend.

local errors = require "lunette.recipe.errors"
local node = require "lunette.recipe.node"
local rundir = require "lunette.recipe.rundir"
local sandbox = require "lunette.recipe.sandbox"
local sys = require "lunette.sys"

local load = {}

load.limits = { source_bytes = 256 * 1024, bases = 8 }

--- Why a path may not stand in a recipe, or nil: it must stay below the folder it is resolved against.
function load.path_problem(path)
  if path == "" then return "is empty" end
  if path:find("^%a[%w+.-]*://") then return "is a URL; a recipe names local files only" end
  if path:find("^[/~]") or path:find("^%a:[/\\]") then return "is absolute; paths are relative" end
  if path:find("\\", 1, true) then return "has a backslash; folders are separated by '/'" end
  for part in path:gmatch("[^/]+") do
    if part == ".." then return "leaves its folder through '..'" end
  end
end

local function folder_of(path)
  return path:match("^(.*)/[^/]*$") or "."
end

function load.join(folder, path)
  if folder == "." or folder == "" then return path end
  return (folder:gsub("/+$", "")) .. "/" .. path
end

--- text(text, file, list) -> node, or nil with the mistakes added to the list. `file` is the name errors show.
function load.text(text, file, list)
  local before = #list
  if #text > load.limits.source_bytes then
    return list:add({ file = file }, "the source has %d bytes; at most %d are allowed", #text, load.limits.source_bytes)
  end
  if text:sub(1, 1) == "\27" then return list:add({ file = file }, "is compiled Lua; a recipe is text") end
  if text:sub(1, 2) == "#!" then text = "--" .. text end
  local ok, value = sandbox.evaluate(text)
  if not ok then return list:add({ file = file, line = value.line }, "%s", value.message) end
  if type(value) ~= "table" then
    return list:add({ file = file }, "a recipe returns one table; this file returns %s",
      value == nil and "nothing" or errors.show(value))
  end
  local root = node.from_value(value, file, text, list)
  if #list > before then return nil end
  if root.n > 0 then return list:add(root, "a recipe returns a table with named keys, not a list") end
  return root
end

local function read(path)
  local info, message, code = sys.stat(path)
  if not info then
    return nil, code == "ENOENT" and "no such file" or message
  end
  if info.kind ~= "file" then return nil, "is not a file" end
  if info.size > load.limits.source_bytes then
    return nil, ("has %d bytes; a recipe has at most %d"):format(info.size, load.limits.source_bytes)
  end
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text = file:read("a")
  file:close()
  if not text then return nil, "cannot be read" end
  return text
end

-- Stages of the base keep their places; same names merge, new ones follow.
local function merge_stages(base, over)
  if not (base.fields and over.fields) then return over end
  local result = { file = over.file, line = over.line, fields = {}, n = 0 }
  local positions = {}
  local function append(stage)
    local name = stage.fields and stage.fields.name and stage.fields.name.value
    local at = name and positions[name]
    if at then
      result.fields[at] = node.merge(result.fields[at], stage)
      return
    end
    result.n = result.n + 1
    result.fields[result.n] = stage
    if name then positions[name] = result.n end
  end
  for i = 1, base.n do append(base.fields[i]) end
  -- Two stages of one name within one file stay two, for the check to complain about.
  local seen = {}
  for i = 1, over.n do
    local stage = over.fields[i]
    local name = stage.fields and stage.fields.name and stage.fields.name.value
    if name and seen[name] then
      result.n = result.n + 1
      result.fields[result.n] = stage
    else
      append(stage)
    end
    if name then seen[name] = true end
  end
  return result
end

function load.merge(base, over)
  local stages = base.fields.stages and over.fields.stages and merge_stages(base.fields.stages, over.fields.stages)
  local result = node.merge(base, over)
  if stages then result.fields.stages = stages end
  result.fields.extends = nil
  return result
end

-- One file and the bases below it. `trail`: the real paths on the way here, which finds cycles.
local function load_file(path, display, relative, state, trail)
  local text, problem = read(path)
  if not text then return state.errors:add(state.origin or { file = display }, "%s%s",
      state.origin and ("'extends': " .. display .. ": ") or "", problem) end
  local root = load.text(text, display, state.errors)
  if not root then return nil end
  table.insert(state.sources, 1, { relative = relative, text = text, sha256 = sys.sha256(text) })

  local extends = root.fields.extends
  if not extends then return root end
  local base = extends.value
  if type(base) ~= "string" then
    return state.errors:add(extends, "'extends' must be a file name, got %s", errors.show(base))
  end
  local bad = load.path_problem(base) or (not base:find("%.lua$") and "does not end in .lua")
  if bad then return state.errors:add(extends, "'extends': '%s' %s", base, bad) end
  local base_path = load.join(folder_of(path), base)
  local real = sys.realpath(base_path)
  if not real then return state.errors:add(extends, "'extends': no such file '%s'", base_path) end
  if real:sub(1, #state.folder) ~= state.folder then
    return state.errors:add(extends, "'extends': '%s' is a link out of the recipe's folder", base)
  end
  for _, earlier in ipairs(trail) do
    if earlier == real then return state.errors:add(extends, "'extends': '%s' extends itself through this line", base) end
  end
  if #trail > load.limits.bases then
    return state.errors:add(extends, "'extends': more than %d bases in a row", load.limits.bases)
  end
  local inner = load.join(folder_of(relative), base)
  if rundir.reserved[inner:match("^[^/]*")] then
    return state.errors:add(extends, "'extends': '%s' cannot be copied into the run directory, where that name is taken", base)
  end
  trail[#trail + 1] = real
  state.origin = extends
  local base_root = load_file(base_path, load.join(folder_of(display), base), inner, state, trail)
  if not base_root then return nil end
  return load.merge(base_root, root)
end

--- file(path, list) -> node of the joined recipe, sources; or nil with the mistakes in the list.
--- sources: {relative, text, sha256} per file, bases first and the recipe, named recipe.lua, last. `relative` is where
--- a copy has to lie so that the copies extend each other as the originals do.
function load.file(path, list)
  local real = sys.realpath(path)
  local state = { errors = list, sources = {}, folder = real and folder_of(real) .. "/" }
  local root = load_file(path, path, "recipe.lua", state, { real })
  if not root then return nil end
  return root, state.sources
end

return load
