--- Misspelt keys: which one was meant. A key whose loss would bring down everything that hangs on it (`stages`, `extends`, a
--- stage's name or task) is reported and then read as what was meant, so that one slip is one message.

local schema = require "lunette.recipe.schema"
local suggest = require "lunette.suggest"

local spelling = {}

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

--- find(fields, wanted, known) -> the key of `fields` that is not known and whose nearest known key is `wanted`; nil where
--- `wanted` itself is there. known: {name -> anything}.
function spelling.find(fields, wanted, known)
  if fields[wanted] then return nil end
  local candidates
  for _, key in ipairs(sorted_keys(fields)) do
    if key ~= wanted and not known[key] then
      if not candidates then
        candidates = sorted_keys(known)
        if not known[wanted] then candidates[#candidates + 1] = wanted end
      end
      if suggest.nearest(key, candidates, { [wanted] = 1 }) == wanted then return key end
    end
  end
end

-- Of one table: each key of `list` that is missing and was misspelt is reported and put right.
local function correct(n, list, known, prefix, errors)
  for _, wanted in ipairs(list) do
    local key = spelling.find(n.fields, wanted, known)
    if key then
      local child = n.fields[key]
      errors:add(child, "unknown key '%s%s' (did you mean '%s'?)", prefix, key, wanted)
      n.fields[key], n.fields[wanted] = nil, child
    end
  end
end

-- Keys of a stage, of all tasks where its own cannot be told.
local function stage_keys(task)
  local known = {}
  for key in pairs(schema.stage) do known[key] = true end
  for name, entry in pairs(schema.tasks) do
    if not schema.tasks[task] or name == task then
      for key in pairs(entry.fields) do known[key] = true end
    end
  end
  return known
end

local root_keys

--- structure(root, errors): puts the keys right that the rest of the recipe hangs on. `root`: the node of one file.
function spelling.structure(root, errors)
  if not root_keys then
    root_keys = { extends = true }
    for key in pairs(schema.recipe.fields) do root_keys[key] = true end
  end
  correct(root, { "extends", "stages", "data", "model", "report", "smoke" }, root_keys, "", errors)
  local stages = root.fields.stages
  for i = 1, stages and stages.fields and stages.n or 0 do
    local stage = stages.fields[i]
    if stage.fields and stage.n == 0 then
      local name, task = stage.fields.name, stage.fields.task
      local label = name and type(name.value) == "string" and "." .. name.value or ("[%d]"):format(i)
      correct(stage, { "name", "task", "like" }, stage_keys(task and task.value), "stages" .. label .. ".", errors)
    end
  end
end

return spelling
