--- Recipes: experiments as data. Loading and checking here, running in lunette.recipe.run.

local bundle = require "lunette.recipe.bundle"
local check = require "lunette.recipe.check"
local errors = require "lunette.recipe.errors"
local json = require "lunette.json"
local load = require "lunette.recipe.load"
local node = require "lunette.recipe.node"
local overrides = require "lunette.recipe.overrides"
local schema = require "lunette.recipe.schema"
local spelling = require "lunette.recipe.spelling"

local recipe = { schema = schema }

-- The configuration of a recipe's node; or nil with the mistakes in the list. Small settings of a recipe that is run
-- without them are checked all the same.
local function configured(root, set, smoke, list)
  if smoke and not root.fields.smoke then
    list:add(root, "--smoke: the recipe has no key 'smoke' with settings for a quick trial")
    return nil
  end
  local whole, trial = root, root.fields.smoke and overrides.smoke(root, list)
  if smoke then root = trial end
  -- An override that could not be made is reported together with what the schema finds.
  local config = check.check(overrides.apply(root, set, list), list)
  if smoke and #list > 0 then
    local plain = errors.new()
    check.check(overrides.apply(whole, set, plain), plain)
    list:mark("in a smoke run, ", plain)
  end
  if #list > 0 then return nil end
  if smoke then
    config.report.title = config.report.title .. " (smoke run)"
  else
    if trial then check.check(trial, list) end
    list:mark("with the settings of 'smoke', ", errors.new())
    config.smoke = nil
  end
  return #list == 0 and config or nil
end

-- The recipe's node, and the info that load gives; or nil with the mistakes in the list.
local function open(path, set, smoke, list)
  if not bundle.is(path) then
    local root, sources = load.file(path, list)
    return root, { sources = sources, overrides = overrides.texts(set), smoke = smoke or false }, set
  end
  local b, problem = bundle.read(path)
  if not b then return list:add({ file = path }, "%s", problem) end
  local all = table.move(b.lock.overrides, 1, #b.lock.overrides, 1, {})
  table.move(set or {}, 1, #(set or {}), #all + 1, all)
  local info = { sources = b.sources, overrides = overrides.texts(all), smoke = smoke or b.lock.smoke, bundle = b }
  return bundle.root(b, path, list), info, all
end

--- load(path [, {"stage.key=value", ...} [, smoke]]) -> config, info; or nil, list of mistakes (each with file, line,
--- message; tostring gives "file:line: message"). smoke: with the recipe's settings for a quick trial, before the others.
-- config: the recipe with every default filled in, plain data. info: sources (see lunette.recipe.load), overrides, smoke, and
-- of a bundle (see lunette.recipe.bundle; told by its content) what it holds. A bundle's own settings come before these.
function recipe.load(path, set, smoke)
  local list = errors.new()
  local root, info, all = open(path, set, smoke, list)
  if not root then return nil, list:sort() end
  local config = configured(root, all, info.smoke, list)
  if not config then return nil, list:sort() end
  return config, info
end

--- variants(path, {overrides, ...} [, smoke]) -> {{config, info}, ...} as load gives them, of one reading of the files; or nil, the
--- mistakes of all of them, each once.
function recipe.variants(path, sets, smoke)
  local list = errors.new()
  local root, base_info = open(path, nil, smoke, list)
  if not root then return nil, list:sort() end
  local own = base_info.bundle and base_info.bundle.lock.overrides or {}
  local result, all, seen = {}, errors.new(), {}
  for i, set in ipairs(sets) do
    local mistakes = errors.new()
    table.move(list, 1, #list, 1, mistakes)
    local changes = table.move(own, 1, #own, 1, {})
    table.move(set, 1, #set, #changes + 1, changes)
    local config = configured(root, changes, base_info.smoke, mistakes)
    result[i] = { config = config, info = { sources = base_info.sources, overrides = overrides.texts(changes), smoke = base_info.smoke,
      bundle = base_info.bundle } }
    for _, mistake in ipairs(mistakes) do
      local text = tostring(mistake)
      if not seen[text] then
        seen[text], mistake.order = true, #all + 1
        all[#all + 1] = mistake
      end
    end
  end
  if #all > 0 then return nil, all:sort() end
  return result
end

--- files(path) -> the files that a recipe consists of: {{path, relative, text, sha256}, ...}, bases first and the recipe, as
--- recipe.lua, last; or nil, list of mistakes. Written under their `relative` names into one folder they are the recipe again.
recipe.files = load.files

--- check(path [, overrides [, smoke]]) -> true; or false, list of mistakes.
function recipe.check(path, set, smoke)
  local config, mistakes = recipe.load(path, set, smoke)
  if config then return true end
  return false, mistakes
end

--- from_text(text, name [, overrides [, smoke]]) -> like load, for a recipe that is not a file and extends nothing.
function recipe.from_text(text, name, set, smoke)
  local list = errors.new()
  local root = load.text(text, name, list)
  if not root then return nil, list:sort() end
  spelling.structure(root, list)
  if root.fields.extends then
    list:add(root.fields.extends, "'extends' needs a recipe that is a file")
    return nil, list:sort()
  end
  local config = configured(root, set, smoke, list)
  if not config then return nil, list:sort() end
  return config, { sources = {}, overrides = set or {} }
end

--- from_config(text, name) -> config; or nil, list of mistakes: a resolved config.json, checked like a recipe.
function recipe.from_config(text, name)
  local list = errors.new()
  local value, message = json.decode(text)
  if type(value) ~= "table" then
    list:add({ file = name }, "is not a configuration: %s", message or "no JSON object")
    return nil, list
  end
  local root = node.from_value(value, name, nil, list)
  local config = #list == 0 and node.is_record(root) and check.check(root, list)
  if #list > 0 then return nil, list:sort() end
  if not config then
    list:add({ file = name }, "is not a configuration")
    return nil, list
  end
  return config
end

--- The bytes of config.json, and what its SHA-256 is taken of.
function recipe.canonical(config)
  return json.encode(config, { indent = 2 }) .. "\n"
end

local function need_path(who, path)
  if type(path) == "string" then return end
  error(("recipe.%s: expected a path, got %s"):format(who, path == nil and "nothing" or "a " .. type(path)), 3)
end

--- run(path_or_dir, options) and resume(dir, options): see lunette.recipe.run.

function recipe.run(path, ...)
  need_path("run", path)
  return require("lunette.recipe.run").run(path, ...)
end

function recipe.resume(dir, ...)
  need_path("resume", dir)
  return require("lunette.recipe.run").resume(dir, ...)
end

return recipe
