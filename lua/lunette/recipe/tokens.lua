--- Lua's tokens with their lines: enough to know where in a recipe a key was written, and to read literals.

local tokens = {}

-- Longest first, so that "==" is not read as two "=".
local OPERATORS = { "...", "==", "~=", "<=", ">=", "//", "::", "<<", ">>", ".." }

local function operator_length(text, at)
  for _, operator in ipairs(OPERATORS) do
    if text:sub(at, at + #operator - 1) == operator then return #operator end
  end
  return 1
end

local function count_lines(text)
  local _, count = text:gsub("\n", "")
  return count
end

-- Long brackets: position after the closing one, or nil where there is none.
local function long_bracket(text, at)
  local level = text:match("^%[(=*)%[", at)
  if not level then return nil end
  local _, stop = text:find("]" .. level .. "]", at, true)
  return stop and stop + 1
end

local function quoted(text, at)
  local quote, i = text:sub(at, at), at + 1
  while i <= #text do
    local c = text:sub(i, i)
    if c == quote then return i + 1 end
    i = i + (c == "\\" and 2 or 1)
  end
end

local function number_end(text, at)
  local stop = at
  while true do
    local _, e = text:find("^[eEpP][+-]%d", stop)
    if not e then _, e = text:find("^[%w.]", stop) end
    if not e then return stop end
    stop = e + 1
  end
end

--- scan(text) -> list of {kind = "name"|"number"|"string"|"op", text, line}; complete = false where the text ends
--- inside a string or comment.
function tokens.scan(text)
  local list, at, line = {}, 1, 1
  local function take(kind, stop)
    local piece = text:sub(at, stop - 1)
    if kind then list[#list + 1] = { kind = kind, text = piece, line = line } end
    if kind == nil or kind == "string" then line = line + count_lines(piece) end
    at = stop
  end
  while at <= #text do
    local c = text:sub(at, at)
    if c:find("%s") then
      take(nil, (text:find("%S", at)) or #text + 1)
    elseif text:find("^%-%-", at) then
      local stop
      if text:find("^%[=*%[", at + 2) then
        stop = long_bracket(text, at + 2)
        if not stop then return list, false end
      end
      take(nil, stop or text:find("\n", at, true) or #text + 1)
    elseif c:find("[%a_]") then
      take("name", (text:find("[^%w_]", at)) or #text + 1)
    elseif c:find("%d") or text:find("^%.%d", at) then
      take("number", number_end(text, at))
    elseif c == '"' or c == "'" or text:find("^%[=*%[", at) then
      local stop = c == "[" and long_bracket(text, at) or c ~= "[" and quoted(text, at)
      if not stop then return list, false end
      take("string", stop)
    else
      take("op", at + (c:find("[%.=~<>/:]") and operator_length(text, at) or 1))
    end
  end
  return list, true
end

--- The value of a number or string token, or nil.
function tokens.value(token)
  if token.kind == "number" then return tonumber(token.text) end
  if token.kind == "string" then
    local chunk = load("return " .. token.text, "=literal", "t", {})
    return chunk and chunk()
  end
end

-- One literal at position i: number, string, boolean or table of literals. Returns value, next position; or nothing.
local function literal(list, i, depth)
  local token = list[i]
  if not token or depth > 16 then return end
  if token.text == "-" and list[i + 1] and list[i + 1].kind == "number" then
    local number = tokens.value(list[i + 1])
    if number then return -number, i + 2 end
    return
  end
  if token.kind == "number" or token.kind == "string" then
    local value = tokens.value(token)
    if value ~= nil then return value, i + 1 end
    return
  end
  if token.kind == "name" and (token.text == "true" or token.text == "false") then return token.text == "true", i + 1 end
  if token.text ~= "{" then return end
  local result, position = {}, 0
  i = i + 1
  while list[i] and list[i].text ~= "}" do
    local key
    if list[i].kind == "name" and list[i + 1] and list[i + 1].text == "=" then
      key, i = list[i].text, i + 2
    elseif list[i].text == "[" and list[i + 2] and list[i + 2].text == "]" and list[i + 3] and list[i + 3].text == "=" then
      key, i = tokens.value(list[i + 1]), i + 4
      if key == nil then return end
    else
      position = position + 1
      key = position
    end
    local value
    value, i = literal(list, i, depth + 1)
    if not i then return end
    result[key] = value
    if list[i] and (list[i].text == "," or list[i].text == ";") then
      i = i + 1
    elseif not list[i] or list[i].text ~= "}" then
      return
    end
  end
  if not list[i] then return end
  return result, i + 1
end

--- literal(text) -> true, value where the text is one Lua literal; false otherwise.
function tokens.literal(text)
  local list, complete = tokens.scan(text)
  if not complete then return false end
  local value, next_position = literal(list, 1, 1)
  if not next_position or next_position ~= #list + 1 then return false end
  return true, value
end

return tokens
