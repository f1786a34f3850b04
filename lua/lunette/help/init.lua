-- help: `lunette help [topic]`, and in the REPL `?topic` and help "topic" or help(value). Ops come from the op table, the
-- rest from help/entries.lua.
local cli = require "lunette.cli"
local lunette = require "lunette"
local entries = require "lunette.help.entries"
local op_examples = require "lunette.help.ops"
local page = require "lunette.help.page"
local topic_texts = require "lunette.help.topics"
local reference = require "lunette.recipe.reference"
local suggest = require "lunette.suggest"
local value = require "lunette.help.value"

local help = {}

local OVERVIEW = [[
lunette SCRIPT [args]                 run a Lua script; `lunette` alone is the REPL, `-e CODE` runs code
lunette %s ...
                                      recipes; `lunette run --help` says how
lunette doctor                        what this machine and this build offer
lunette help TOPIC                    an op, a function, a tensor method, or one of: %s
lunette help --luacats                annotations for editors with a Lua language server

lunette.NAME: %s
t:NAME:       %s
library:      %s
lunette.ops:  %s]]

local function names_of(list)
  local names = {}
  for _, row in ipairs(list) do names[#names + 1] = row.name end
  table.sort(names)
  return names
end

local function wrapped(names)
  local lines, line = {}, ""
  for _, name in ipairs(names) do
    if #line + #name > 90 then lines[#lines + 1], line = line, "" end
    line = line .. (line == "" and "" or " ") .. name
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(14))
end

local function topics()
  local names = {"ops", "recipe"}
  for name in pairs(topic_texts) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local COMMANDS = {}
for _, name in ipairs(cli.commands) do COMMANDS[name] = true end

local function first_sentence(doc) return ((doc:match "^.-[.;]%f[%s%z]" or doc):gsub(";$", ".")) end

local function full_name(row) return row.name:find ":" and row.name or "lunette." .. row.name end

-- The names of a module, or the methods of what one returns, with a sentence each.
local function in_module(name)
  local lines, widest = {}, 0
  local function each(f)
    for _, row in ipairs(entries.library) do
      if row.name:match "^(.-)[.:][^.:]+$" == name then f(row) end
    end
  end
  each(function(row) widest = math.max(widest, #full_name(row)) end)
  each(function(row) lines[#lines + 1] = ("  %-" .. widest .. "s  %s"):format(full_name(row), first_sentence(row.doc)) end)
  if #lines > 0 then return name .. ", each with help of its own:\n" .. table.concat(lines, "\n") end
end

-- Rows of the library: one name, or the last part of names; and a module's list.
local function in_library(name)
  local texts = {}
  local function add(row) texts[#texts + 1] = page.text(row.name:find ":" and "" or "lunette.", row) end
  for _, row in ipairs(entries.library) do
    if row.name == name then add(row) end
  end
  for _, row in ipairs(entries.library) do
    if row.name:match "[.:]([^.:]+)$" == name then add(row) end
  end
  texts[#texts + 1] = in_module(name)
  return texts
end

-- Gradients of other ops are of no use to scripts.
local function public_ops()
  local rows = {}
  for _, row in ipairs(lunette.op_rows()) do
    if not row.name:match "_grad$" then rows[#rows + 1] = row end
  end
  return rows
end

local function overview()
  return OVERVIEW:format(table.concat(cli.commands, "|"),
    table.concat(topics(), ", "), wrapped(names_of(entries.functions)), wrapped(names_of(entries.methods)),
    wrapped(names_of(entries.library)),
    wrapped(names_of(public_ops())))
end

local function list_ops()
  local lines = {}
  for _, row in ipairs(public_ops()) do lines[#lines + 1] = ("%-20s %s"):format(row.name, first_sentence(row.doc)) end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function in_list(list, prefix, name)
  for _, row in ipairs(list) do
    if row.name == name then return page.text(prefix, row) end
  end
end

--- text(topic) -> help, or nil and what is wrong
function help.text(topic)
  topic = (topic or ""):gsub("^%s+", ""):gsub("%s+$", "")
  if topic == "" then return overview() end
  if COMMANDS[topic] then return cli.usage(topic) end
  if topic == "ops" or topic == "lunette.ops" then return list_ops() end
  local part = topic:match "^recipe%s*$" and "" or topic:match "^recipe%s+(%S+)$"
  if part then
    local text = reference.text(part)
    if text then return text end
    return nil, ("no task and no kind of data '%s'%s"):format(part, suggest.hint(part, reference.names(), true))
  end
  local name = topic:gsub("^lunette%.ops%.", ""):gsub("^lunette%.", ""):gsub("[%({].*$", "")
  if name:find ":" and not in_library(name)[1] then name = name:gsub("^%w+:", "") end
  local found = {topic_texts[name], in_list(entries.functions, "lunette.", name), in_list(entries.methods, "t:", name)}
  local texts = {}
  for i = 1, 3 do texts[#texts + 1] = found[i] end
  table.move(in_library(name), 1, #entries.library, #texts + 1, texts)
  for _, row in ipairs(lunette.op_rows()) do
    if row.name == name then texts[#texts + 1] = page.op(row, op_examples[name]) end
  end
  for _, task in ipairs(reference.names()) do
    if task == name then texts[#texts + 1] = ("In a recipe: `lunette help recipe %s`"):format(name) end
  end
  if #texts > 0 then return table.concat(texts, "\n\n") end
  local known = topics()
  for _, list in ipairs {entries.functions, entries.methods, entries.library, public_ops()} do
    for _, other in ipairs(names_of(list)) do known[#known + 1] = other end
  end
  return nil, ("no help on '%s'%s; `lunette help` lists the topics"):format(topic, suggest.hint(name, known))
end

-- Help on a value of a script: by the name help knows it under, or by what it tells itself.
local function on_value(what)
  if lunette.is_tensor(what) then return help.text "tensor" end
  local names = value.names_of(what)
  for _, name in ipairs(names) do
    local text = help.text(name)
    if text then return text end
  end
  local text = value.text(what, names[1])
  if text then return text end
  return nil, ("no help on this %s; help takes a name in quotes, or a function"):format(type(what))
end

--- show(topic or value): prints help on it, or that there is none. Names of a session's own functions count too.
function help.show(what)
  local text, problem
  if what == nil or type(what) == "string" then
    text, problem = help.text(what)
    if not text then text = value.text(value.at(what), what) end
  else
    text, problem = on_value(what)
  end
  print(text or problem)
end

--- main{topic} -> exit code, for the command line; --luacats instead of a topic writes annotations for editors.
function help.main(args)
  if args[1] == "--luacats" then
    io.write(require "lunette.help.luacats"())
    return 0
  end
  local text, problem = help.text(table.concat(args, " "))
  if text then
    print(text)
    return 0
  end
  io.stderr:write("lunette: ", problem, "\n")
  return 2
end

return help
