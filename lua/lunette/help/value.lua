-- Help on a value rather than a name: what is part of the library is found by identity, of a user's Lua function the
-- signature, the place and the comment above it are shown.

local lunette = require "lunette"

local value = {}

-- All names of a function or module of the library, sorted, looked up without calling __index.
function value.names_of(wanted)
  local names = {}
  local function add(name, found)
    if rawequal(found, wanted) then names[#names + 1] = name end
  end
  for module, content in next, package.loaded do
    local prefix = module == "lunette" and "" or module:match "^lunette%.(.+)$"
    if prefix then
      add(prefix, content)
      for key, field in next, type(content) == "table" and content or {} do
        if type(key) == "string" then add(prefix == "" and key or prefix .. "." .. key, field) end
      end
    end
  end
  for name, op in next, lunette.ops do add(name, op) end
  table.sort(names)
  return names
end

--- The value a dotted name leads to from the globals, or nil; nothing is called on the way.
function value.at(path)
  local at = _G
  for part in path:gmatch "[^.]+" do
    if type(at) ~= "table" then return nil end
    at = rawget(at, part)
  end
  return at
end

local function lines_of(path)
  local file, lines = io.open(path, "r"), {}
  if not file then return lines end
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  return lines
end

local function comment_above(lines, first)
  local from = first
  while from > 1 and (lines[from - 1] or ""):find "^%s*%-%-" do from = from - 1 end
  local comment = {}
  for i = from, first - 1 do comment[#comment + 1] = "  " .. lines[i]:gsub("^%s*%-+ ?", "") end
  return comment
end

--- The text on a Lua function, known as `name`; nil for other values.
function value.text(f, name)
  if type(f) ~= "function" then return nil end
  local info = debug.getinfo(f, "Su")
  if info.what == "C" then return ("%s: a function of the program written in C"):format(name or "function") end
  local parameters = {}
  for i = 1, info.nparams do parameters[i] = debug.getlocal(f, i) end
  if info.isvararg then parameters[#parameters + 1] = "..." end
  local text = { ("%s(%s)"):format(name or "function", table.concat(parameters, ", ")) }
  local path = info.source:match "^@(.*)$"
  if path then
    local comment = comment_above(lines_of(path), info.linedefined)
    table.move(comment, 1, #comment, 2, text)
  end
  text[#text + 1] = ("  defined at %s:%d"):format(info.short_src, info.linedefined)
  return table.concat(text, "\n")
end

return value
