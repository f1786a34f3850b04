--- Changes to a recipe, made before `like` copies settings and checked by the same schema: `--set stage.key=value` from the
--- command line, where the right side is a Lua literal if it is one, and a string otherwise; and the recipe's own `smoke`.

local node = require "lunette.recipe.node"
local suggest = require "lunette.suggest"
local schema = require "lunette.recipe.schema"
local tokens = require "lunette.recipe.tokens"

local overrides = {}

local function origin(i)
  return { file = ("command line:--set #%d"):format(i) }
end

local function split(path)
  local keys = {}
  for key in (path .. "."):gmatch("([^.]*)%.") do
    if key == "" then return nil end
    keys[#keys + 1] = key
  end
  return keys
end

local function value_of(text, where, errors)
  local ok, value = tokens.literal(text)
  if ok then return value end
  if text:find("^%s*{") then
    errors:add(where, "the value %s is not a Lua table of literals", errors.show(text))
    return nil
  end
  return text
end

-- The stage of that name as {fields, position}, and all names there are.
local function find_stage(root, name)
  local stages, names = root.fields.stages, {}
  local found
  if stages and node.is_list(stages) then
    for i = 1, stages.n do
      local fields = stages.fields[i].fields
      local candidate = fields and fields.name and fields.name.value
      if candidate == name and not found then found = i end
      names[#names + 1] = type(candidate) == "string" and candidate or nil
    end
  end
  return found, names
end

-- The nodes of a recipe may be shared (a local used in two places), so a change copies what it changes.
local function with(parent, key, child)
  local fields = {}
  for k, v in next, parent.fields do fields[k] = v end
  fields[key] = child
  return { file = parent.file, line = parent.line, fields = fields, n = parent.n }
end

local function assign(parent, keys, at, new, where, errors, text)
  local key = keys[at]
  if at == #keys then
    local old = parent.fields[key]
    return with(parent, key, old and node.is_record(old) and node.is_record(new) and node.merge(old, new) or new)
  end
  local child = parent.fields[key] or { file = where.file, line = where.line, fields = {}, n = 0 }
  if not node.is_record(child) then
    errors:add(where, "'%s' cannot be set: '%s' is %s, which has no keys", text, key,
      child.fields and "a list" or errors.show(child.value))
    return parent
  end
  return with(parent, key, assign(child, keys, at + 1, new, where, errors, text))
end

-- The root with the node `new` at the place that `keys` name; `path` is how they were written.
local function change(root, path, keys, new, where, errors)
  if keys[1] == "stages" and #keys > 1 then table.remove(keys, 1) end
  local position, names = find_stage(root, keys[1])
  if position then
    if #keys == 1 then
      errors:add(where, "'%s' is a stage; name one of its keys, as in %s.epochs=5", path, path)
      return root
    end
    local stages = root.fields.stages
    local stage = assign(stages.fields[position], keys, 2, new, where, errors, path)
    return with(root, "stages", with(stages, position, stage))
  end
  if keys[1] == "stages" or keys[1] == "extends" or keys[1] == "smoke" then
    errors:add(where, "'%s' cannot be set from %s", keys[1], new.file == where.file and where.line and "'smoke'" or "the command line")
    return root
  end
  if not schema.recipe.fields[keys[1]] then
    for key in pairs(schema.recipe.fields) do names[#names + 1] = key end
    errors:add(where, "unknown key '%s' in '%s'%s", keys[1], path, suggest.hint(keys[1], names))
    return root
  end
  local sets = #keys > 2 and keys[1] == "data" and root.fields.data
  if sets and node.is_record(sets) and not sets.fields[keys[2]] then
    local known = {}
    for name in next, sets.fields do known[#known + 1] = name end
    errors:add(where, "there is no data set '%s' in '%s'%s", keys[2], path, suggest.hint(keys[2], known, true))
    return root
  end
  return assign(root, keys, 1, new, where, errors, path)
end

local function apply_one(root, text, where, errors)
  local path, right = text:match("^%s*([^=]-)%s*=(.*)$")
  local keys = path and path ~= "" and split(path)
  if not keys then
    errors:add(where, "%s is not of the form stage.key=value", errors.show(text))
    return root
  end
  local value = value_of(right:match("^%s*(.-)%s*$"), where, errors)
  if value == nil then return root end
  local before = #errors
  local new = node.from_value(value, where.file, nil, errors)
  if #errors > before then return root end
  return change(root, path, keys, new, where, errors)
end

--- smoke(root, errors) -> root with the changes of its own table `smoke` made, which stays in it as the record of them.
function overrides.smoke(root, errors)
  local smoke, paths = root.fields.smoke, {}
  if not smoke or not node.is_record(smoke) then return root end -- said by the check
  for path in next, smoke.fields do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local keys, new = path ~= "" and split(path), smoke.fields[path]
    if keys then
      root = change(root, path, keys, new, new, errors)
    else
      errors:add(new, "'smoke': %s is not of the form stage.key", errors.show(path))
    end
  end
  return root
end

--- apply(root, list, errors) -> root with the changes. `list`: strings such as "pretrain.epochs=5", or {text, where} with the option
--- of the command line that said it, where that was not --set.
function overrides.apply(root, list, errors)
  for i, item in ipairs(list or {}) do
    local text = type(item) == "table" and item.text or item
    root = apply_one(root, text, type(item) == "table" and { file = "command line:" .. item.where } or origin(i), errors)
  end
  return root
end

--- texts(list) -> the changes as strings.
function overrides.texts(list)
  local result = {}
  for i, item in ipairs(list or {}) do result[i] = type(item) == "table" and item.text or item end
  return result
end

return overrides
