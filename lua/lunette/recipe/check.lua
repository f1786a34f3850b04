--- From the nodes of a recipe to its configuration: every key known, every value of its type and in its range, every
--- default filled in, every reference to a stage or data set good. Collects all mistakes.

local json = require "lunette.json"
local like = require "lunette.recipe.like"
local load = require "lunette.recipe.load"
local node = require "lunette.recipe.node"
local schema = require "lunette.recipe.schema"
local spelling = require "lunette.recipe.spelling"
local training = require "lunette.recipe.schema.training"
local suggest = require "lunette.suggest"

local check = {}

local COMMAND_LINE = "command line"

-- 'stages.pretrain.augment.crop[2]'; for an override without the leading `stages.`, as it was typed.
local function name_of(path, origin)
  local first = origin.file:find(COMMAND_LINE, 1, true) == 1 and path[1] == "stages" and path[2] and 2 or 1
  local text = ""
  for i = first, #path do
    local key = path[i]
    if math.type(key) == "integer" then
      text = text .. "[" .. key .. "]"
    else
      text = text .. (text == "" and "" or ".") .. tostring(key)
    end
  end
  return "'" .. text .. "'"
end

local function keys_of(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
  end)
  return keys
end

local function extended(path, key)
  local longer = table.move(path, 1, #path, 1, {})
  longer[#longer + 1] = key
  return longer
end

local function describe(n)
  if node.is_list(n) then return "a list" end
  if n.fields then return "a table" end
  return nil
end

-- One value that several stages have, through `like`, is one mistake.
local function said(ctx, n)
  local before = ctx.said[n]
  ctx.said[n] = true
  return before
end

local function wrong(ctx, n, path, expected)
  if said(ctx, n) then return nil end
  return ctx.errors:add(n, "%s must be %s, got %s", name_of(path, n), expected,
    describe(n) or ctx.errors.show(n.value))
end

local walkers = {}

local function walk(type_, n, path, ctx, parent)
  if n == nil then
    if type_.default ~= nil then
      return walk(type_, node.of(type_.default, parent), path, ctx, parent)
    end
    if type_.required and not parent.unresolved then
      ctx.errors:add(parent, "missing key %s (%s)", name_of(path, parent), type_.doc)
    end
    return nil
  end
  return walkers[type_.type](type_, n, path, ctx)
end

local function choice(ctx, n, path, value, choices, what)
  for _, known in ipairs(choices) do
    if known == value then return true end
  end
  if not said(ctx, n) then
    ctx.errors:add(n, "%s: unknown %s '%s'%s", name_of(path, n), what, value, suggest.hint(value, choices, true))
  end
  return false
end

function walkers.string(type_, n, path, ctx)
  local value = n.value
  if type(value) ~= "string" then return wrong(ctx, n, path, "a string") end
  if type_.choices then
    choice(ctx, n, path, value, type_.choices, "value")
  elseif (type_.pattern and not value:find(type_.pattern)) or #value > (type_.max or math.huge)
    or #value < (type_.min or 0) then
    local limit = type_.max and type_.max ~= type_.min and (" (at most %d bytes)"):format(type_.max) or ""
    return wrong(ctx, n, path, (type_.expects or "shorter") .. limit)
  end
  return value
end

local function in_range(type_, n, path, ctx)
  local value = n.value
  if type_.above and value <= type_.above then return wrong(ctx, n, path, "greater than " .. type_.above) end
  if type_.min and value < type_.min then return wrong(ctx, n, path, "at least " .. type_.min) end
  if type_.max and value > type_.max then return wrong(ctx, n, path, "at most " .. type_.max) end
  return value
end

function walkers.number(type_, n, path, ctx)
  if type(n.value) ~= "number" then return wrong(ctx, n, path, "a number") end
  -- Always a float, so that a setting written 1 and one written 1.0 cannot behave differently.
  return in_range(type_, n, path, ctx) and n.value + 0.0
end

function walkers.integer(type_, n, path, ctx)
  local value = type(n.value) == "number" and math.tointeger(n.value)
  if not value then return wrong(ctx, n, path, "an integer") end
  if not in_range(type_, n, path, ctx) then return nil end
  return value
end

function walkers.boolean(_, n, path, ctx)
  if type(n.value) ~= "boolean" then return wrong(ctx, n, path, "true or false") end
  return n.value
end

function walkers.list(type_, n, path, ctx)
  if not n.fields or (n.n == 0 and next(n.fields)) then return wrong(ctx, n, path, "a list { ... }") end
  local low, high = type_.min_items or 0, type_.max_items or math.huge
  if n.n < low or n.n > high then
    local count = low == high and ("%d"):format(low) or n.n < low and ("at least %d"):format(low)
      or ("at most %d"):format(high)
    return ctx.errors:add(n, "%s must have %s items, got %d", name_of(path, n), count, n.n)
  end
  local result, bad = json.array {}, false
  for i = 1, n.n do
    local value = walk(type_.of, n.fields[i], extended(path, i), ctx, n)
    if value == nil then bad = true end
    result[i] = value
  end
  if bad then return nil end
  if type_.ascending and result[1] > result[2] then
    return ctx.errors:add(n, "%s must be { low, high }, got { %s, %s }", name_of(path, n), result[1], result[2])
  end
  return result
end

-- Where a key that is unknown here would be known: one level further down.
local function misplaced(fields, key)
  for _, name in ipairs(keys_of(fields)) do
    local type_ = fields[name]
    if type_.fields and type_.fields[key] then return name end
    for _, variant in pairs(type_.variants or {}) do
      if variant.fields[key] then return name end
    end
  end
end

-- A slip in a table that is used twice (a local, a stage that others are like) is one slip.
local function unknown_key(ctx, child, path, key, hint)
  local place = ("%s:%s:%s"):format(child.file, child.line, key)
  if ctx.unknown[place] then return end
  ctx.unknown[place] = true
  ctx.errors:add(child, "unknown key %s%s", name_of(extended(path, key), child), hint)
end

-- fields: {name -> type}; known: further keys that are dealt with elsewhere but may be meant. A misspelt key is reported
-- and then stands for the one that was meant, so that nothing else is said to be missing for want of it.
local function walk_fields(fields, n, path, ctx, known)
  local result, meant = {}, {}
  for _, key in ipairs(keys_of(n.fields)) do
    if not fields[key] and not (known and known[key]) then
      -- Of two words as near, the one meant is rather one that is not there yet, above all one that has to be.
      local candidates, favoured = {}, {}
      for name, type_ in pairs(fields) do
        candidates[#candidates + 1] = name
        favoured[name] = n.fields[name] and 0 or type_.required and 2 or 1
      end
      for name in pairs(known or {}) do candidates[#candidates + 1] = name end
      local near, child = suggest.nearest(key, candidates, favoured), n.fields[key]
      local place = not near and misplaced(fields, key)
      unknown_key(ctx, child, path, key, near and (" (did you mean '%s'?)"):format(near)
        or place and (" (it belongs in '%s')"):format(place) or "")
      if near then meant[near] = n.fields[near] and node.merge(child, n.fields[near]) or child end
    end
  end
  for _, key in ipairs(keys_of(fields)) do
    result[key] = walk(fields[key], meant[key] or n.fields[key], extended(path, key), ctx, n)
  end
  return result
end

local function want_record(n, path, ctx)
  if node.is_record(n) then return true end
  wrong(ctx, n, path, "a table with named keys")
  return false
end

function walkers.record(type_, n, path, ctx)
  if n.value == false and type_.off then return false end
  if n.value ~= nil and type_.short then
    if type(n.value) ~= "number" then return wrong(ctx, n, path, "a table with named keys, a number or false") end
    local key = type_.short
    local found = walk(type_.fields[key], n, path, ctx, n)
    local result = walk_fields(type_.fields, { file = n.file, line = n.line, fields = {}, n = 0 }, path, ctx)
    result[key] = found
    return result
  end
  if not want_record(n, path, ctx) then return nil end
  return walk_fields(type_.fields, n, path, ctx)
end

function walkers.map(type_, n, path, ctx)
  if not want_record(n, path, ctx) then return nil end
  local result = {}
  for _, key in ipairs(keys_of(n.fields)) do
    local child = n.fields[key]
    if type_.pattern and not key:find(type_.pattern) then
      ctx.errors:add(child, "%s: a name here has %s", name_of(extended(path, key), child), type_.expects)
    end
    result[key] = walk(type_.of, child, extended(path, key), ctx, n)
  end
  return result
end

-- Keys that any variant has, and the one that tells them apart.
local function tagged_keys(type_, tag)
  local known = { [tag] = true }
  for _, variant in pairs(type_.variants) do
    for key in pairs(variant.fields) do known[key] = true end
  end
  return known
end

function walkers.variant(type_, n, path, ctx)
  if n.value == false and type_.off then return false end
  if not n.fields then
    return wrong(ctx, n, path, "a table with named keys" .. (type_.off and " or false" or ""))
  end
  if not want_record(n, path, ctx) then return nil end
  local tag = type_.tag or "kind"
  local misspelt = not n.fields[tag] and spelling.find(n.fields, tag, tagged_keys(type_, tag))
  if misspelt then
    unknown_key(ctx, n.fields[misspelt], path, misspelt, (" (did you mean '%s'?)"):format(tag))
    local fields = {}
    for key, child in next, n.fields do fields[key] = child end
    fields[tag], fields[misspelt] = n.fields[misspelt], nil
    n = { file = n.file, line = n.line, fields = fields, n = 0 }
  end
  local tag_node = n.fields[tag]
  local kind = type_.default_kind
  if tag_node then
    if type(tag_node.value) ~= "string" then return wrong(ctx, tag_node, extended(path, tag), "a string") end
    kind = tag_node.value
  end
  if not kind then
    return ctx.errors:add(n, "missing key %s (one of %s)", name_of(extended(path, tag), n),
      table.concat(keys_of(type_.variants), ", "))
  end
  if not choice(ctx, tag_node or n, extended(path, tag), kind, keys_of(type_.variants), tag) then return nil end
  local result = walk_fields(type_.variants[kind].fields, n, path, ctx, { [tag] = true })
  result[tag] = kind
  return result
end

function walkers.setting(_, n)
  if not n.fields then return n.value end
  local result = node.is_list(n) and json.array {} or {}
  for key, child in next, n.fields do result[key] = walkers.setting(nil, child) end
  return result
end

function walkers.path(_, n, path, ctx)
  if type(n.value) ~= "string" then return wrong(ctx, n, path, "a string") end
  local problem = load.path_problem(n.value)
  if problem then return ctx.errors:add(n, "%s: '%s' %s", name_of(path, n), n.value, problem) end
  return n.value
end

function walkers.split(_, n, path, ctx)
  if type(n.value) ~= "string" then return wrong(ctx, n, path, 'a string "name:split"') end
  local set, split = n.value:match("^([^:]*):([^:]*)$")
  if not set then return wrong(ctx, n, path, 'a string "name:split"') end
  if not ctx.data then return n.value end
  if ctx.data[set] == nil then
    return ctx.errors:add(n, "%s: there is no data set '%s'%s", name_of(path, n), set,
      suggest.hint(set, keys_of(ctx.data), true))
  end
  local kind = ctx.data[set] and schema.data[ctx.data[set].kind]
  if not kind then return n.value end
  if not choice(ctx, n, path, split, kind.splits, "split") then return nil end
  return n.value
end

local function list_names(list)
  return #list > 0 and table.concat(list, ", ") or "none yet"
end

function walkers.stage(type_, n, path, ctx)
  local value = n.value
  if type(value) ~= "string" then return wrong(ctx, n, path, "a stage's name") end
  if value == "random" and type_.random then return value end
  local candidates = {}
  for i, stage in ipairs(ctx.stages) do
    local task = schema.tasks[stage.task]
    local fits = task and (not type_.weights or task.weights) and (not type_.task or type_.task == stage.task)
    if (type_.later or i < ctx.position) and fits and stage.name then candidates[#candidates + 1] = stage.name end
  end
  for _, name in ipairs(candidates) do
    if name == value then return value end
  end
  if type_.random then candidates[#candidates + 1] = "random" end
  local here = name_of(path, n)
  for i, stage in ipairs(ctx.stages) do
    if stage.name == value then
      if not type_.later and i == ctx.position then
        return ctx.errors:add(n, "%s: a stage cannot name itself", here)
      elseif not type_.later and i > ctx.position then
        return ctx.errors:add(n, "%s: stage '%s' comes later; only earlier stages can be named", here, value)
      elseif not schema.tasks[stage.task] then
        return nil -- its task is unknown, which is reported where it stands
      end
      return ctx.errors:add(n, "%s: stage '%s' is a %s stage%s (possible: %s)", here, value, stage.task,
        type_.weights and " and leaves no encoder weights" or ", not a " .. tostring(type_.task), list_names(candidates))
    end
  end
  return ctx.errors:add(n, "%s: there is no stage '%s'%s", here, value, suggest.hint(value, candidates, true))
end

-- One of the views as a node for the view's type.
local function view_node(n, path, ctx, index)
  local origin, preset, rest = n, n.value, nil
  if n.fields then
    local tag = n.fields.preset
    if not tag then return n end
    preset, origin = tag.value, tag
    rest = { file = n.file, line = n.line, fields = {}, n = 0 }
    for key, child in next, n.fields do
      if key ~= "preset" then rest.fields[key] = child end
    end
    path = extended(path, "preset")
  end
  if type(preset) ~= "string" then
    wrong(ctx, origin, path, "a preset's name" .. (rest and "" or " or a table"))
    return nil
  end
  if not choice(ctx, origin, path, preset, keys_of(schema.augment.presets), "preset") then return nil end
  local views = schema.augment.presets[preset]
  local base = node.of(views[math.min(index, #views)], origin)
  return rest and node.merge(base, rest) or base
end

-- How many views a name or a table stands for.
local function views_of(n)
  local name = n.value or n.fields and n.fields.preset and n.fields.preset.value
  local views = schema.augment.presets[name]
  return views and #views or schema.augment.views
end

function walkers.augment(_, n, path, ctx)
  local result = json.array {}
  local each, low, high = node.is_list(n), schema.augment.min_views, schema.augment.max_views
  if each and (n.n < low or n.n > high) then
    return ctx.errors:add(n, "%s must have %d to %d views, got %d", name_of(path, n), low, high, n.n)
  end
  local count = each and n.n or views_of(n)
  for i = 1, count do
    local source = each and n.fields[i] or n
    local here = each and extended(path, i) or path
    -- One table for all views is walked for each; its mistakes are reported once.
    local view_ctx = ctx
    if not each and i > 1 then view_ctx = setmetatable({ errors = require("lunette.recipe.errors").new() }, { __index = ctx }) end
    local view = view_node(source, here, view_ctx, i)
    if view and not node.is_record(view) then
      wrong(view_ctx, view, here, "a preset's name or a table with named keys")
      view = nil
    end
    result[i] = view and walk_fields(schema.augment.view.fields, view, here, view_ctx, { preset = true })
  end
  if #result < count then return nil end
  return result
end

-- ---- stages ----

-- Keys that any task knows: for a stage whose own task cannot be told.
local function all_fields()
  local fields = {}
  for _, task in pairs(schema.tasks) do
    for key, field in pairs(task.fields) do fields[key] = field end
  end
  return fields
end

local function check_stage(n, index, ctx)
  local label = ctx.stages[index].name or index
  local path = { "stages", label }
  if not want_record(n, path, ctx) then return nil end
  local task_node = n.fields.task
  local task = task_node and schema.tasks[task_node.value]
  ctx.position = index
  if not task then
    if task_node then
      if type(task_node.value) == "string" then
        choice(ctx, task_node, extended(path, "task"), task_node.value, keys_of(schema.tasks), "task")
      else
        wrong(ctx, task_node, extended(path, "task"), "a string")
      end
    end
    local fields = all_fields()
    for _, key in ipairs(keys_of(n.fields)) do
      if not fields[key] and not schema.stage[key] then
        local child = n.fields[key]
        local candidates = keys_of(fields)
        for name in pairs(schema.stage) do candidates[#candidates + 1] = name end
        unknown_key(ctx, child, path, key, suggest.hint(key, candidates))
      end
    end
    if not task_node and not n.unresolved then
      ctx.errors:add(n, "missing key %s (one of %s)", name_of(extended(path, "task"), n), table.concat(keys_of(schema.tasks), ", "))
    end
    return nil
  end
  local result = walk_fields(task.fields, n, path, ctx, schema.stage)
  result.name = walk(schema.stage.name, n.fields.name, extended(path, "name"), ctx, n)
  result.task = task_node.value
  return result
end

local function check_names(stages, ctx)
  local seen = {}
  for i, n in ipairs(stages) do
    local name_node = n.fields and n.fields.name
    local name = name_node and name_node.value
    local usable = type(name) == "string" and name or nil
    ctx.stages[i] = { name = usable, task = n.fields and n.fields.task and n.fields.task.value }
    if usable then
      if schema.reserved[usable] then
        ctx.errors:add(name_node, "'stages[%d].name': a stage cannot be called '%s', which has a meaning of its own", i, usable)
      elseif seen[usable] then
        ctx.errors:add(name_node, "'stages[%d].name': there is already a stage '%s'", i, usable)
      end
      seen[usable] = true
    end
  end
end

-- Where a stage that trains has no projector of its own, the model's counts, and without that the method's default.
local function use_model_projector(root, stages)
  local model = root.fields.model
  local projector = model and model.fields and model.fields.projector
  for i, n in ipairs(stages) do
    local task = n.fields and n.fields.task and schema.tasks[n.fields.task.value]
    if projector and task and task.trains and not n.fields.projector then
      stages[i] = node.merge(n, { file = n.file, line = n.line, fields = { projector = projector }, n = 0 })
    end
  end
end

-- ---- what no single value shows ----

local MEMORY = 64 << 30 -- bytes of a data set made on the fly, which memory holds

local function check_sizes(config, root, ctx)
  for _, set in ipairs(keys_of(config.data)) do
    local spec = config.data[set]
    local count = schema.data[spec.kind].count
    for _, split in ipairs(schema.data[spec.kind].splits) do
      local n = count(spec, split)
      if n and n * 3 * spec.size ^ 2 > MEMORY then
        local origin = root.fields.data.fields[set]
        ctx.errors:add(origin, "%s: %d images of %d x %d (%s) take %.0f GB; at most %.0f are possible", name_of({ "data", set }, origin), n,
          spec.size, spec.size, split, n * 3 * spec.size ^ 2 / 1e9, MEMORY / 1e9)
      end
    end
  end
end

-- Every size that the encoder gets to see in a stage is one it takes, and the views that are compared are of one.
local function check_pixels(config, stage, spec, complain)
  local side, trains = schema.data[spec.kind].side(spec), schema.tasks[stage.task].trains
  local problem_of = schema.model.size_problem[config.model.backbone] or function() end
  local sizes = trains and schema.augment.sizes(stage, side) or { side }
  for _, size in ipairs(sizes) do
    local problem = problem_of(config.model, size)
    if problem then return complain(trains and "size" or "data", "gives the encoder images %d pixels wide, %s", size, problem) end
  end
  if trains and sizes[2] and sizes[1] ~= sizes[2] then
    complain("augment", "makes views of %d and %d pixels; '%s' compares views of one size", sizes[1], sizes[2], stage.task)
  end
end

local function cross_checks(config, nodes, ctx)
  local function at(index, key)
    local fields = nodes[index].fields
    return fields[key] or nodes[index]
  end
  local function complain(index, key, form, ...)
    local origin = at(index, key)
    ctx.errors:add(origin, "%s " .. form, name_of({ "stages", config.stages[index].name, key }, origin), ...)
  end
  local by_name = {}
  for index, stage in ipairs(config.stages) do
    by_name[stage.name] = stage
    local set, split = (stage.data or ""):match("^(.-):(.*)$")
    local spec = config.data[set]
    local count = spec and schema.data[spec.kind].count(spec, split)
    if schema.tasks[stage.task].trains then
      if count and stage.batch > count then
        complain(index, "batch", "is %d, but '%s' has only %d images", stage.batch, stage.data, count)
      end
      if #stage.augment > 2 and not schema.tasks[stage.task].multicrop then
        complain(index, "augment", "makes %d views, but '%s' compares two", #stage.augment, stage.task)
      end
      if (stage.queue or 0) > 0 and stage.batch > stage.queue then
        complain(index, "queue", "is %d, less than the batch of %d; set it to several batches", stage.queue, stage.batch)
      end
      if stage.optim.clip_each and not stage.optim.clip_norm then
        complain(index, "optim", "has clip_each, which does nothing without clip_norm")
      end
      if stage.schedule.warmup_epochs > stage.epochs then
        complain(index, "schedule", "warms up for %s epochs, but the stage has only %d", stage.schedule.warmup_epochs, stage.epochs)
      end
    end
    if spec then check_pixels(config, stage, spec, function(...) complain(index, ...) end) end
    for _, key in ipairs(schema.tasks[stage.task].labels or {}) do
      local name, of = (stage[key] or ""):match("^(.-):(.*)$")
      local kind = config.data[name] and schema.data[config.data[name].kind]
      if kind and kind.unlabelled and kind.unlabelled[of] then
        complain(index, key, "is '%s', which has no labels; '%s' needs them", stage[key], stage.task)
      end
    end
    for _, band in ipairs { { stage, "low" }, { stage.regularize or {}, "regularize" } } do
      if band[1].low and band[1].high and band[1].low >= band[1].high then
        complain(index, band[2], "must lie below 'high': %s and %s", band[1].low, band[1].high)
      end
    end
    if stage.task == "knn" and count and stage.k > count then
      complain(index, "k", "is %d, but '%s' has only %d images", stage.k, stage.data, count)
    end
    if stage.select == "misclassified" and not stage.probe then
      complain(index, "select", "is 'misclassified', which needs 'probe', the stage that tells which images are")
    end
    local probe = stage.probe and by_name[stage.probe]
    if probe and probe.from ~= stage.from then
      complain(index, "probe", "is '%s', which was fitted on the encoder of '%s'; this stage uses that of '%s'", stage.probe,
        probe.from, stage.from)
    end
  end
end

-- A monitor that was not told otherwise asks at the epsilon of the recipe's own Q-Scores: on a narrow encoder hardly any
-- feature lies 4 deviations above its mean, and all scores would be 0.
local function settle_monitors(config)
  local epsilon = training.epsilon.default
  for i = #config.stages, 1, -1 do
    if config.stages[i].task == "qscore" then epsilon = config.stages[i].epsilon end
  end
  for _, stage in ipairs(config.stages) do
    if stage.monitor then stage.monitor.epsilon = stage.monitor.epsilon or epsilon end
  end
end

--- check(root, errors) -> config, or nil with all mistakes in the list. `root` is the joined recipe as a node.
function check.check(root, errors)
  local ctx = { errors = errors, stages = {}, position = math.huge, unknown = {}, said = {} }
  local before = #errors
  local fields = {}
  for key, type_ in pairs(schema.recipe.fields) do
    if key ~= "stages" and key ~= "report" then fields[key] = type_ end
  end

  local known = { stages = true, report = true, extends = true }
  local config = walk_fields(fields, root, {}, ctx, known)
  -- A data set that is itself wrong is still there to be named.
  if root.fields.data and node.is_record(root.fields.data) then
    ctx.data = {}
    for name in next, root.fields.data.fields do ctx.data[name] = config.data and config.data[name] or false end
  end

  local stages, stage_nodes = root.fields.stages, {}
  local list_type = schema.recipe.fields.stages
  if not stages then
    errors:add(root, "missing key 'stages' (%s)", list_type.doc)
  elseif not node.is_list(stages) then
    wrong(ctx, stages, { "stages" }, "a list of stages")
  elseif stages.n > list_type.max_items then
    errors:add(stages, "'stages' must have at most %d items, got %d", list_type.max_items, stages.n)
  else
    stage_nodes = like.resolve(stages, errors)
    check_names(stage_nodes, ctx)
    config.stages = json.array {}
    use_model_projector(root, stage_nodes)
    for i, n in ipairs(stage_nodes) do config.stages[i] = check_stage(n, i, ctx) end
  end
  config.report = walk(schema.recipe.fields.report, root.fields.report, { "report" }, ctx, root)

  if #errors > before then return nil end
  check_sizes(config, root, ctx)
  cross_checks(config, stage_nodes, ctx)
  if #errors > before then return nil end
  settle_monitors(config)
  config.model.precision = config.model.precision or config.precision
  config.report.title = config.report.title or config.name
  return config
end

return check
