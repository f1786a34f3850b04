--- A recipe between its text and its configuration: every value with the place it was written at.
--
-- node = {file, line, value}                  a string, number or boolean
--      | {file, line, fields = {key -> node}, n}   a table; n = how many positions 1..n it has (0: keys are strings)
-- An empty table has no fields and n = 0: it passes as a list and as a record.

local lines = require "lunette.recipe.lines"

local node = {}

node.limits = { keys = 10000, depth = 16, string_bytes = 4096 }

-- What a string in a recipe may hold: UTF-8 without control characters other than tab and newline and without marks that
-- reorder a text, because it ends in terminals, file names and reports.
local function string_problem(text)
  if #text > node.limits.string_bytes then
    return ("a string of %d bytes; at most %d are allowed"):format(#text, node.limits.string_bytes)
  end
  if not utf8.len(text) then return "a string that is not UTF-8" end
  if text:find("[\0-\8\11-\31\127]") or text:find("\xC2[\x80-\x9F]") then return "a string with a control character" end
  if text:find("\xE2\x80[\x8E\x8F\xA8-\xAE]") or text:find("\xE2\x81[\xA6-\xA9]") then
    return "a string with a mark of writing direction or a line separator, which makes a text read as another"
  end
end

local function key_text(path)
  local text = ""
  for _, key in ipairs(path) do
    if math.type(key) == "integer" then
      text = text .. "[" .. key .. "]"
    else
      text = text .. (text == "" and "" or ".") .. tostring(key)
    end
  end
  return text == "" and "the recipe" or "'" .. text .. "'"
end

-- Keys in an order that does not depend on hashing, so that the same text gives the same errors.
local function sorted_keys(value)
  local keys = {}
  for key in next, value do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) < type(b) end
    if type(a) == "string" or type(a) == "number" then return a < b end
    return false
  end)
  return keys
end

local function convert(value, state, place, line, path)
  local here = { file = state.file, line = place and place.line or line }
  local kind = type(value)
  if kind == "boolean" then
    here.value = value
  elseif kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      state.errors:add(here, "%s is %s; a recipe holds finite numbers only", key_text(path), value)
    end
    here.value = value
  elseif kind == "string" then
    local problem = string_problem(value)
    if problem then state.errors:add(here, "%s is %s", key_text(path), problem) end
    here.value = value
  elseif kind == "userdata" then -- too long a string, see lunette.recipe.sandbox
    state.errors:add(here, "%s is %s", key_text(path), tostring(value))
    here.value = false
  elseif kind ~= "table" then
    state.errors:add(here, "%s is a %s; a recipe holds only strings, numbers, booleans and tables", key_text(path), kind)
    here.value = false
  elseif #path >= node.limits.depth then
    if not state.deep then
      state.errors:add(here, "%s is nested deeper than %d levels (or a table contains itself)", key_text(path),
        node.limits.depth)
    end
    state.deep = true
    here.value = false
  else
    local keys = sorted_keys(value)
    local count = rawlen(value)
    here.fields, here.n = {}, 0
    local strings, integers = 0, 0
    for _, key in ipairs(keys) do
      state.keys = state.keys + 1
      if state.keys > node.limits.keys then
        if state.keys == node.limits.keys + 1 then
          state.errors:add(here, "the recipe has more than %d keys", node.limits.keys)
        end
        return here
      end
      if type(key) == "string" then
        strings = strings + 1
        local problem = string_problem(key)
        if problem then
          state.errors:add(here, "%s has a key that is %s", key_text(path), problem)
          return here
        end
      elseif math.type(key) == "integer" and key >= 1 and key <= count then
        integers = integers + 1
      elseif type(key) == "userdata" then
        state.errors:add(here, "%s has a key that is %s", key_text(path), tostring(key))
        return here
      else
        local text = (type(key) == "number" or type(key) == "boolean") and tostring(key) or "a " .. type(key)
        state.errors:add(here, "%s has the key %s; keys are names or the positions 1..n without gaps", key_text(path), text)
        return here
      end
      path[#path + 1] = key
      here.fields[key] = convert(value[key], state, lines.child(state.map, place, key), here.line, path)
      path[#path] = nil
    end
    if strings > 0 and integers > 0 then
      state.errors:add(here, "%s mixes named keys and list items", key_text(path))
    elseif integers ~= count then
      state.errors:add(here, "%s has gaps in its positions", key_text(path))
    end
    here.n = integers
  end
  return here
end

--- from_value(value, file, text, errors) -> node. `value` came from untrusted code: any shape, any size.
--- `text` is the source it was written in, for the lines; nil where there is none.
function node.from_value(value, file, text, errors)
  local map = text and lines.map(text)
  local state = { file = file, errors = errors, keys = 0, map = map }
  if not map then state.map = { locals = {} } end
  return convert(value, state, map and map.root, map and map.root.line, {})
end

--- of(value, origin) -> node of trusted plain data, every part at one place.
function node.of(value, origin)
  local result = { file = origin.file, line = origin.line }
  if type(value) ~= "table" then
    result.value = value
    return result
  end
  result.fields, result.n = {}, #value
  for key, item in next, value do result.fields[key] = node.of(item, origin) end
  return result
end

--- The plain Lua value of a node.
function node.plain(n)
  if not n.fields then return n.value end
  local result = {}
  for key, child in next, n.fields do result[key] = node.plain(child) end
  return result
end

function node.is_list(n)
  return n.fields ~= nil and n.n > 0
end

function node.is_record(n)
  return n.fields ~= nil and n.n == 0
end

-- A record of another kind is another thing: merging an sgd's momentum into a lars would only make errors.
local TAGS = { "kind", "preset", "backbone" }

local function changes_kind(base, over)
  for _, tag in ipairs(TAGS) do
    local b, o = base.fields[tag], over.fields[tag]
    if o and not (b and b.value == o.value) then
      if tag == "preset" or b then return true end
    end
  end
  return false
end

--- merge(base, over) -> node: records by key, everything else replaced.
function node.merge(base, over)
  if not (base.fields and over.fields) or node.is_list(base) or node.is_list(over) or changes_kind(base, over) then
    return over
  end
  local result = { file = over.file, line = over.line, fields = {}, n = 0 }
  for key, child in next, base.fields do result.fields[key] = child end
  for key, child in next, over.fields do
    local below = result.fields[key]
    result.fields[key] = below and node.merge(below, child) or child
  end
  return result
end

return node
