--- Where each key of a recipe was written. Reads the source text, not the values, and therefore only sees what is
--- written plainly: table constructors, local tables used by name, and `name.key = value` statements. For a key that
--- was made in another way the line of the nearest table around it is what the reader gets.

local tokens = require "lunette.recipe.tokens"

local lines = {}

local OPENS = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES = { ["end"] = true, ["until"] = true }
local BRACKETS = { ["("] = 1, ["["] = 1, ["{"] = 1, [")"] = -1, ["]"] = -1, ["}"] = -1 }

local function ends_field(token)
  return token == nil or token.text == "," or token.text == ";" or token.text == "}"
end

-- Past an expression of any kind, up to the separator or brace that ends the field it stands in.
local function skip(list, i)
  local depth = 0
  while list[i] do
    local token = list[i]
    if depth == 0 and token.kind == "op" and ends_field(token) then return i end
    if token.kind == "op" then
      depth = depth + (BRACKETS[token.text] or 0)
    elseif token.kind == "name" then
      if OPENS[token.text] then depth = depth + 1 end
      if CLOSES[token.text] then depth = depth - 1 end
    end
    i = i + 1
  end
  return i
end

local constructor

-- The node of the value that starts at i, and the position after it. `standalone`: a statement's value, whose end is
-- not marked by a separator.
local function value(list, i, standalone)
  local token = list[i]
  local node = { line = token and token.line }
  if not token then return node, i end
  if token.kind == "op" and token.text == "{" then
    local after
    node, after = constructor(list, i)
    if standalone or ends_field(list[after]) then return node, after end
    return { line = token.line }, skip(list, after)
  end
  if token.kind == "name" and (ends_field(list[i + 1]) or standalone) then node.alias = token.text end
  if standalone then return node, i end
  return node, skip(list, i)
end

function constructor(list, i)
  local node = { line = list[i].line, fields = {} }
  local position = 0
  i = i + 1
  while list[i] and list[i].text ~= "}" do
    local token = list[i]
    local key
    if token.kind == "name" and list[i + 1] and list[i + 1].text == "=" then
      key, i = token.text, i + 2
    elseif token.text == "[" and list[i + 2] and list[i + 2].text == "]" and list[i + 3] and list[i + 3].text == "=" then
      key, i = tokens.value(list[i + 1]), i + 4
    elseif token.text == "[" and token.kind == "op" then
      i = skip(list, i)
      goto continue
    else
      position = position + 1
      key = position
    end
    do
      local child
      child, i = value(list, i, false)
      child.line = token.line
      if key ~= nil then node.fields[key] = child end
    end
    ::continue::
    if list[i] and list[i].text ~= "}" then i = i + 1 end
  end
  return node, i + 1
end

-- `name.key["other"] = value` at i: the names, and the position of the value; nil where there is no such statement.
local function assignment(list, i)
  local path = { list[i].text }
  local at = i + 1
  while list[at] do
    if list[at].text == "." and list[at + 1] and list[at + 1].kind == "name" then
      path[#path + 1], at = list[at + 1].text, at + 2
    elseif list[at].text == "[" and list[at + 2] and list[at + 2].text == "]" and tokens.value(list[at + 1]) ~= nil then
      path[#path + 1], at = tokens.value(list[at + 1]), at + 3
    else
      break
    end
  end
  if #path > 1 and list[at] and list[at].text == "=" then return path, at + 1 end
end

--- map(text) -> map for lines.find.
function lines.map(text)
  local list = tokens.scan(text)
  local map = { locals = {}, root = { line = 1 } }
  local i, blocks = 1, 0
  while list[i] do
    local token, next_position = list[i], i + 1
    if token.kind == "name" then
      if OPENS[token.text] then
        blocks = blocks + 1
      elseif CLOSES[token.text] then
        blocks = blocks - 1
      elseif blocks == 0 and token.text == "return" then
        map.root, next_position = value(list, i + 1, true)
      elseif blocks == 0 and token.text == "local" and list[i + 1] and list[i + 1].kind == "name" then
        local at = i + 2
        if list[at] and list[at].text == "<" then at = at + 3 end
        if list[at] and list[at].text == "=" then
          map.locals[list[i + 1].text], next_position = value(list, at + 1, true)
        end
      elseif blocks == 0 then
        local path, at = assignment(list, i)
        local node = path and map.locals[path[1]]
        if node then
          for depth = 2, #path - 1 do
            node.fields = node.fields or {}
            node.fields[path[depth]] = node.fields[path[depth]] or { line = token.line }
            node = node.fields[path[depth]]
          end
          node.fields = node.fields or {}
          local child
          child, next_position = value(list, at, true)
          child.line = token.line
          node.fields[path[#path]] = child
        end
      end
    end
    i = math.max(next_position, i + 1)
  end
  return map
end

--- child(map, node, key) -> the node of that key, or nil where its place is not known.
function lines.child(map, node, key)
  local hops = 0
  while node and node.alias and hops < 16 do
    node, hops = map.locals[node.alias], hops + 1
  end
  return node and node.fields and node.fields[key]
end

return lines
