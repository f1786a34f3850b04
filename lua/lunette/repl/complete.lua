-- Tab: what may follow the text before the cursor: names and fields, methods of objects, paths inside quotes, help topics and
-- commands. It looks at raw fields and at metatables whose __index is a table, never calls a function that belongs to a
-- value, and keeps its own references to what it uses, so that no code of the user's runs while they type.

local entries = require "lunette.help.entries"
local lunette = require "lunette"
local topic_texts = require "lunette.help.topics"
local sys = require "lunette.sys"

local find, gsub, match, rep, sub = string.find, string.gsub, string.match, string.rep, string.sub
local concat, sort = table.concat, table.sort
local floor, max, min, length = math.floor, math.max, math.min, utf8.len
local next, pcall, rawequal, rawget, require, tonumber, type = next, pcall, rawequal, rawget, require, tonumber, type
local globals, terminal, library = _G, io.stdout, entries.library
local list_folder, stat, width = sys.list, sys.stat, sys.terminal_width
local string_library, metatable_of = string, debug.getmetatable
local tensor_meta, tensor_methods = debug.getregistry().tensor, debug.getregistry()["lunette.methods"]
local op_rows = lunette.op_rows

local LISTED = 120 -- candidates shown at once
local KEYWORDS = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil", "not", "or",
  "repeat", "return", "then", "true", "until", "while",
}
local COMMANDS = { ":help ", ":time ", ":who" }
local TENSOR_FIELDS = { grad = true, requires_grad = true }

-- ---- values ----

-- The table that lookups in a value go to after its own fields, if it is one.
local function parent(value)
  if type(value) == "string" then return string_library end
  local meta = metatable_of(value)
  local index = type(meta) == "table" and rawget(meta, "__index")
  return type(index) == "table" and index or nil
end

local function is_tensor(value) return type(value) == "userdata" and rawequal(metatable_of(value), tensor_meta) end

-- Whether the library, by what help lists, has a module of this name.
local function is_module(name)
  for i = 1, #library do
    if match(library[i].name, "^([%w_]+)%.") == name then return true end
  end
  return false
end

local function step(value, key)
  if rawequal(value, lunette) and type(key) == "string" and rawget(lunette, key) == nil and is_module(key) then
    local known, module = pcall(require, "lunette." .. key) -- fetched on first use
    return known and module or nil
  end
  for _ = 1, 20 do
    if value == nil then return nil end
    local found = type(value) == "table" and rawget(value, key)
    if found then return found end
    value = parent(value)
  end
end

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = metatable_of(value)
  return type(value) == "table" and type(meta) == "table" and rawget(meta, "__call") ~= nil
end

-- The set of names that may follow value and "." or ":".
local function names_after(value, separator)
  local names = {}
  if is_tensor(value) then
    for key in next, separator == ":" and tensor_methods or TENSOR_FIELDS do names[key] = true end
    return names
  end
  if rawequal(value, lunette) then
    for i = 1, #library do
      local name = match(library[i].name, "^([^.:]+)%f[.\0]")
      if name then names[name] = true end
    end
  end
  for _ = 1, 20 do
    if type(value) == "table" then
      for key, field in next, value do
        if type(key) == "string" and find(key, "^[%a_][%w_]*$") and (separator == "." or is_callable(field)) then names[key] = true end
      end
    end
    value = parent(value)
    if value == nil then break end
  end
  return names
end

-- ---- the text before the cursor ----

-- Follow "a.b[1]["c"]" from the globals, up to the last separator. -> value, separator, start of the word; or nothing
local function resolve(text)
  local _, at, name = find(text, "^([%a_][%w_]*)")
  if not at then return nil end
  local value = rawget(globals, name)
  while true do
    local separator, word = match(text, "^([.:])([%w_]*)$", at + 1)
    if separator then return value, separator, word end
    if value == nil then return nil end
    local _, stop, key = find(text, "^%.([%a_][%w_]*)", at + 1)
    if not stop then
      _, stop, key = find(text, "^%[(%d+)%]", at + 1)
      key = key and tonumber(key)
    end
    if not stop then _, stop, key = find(text, "^%[\"([^\"]*)\"%]", at + 1) end
    if not stop then _, stop, key = find(text, "^%['([^']*)'%]", at + 1) end
    if not stop then return nil end
    value, at = step(value, key), stop
  end
end

-- The content of a string that the cursor is in, and its quote; or true in a comment; else nothing.
local function open_string(line)
  local quote, from
  local i = 1
  while i <= #line do
    local c = sub(line, i, i)
    if quote then
      if c == "\\" then
        i = i + 1
      elseif c == quote then
        quote = nil
      end
    elseif c == "\"" or c == "'" then
      quote, from = c, i + 1
    elseif sub(line, i, i + 1) == "--" then
      return true
    end
    i = i + 1
  end
  if quote then return sub(line, from), quote end
end

-- ---- candidates: lists of whole words, and the part of each that is typed already ----

local function starting_with(names, word)
  local found = {}
  for name in next, names do
    if sub(name, 1, #word) == word and (sub(name, 1, 1) ~= "_" or sub(word, 1, 1) == "_") then found[#found + 1] = name end
  end
  sort(found)
  return found
end

local function topics()
  local names = { ops = true, recipe = true }
  for name in next, topic_texts do names[name] = true end
  for _, rows in next, { entries.functions, entries.methods, library } do
    for i = 1, #rows do names[rows[i].name] = true end
  end
  local rows = op_rows()
  for i = 1, #rows do
    if not find(rows[i].name, "_grad$") then names[rows[i].name] = true end
  end
  return names
end

local function paths(typed, quote)
  local folder, word = match(typed, "^(.*/)([^/]*)$")
  if not folder then folder, word = "", typed end
  local read, names = pcall(list_folder, folder == "" and "." or folder)
  local found = {}
  if not read or not names then return found, word end
  for i = 1, #names do
    local name = names[i]
    if sub(name, 1, #word) == word and (sub(name, 1, 1) ~= "." or sub(word, 1, 1) == ".") then
      local known, info = pcall(stat, folder .. name)
      found[#found + 1] = name .. (known and info and info.kind == "directory" and "/" or quote)
    end
  end
  sort(found)
  return found, word
end

local function globals_and_keywords(word)
  local names = names_after(globals, ".")
  for i = 1, #KEYWORDS do names[KEYWORDS[i]] = true end
  return starting_with(names, word), word
end

local function candidates(text, line)
  local topic = match(text, "^%s*%?%s*([%w_.]*)$") or match(text, "^%s*:help%s+([%w_.]*)$")
    or match(text, "^%s*help%s*%(?%s*[\"']([%w_.]*)$")
  if topic then return starting_with(topics(), topic), topic end
  local command = match(text, "^%s*(:%a*)$")
  if command then
    local names = {}
    for i = 1, #COMMANDS do names[COMMANDS[i]] = true end
    return starting_with(names, command), command
  end
  local typed, quote = open_string(line)
  if typed == true then return {}, "" end
  if typed then return paths(typed, quote) end
  local tail = match(line, "[%w_.:%[%]\"']*$")
  tail = match(tail, "^.*%.%.(.*)$") or tail -- `..` is an operator
  if find(tail, "^[%a_][%w_]*$") then return globals_and_keywords(tail) end
  local value, separator, word = resolve(tail)
  if value == nil then return {}, "" end
  return starting_with(names_after(value, separator), word), word
end

-- ---- what the editor does with them ----

local function common_start(words)
  local common = words[1]
  for i = 2, #words do
    local n = 0
    while n < #common and sub(common, n + 1, n + 1) == sub(words[i], n + 1, n + 1) do n = n + 1 end
    common = sub(common, 1, n)
  end
  -- not in the middle of a UTF-8 sequence
  return (gsub(common, "[\xC0-\xFF][\x80-\xBF]*$", function(last)
    local whole = find(last, "^[\xC0-\xDF].$") or find(last, "^[\xE0-\xEF]..$") or find(last, "^[\xF0-\xF7]...$")
    return whole and last or ""
  end))
end

local function columns_of(word) return length(word) or #word end

local function in_columns(words)
  local shown, widest, lines = min(#words, LISTED), 0, {}
  for i = 1, shown do widest = max(widest, columns_of(words[i])) end
  local columns = max(1, floor((width(terminal) or 80) / (widest + 2)))
  local height = (shown + columns - 1) // columns
  for row = 1, height do
    local cells = {}
    for i = row, shown, height do cells[#cells + 1] = words[i] .. rep(" ", widest + 2 - columns_of(words[i])) end
    lines[row] = (gsub(concat(cells), "%s+$", ""))
  end
  if #words > shown then lines[#lines + 1] = "... " .. #words - shown .. " more" end
  return concat(lines, "\n")
end

--- The text before the cursor -> what to insert, and the candidates to show, either of which may be nil.
return function(text)
  local line = match(text, "[^\n]*$")
  local words, typed = candidates(text, line)
  if #words == 0 then return nil, nil end
  local insert = sub(common_start(words), #typed + 1)
  if insert ~= "" then return insert, nil end
  if #words == 1 then return nil, nil end
  return nil, in_columns(words)
end
