-- A row of entries.lua, or of the op table, as text.

local messages = require "lunette.help.messages"

local page = {}

--- "number = 4" -> "number", "4"; "integer?" -> "integer", nil, true
function page.type_of(text)
  local kind, default = text:match "^(.-) = (.*)$"
  kind = kind or text
  local optional = default ~= nil or kind:sub(-1) == "?" or kind:find "|nil$" ~= nil
  return (kind:gsub("%?$", "")), default, optional
end

local function option(o)
  local _, default, optional = page.type_of(o[2])
  return o[1] .. " =" .. (default and " " .. default or optional and "" or "")
end

-- Options as a call shows them; where they are many, what must be given and the first few.
local function shown(options)
  local parts, length = {}, 0
  for i, o in ipairs(options) do
    local part = option(o)
    length = length + #part + 2
    if length > 90 and i > 2 then
      parts[#parts + 1] = "..."
      break
    end
    parts[#parts + 1] = part
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

--- The call: lunette.nn.Linear(inputs, outputs, {bias = true, init =}).
function page.call(prefix, row)
  local args, options = row.args, row.options
  if not args then return prefix .. row.name .. shown(options) end
  local parts = {}
  for i, a in ipairs(args) do
    local _, default, optional = page.type_of(a[2])
    parts[i] = default and ("%s = %s"):format(a[1], default) or optional and ("[%s]"):format(a[1]) or a[1]
  end
  if options then parts[#parts + 1] = shown(options) end
  return ("%s%s(%s)"):format(prefix, row.name, table.concat(parts, ", "))
end

-- At most `width` columns, broken at spaces; further lines are indented.
local function wrapped(text, indent, first, width)
  local lines, line = {}, first
  for word in text:gmatch "%S+" do
    if #line + #word + 1 > width and line:find "%S" then lines[#lines + 1], line = line, indent end
    line = line .. (line:find "%S$" and " " or "") .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local WIDTH = 110

local function arguments(lines, list)
  local widest = 0
  for _, a in ipairs(list) do widest = math.max(widest, #a[1]) end
  for _, a in ipairs(list) do
    lines[#lines + 1] = wrapped(a[3], (" "):rep(widest + 6), ("    %-" .. widest .. "s  %s: "):format(a[1],
      (a[2]:gsub("%?$", ", optional"))), WIDTH)
  end
end

local function example(lines, code)
  lines[#lines + 1] = "  Example:"
  for line in (code .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = "    " .. line end
end

--- page.text(prefix, row) -> help on a row of entries.lua
function page.text(prefix, row)
  local lines = { page.call(prefix, row), wrapped(row.doc, "  ", "  ", WIDTH) }
  local all = table.move(row.args or {}, 1, #(row.args or {}), 1, {})
  arguments(lines, table.move(row.options or {}, 1, #(row.options or {}), #all + 1, all))
  local last = #lines
  for i, r in ipairs(row.returns) do
    lines[#lines + 1] = wrapped((r[2] and r[1] .. ": " .. r[2] or r[1]), "     ", i == 1 and "  -> " or "     ", WIDTH)
  end
  if #lines == last then lines[#lines + 1] = "  -> nothing" end
  if row.source then lines[#lines + 1] = wrapped("Source: " .. row.source, "    ", "  ", WIDTH) end
  local message = row.fails and messages[row.fails]
  if message then lines[#lines + 1] = wrapped(("Errors, such as of %s: %s"):format(row.fails, message), "    ", "  ", WIDTH) end
  example(lines, row.example)
  return table.concat(lines, "\n")
end

--- page.op(row of the op table, example) -> help on an op
function page.op(row, code)
  local names = {}
  for name, kind in row.args:gsub("%->.*$", ""):gmatch "([%w_]+):(%S+)" do
    local default = kind:match "=(.*)$"
    names[#names + 1] = default and ("%s = %s"):format(name, default) or kind:find "?" and ("[%s]"):format(name) or name
    if #table.concat(names, ", ") > WIDTH - 30 and #names > 3 then
      names[#names] = "..."
      break
    end
  end
  local call = ("lunette.ops.%s(%s)"):format(row.name, table.concat(names, ", "))
  if row.method then call = ("%s, or %s:%s(%s)"):format(call, names[1], row.name, table.concat(names, ", ", 2)) end
  local lines = { call, "  " .. row.args, "  " .. row.doc:gsub("\n", "\n  ") }
  if not row.grad then lines[#lines + 1] = "  No gradient." end
  lines[#lines + 1] = "  Arguments go by position or, in a table at the end, by name. Errors name the argument, what was expected and "
    .. "what came."
  if code then example(lines, code) end
  return table.concat(lines, "\n")
end

return page
