--- `like`: a stage that copies another stage's settings. Between two stages of one task everything but the name is
--- copied, between different tasks those settings that the tasks share.

local node = require "lunette.recipe.node"
local schema = require "lunette.recipe.schema"
local suggest = require "lunette.suggest"

local like = {}

local function scalar(stage, key)
  local child = stage.fields and stage.fields[key]
  return child and child.value
end

--- shared(base, task) -> the node of a stage without its name and, where `task` is another than its own, without the settings
--- that this task does not share. task: nil for the same.
function like.shared(base, task)
  local result = { file = base.file, line = base.line, fields = {}, n = 0 }
  local base_task = scalar(base, "task")
  local from_fields = schema.tasks[base_task] and schema.tasks[base_task].fields
  local to_fields = task and schema.tasks[task] and schema.tasks[task].fields
  for key, child in next, base.fields do
    local shared = not task or task == base_task or not from_fields or not to_fields or from_fields[key] == to_fields[key]
    if key ~= "name" and key ~= "like" and shared and not (key == "task" and task) then result.fields[key] = child end
  end
  return result
end

--- resolve(stages, errors) -> list of stage nodes without `like`. Takes the node of the recipe's `stages`. A stage whose `like`
--- is wrong is marked `unresolved`: what it lacks may be what it did not get.
function like.resolve(stages, errors)
  local positions, names = {}, {}
  for i = 1, stages.n do
    local name = scalar(stages.fields[i], "name")
    if type(name) == "string" and not positions[name] then
      positions[name] = i
      names[#names + 1] = name
    end
  end

  local resolved, visiting = {}, {}
  local function resolve(i)
    if resolved[i] then return resolved[i] end
    local stage = stages.fields[i]
    local reference = stage.fields and stage.fields.like
    if not reference then
      resolved[i] = stage
      return stage
    end
    local own = { file = stage.file, line = stage.line, fields = {}, n = stage.n }
    for key, child in next, stage.fields do
      if key ~= "like" then own.fields[key] = child end
    end
    local name, target = scalar(stage, "name") or i, reference.value
    local where = ("'stages.%s.like'"):format(name)
    local base
    if type(target) ~= "string" then
      errors:add(reference, "%s must be a stage's name, got %s", where, errors.show(target))
    elseif not positions[target] then
      errors:add(reference, "%s: there is no stage '%s'%s", where, target, suggest.hint(target, names, true))
    elseif visiting[positions[target]] or positions[target] == i then
      errors:add(reference, "%s: '%s' in turn copies from '%s': 'like' goes round in a circle", where, target, name)
    else
      visiting[i] = true
      base = resolve(positions[target])
      visiting[i] = nil
    end
    resolved[i] = base and base.fields and node.merge(like.shared(base, scalar(own, "task")), own) or own
    resolved[i].unresolved = not base or base.unresolved
    return resolved[i]
  end

  local list = {}
  for i = 1, stages.n do list[i] = resolve(i) end
  return list
end

return like
