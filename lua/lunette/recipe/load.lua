--- Recipe files: read, evaluated, and joined with the bases they extend.
--
-- A base is named relative to the file that names it and lies beside that file or below it: no absolute paths, no "..",
-- no links out of the recipe's folder. So a stranger's recipe reaches nothing but what came with it, and copies of its files
-- in one folder are the recipe again. A base is evaluated and limited as the recipe is, and may extend a base in turn.

local errors = require "lunette.recipe.errors"
local like = require "lunette.recipe.like"
local node = require "lunette.recipe.node"
local rundir = require "lunette.recipe.rundir"
local sandbox = require "lunette.recipe.sandbox"
local spelling = require "lunette.recipe.spelling"
local suggest = require "lunette.suggest"
local sys = require "lunette.sys"

local load = {}

load.limits = { source_bytes = 256 * 1024, bases = 8 }

--- Why a path may not stand in a recipe, or nil: it must stay below the folder it is resolved against.
function load.path_problem(path)
  if path == "" then return "is empty" end
  if path:find("^%a[%w+.-]*://") then return "is a URL; a recipe names local files only" end
  if path:find("^[/~]") or path:find("^%a:[/\\]") then return "is absolute; paths are relative" end
  if path:find("%c") then return "has a control character" end
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

-- A stage that turns to another task keeps, as with `like`, the settings that the two tasks share.
local function merge_stage(base, over)
  local before, task = base.fields and base.fields.task, over.fields and over.fields.task
  if before and task and before.value ~= task.value then base = like.shared(base, task.value) end
  return node.merge(base, over)
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
      result.fields[at] = merge_stage(result.fields[at], stage)
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

local LISTED = 500

-- " (did you mean 'base/shapes.lua'?)": among the recipes in the folder of the file that names the base, and one level below;
-- the name itself in another folder rather than another name.
local function similar(folder, wanted)
  local names = {}
  local function add(prefix, below)
    for _, name in ipairs(sys.list(load.join(folder, prefix)) or {}) do
      if #names >= LISTED then return end
      if name:find("%.lua$") then
        names[#names + 1] = load.join(prefix, name)
      elseif below then
        local info = sys.stat(load.join(folder, name))
        if info and info.kind == "directory" then add(name, false) end
      end
    end
  end
  add(".", true)
  for _, name in ipairs(names) do
    if name:match("[^/]*$") == wanted:match("[^/]*$") then return (" (did you mean '%s'?)"):format(name) end
  end
  return suggest.hint(wanted, names, true)
end

local function chain(trail, from, last)
  local names = {}
  for i = from, #trail do names[#names + 1] = trail[i].display end
  names[#names + 1] = last
  return table.concat(names, " -> ")
end

-- The base that a file names as {path, display, relative, real}; or nil with what is wrong in the list.
local function find_base(extends, here, state, trail)
  local base = extends.value
  local function wrong(form, ...) return state.errors:add(extends, "'extends': " .. form, ...) end
  if type(base) ~= "string" then
    return state.errors:add(extends, "'extends' must be a file name, got %s", extends.fields and "a table" or errors.show(base))
  end
  local bad = load.path_problem(base)
  if bad then return wrong("'%s' %s; a base lies beside the file that names it, or in a folder below", base, bad) end
  for part in (base .. "/"):gmatch("([^/]*)/") do
    -- Its copy lies in the run directory under this name, and 'recipe.lua' must not be another spelling of one.
    if part == "." or part == "" then return wrong("'%s' has an empty part or a part '.'; leave it out", base) end
  end
  local folder = folder_of(here.path)
  if not base:find("%.lua$") then return wrong("'%s' does not end in .lua%s", base, similar(folder, base .. ".lua")) end
  local found = { path = load.join(folder, base), display = load.join(folder_of(here.display), base),
    relative = load.join(folder_of(here.relative), base) }
  found.real = sys.realpath(found.path)
  if not found.real then return wrong("no such file '%s'%s", found.path, similar(folder, base)) end
  if found.real:sub(1, #state.folder) ~= state.folder then return wrong("'%s' is a link out of the recipe's folder", base) end
  for i, earlier in ipairs(trail) do
    if earlier.real == found.real then return wrong("goes round in a circle: %s", chain(trail, i, found.display)) end
  end
  if #trail > load.limits.bases then
    return wrong("more than %d bases in a row: %s", load.limits.bases, chain(trail, 1, found.display))
  end
  if rundir.reserved[found.relative:match("^[^/]*")] then
    return wrong("'%s' cannot be copied into the run directory, where that name is taken; choose another", base)
  end
  return found
end

-- One file and the bases below it. here: {path, display = the name errors show, relative}; `trail`: the files on the way
-- here, which finds circles.
local function load_file(here, state, trail)
  local text, problem = read(here.path)
  if not text then return state.errors:add(state.origin or { file = here.display }, "%s%s",
      state.origin and ("'extends': " .. here.display .. ": ") or "", problem) end
  local root = load.text(text, here.display, state.errors)
  if not root then return nil end
  spelling.structure(root, state.errors)
  table.insert(state.sources, 1, { path = here.path, relative = here.relative, text = text, sha256 = sys.sha256(text) })
  local extends = root.fields.extends
  if not extends then return root end
  local base = find_base(extends, here, state, trail)
  if not base then return nil end
  trail[#trail + 1] = base
  state.origin = extends
  local base_root = load_file(base, state, trail)
  if not base_root then return nil end
  return load.merge(base_root, root)
end

--- file(path, list) -> node of the joined recipe, sources; or nil with the mistakes in the list. Misspelt keys alone
--- leave a node. sources: {path, relative, text, sha256} per file, bases first and the recipe, named recipe.lua, last.
--- `relative` is where a copy has to lie so that the copies extend each other as the originals do.
function load.file(path, list)
  local real = sys.realpath(path)
  local state = { errors = list, sources = {}, folder = real and folder_of(real):gsub("/$", "") .. "/" }
  local root = load_file({ path = path, display = path, relative = "recipe.lua" }, state, { { real = real, display = path } })
  if not root then return nil end
  return root, state.sources
end

--- files(path) -> the files a recipe consists of, as the sources above; or nil, list of mistakes. The files are read and
--- evaluated, which is how the bases are found; whether the recipe is a valid one is for lunette.recipe.check to say.
function load.files(path)
  local list = errors.new()
  local _, sources = load.file(path, list)
  if not sources then return nil, list:sort() end
  return sources
end

return load
