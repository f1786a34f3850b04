-- Writes lua/lunette/help/messages.lua anew: the message of every wrong call that help shows. Run in the project's folder:
--   build/lunette tests/scripts/help_messages.lua
local entries = require "lunette.help.entries"
local run = require "lunette.help.trial"

local list, messages = {}, {}
for _, rows in ipairs { entries.functions, entries.methods, entries.library } do
  for _, row in ipairs(rows) do
    if row.fails and not messages[row.fails] then
      local ok, message = run(row.fails)
      if ok then error(row.name .. ": " .. row.fails .. " raises no error") end
      messages[row.fails] = message:match "^[^\n]*"
      list[#list + 1] = row.fails
    end
  end
end
table.sort(list)
local lines = {}
for i, code in ipairs(list) do lines[i] = ("  [%q] =\n    %q,\n"):format(code, messages[code]) end
local file = assert(io.open("lua/lunette/help/messages.lua", "w"))
file:write("-- What the wrong calls that help shows say. Written by tests/scripts/help_messages.lua.\n-- luacheck: no max line "
  .. "length\n\nreturn {\n",
  table.concat(lines), "}\n")
file:close()
