--- The list of everything wrong with a recipe. One entry: {file, line (may be nil), message}; its text is
--- `file:line: message`. Sorted by place, so that an editor can walk through it.

local errors = {}
errors.__index = errors

local entry_text = {
  __tostring = function(entry)
    local place = entry.file
    if entry.line then place = place .. ":" .. entry.line end
    return place .. ": " .. entry.message
  end,
}

function errors.new()
  return setmetatable({}, errors)
end

--- printable(text): what a file brings into a message (a key, a syntax error) stays on its line and out of the terminal's codes.
-- Beside the ASCII ones, terminals obey C1 controls (U+0080..9F), and marks of direction make a line read as another.
local function printable(text)
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", function(c) return ("\\x%02x"):format(c:byte()) end) end
  local function code(c) return ("\\u{%x}"):format(utf8.codepoint(c)) end
  text = text:gsub("\xC2[\x80-\x9F]", code):gsub("\xE2\x80[\x8E\x8F\xA8-\xAE]", code):gsub("\xE2\x81[\xA6-\xA9]", code)
  return (text:gsub("[%c\127]", function(c) return ("\\x%02x"):format(c:byte()) end))
end

errors.printable = printable

--- add(origin, format, ...): origin = anything with .file and .line, such as a node.
function errors:add(origin, form, ...)
  local message = select("#", ...) > 0 and form:format(...) or form
  self[#self + 1] = setmetatable({ file = origin.file, line = origin.line, message = printable(message), order = #self + 1 },
    entry_text)
  return nil
end

--- mark(text, others): puts the text in front of every message so far that the list `others` does not have.
function errors:mark(text, others)
  local known = {}
  for _, entry in ipairs(others) do known[entry.message] = true end
  for _, entry in ipairs(self) do
    if not known[entry.message] then entry.message = text .. entry.message end
  end
end

local COMMAND_LINE = "command line"

function errors:sort()
  table.sort(self, function(a, b)
    local first, second = a.file:find(COMMAND_LINE, 1, true) == 1, b.file:find(COMMAND_LINE, 1, true) == 1
    if first ~= second then return second end
    if a.file ~= b.file and not first then return a.file < b.file end
    if (a.line or 0) ~= (b.line or 0) then return (a.line or 0) < (b.line or 0) end
    return a.order < b.order
  end)
  return self
end

function errors.__tostring(self)
  local texts = {}
  for i, entry in ipairs(self) do texts[i] = tostring(entry) end
  return table.concat(texts, "\n")
end

--- A value as an error message shows it: its type and, where short, itself. Control characters never reach a terminal.
function errors.show(value)
  local kind = type(value)
  if kind == "string" then
    local text = printable(value)
    if #text > 60 then text = text:sub(1, 57):gsub("[\xC0-\xFF][\x80-\xBF]*$", "") .. "..." end
    return ('a string "%s"'):format(text)
  elseif kind == "number" then
    return tostring(value)
  elseif kind == "boolean" then
    return tostring(value)
  end
  return "a " .. kind
end

return errors
