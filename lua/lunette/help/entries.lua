-- The one source of what help says of names in Lua, by module:
--   functions   lunette.NAME            methods   t:NAME of tensors            library   lunette.MODULE.NAME, and methods of what
--                                                                                  those return, as "module:eval"
-- A row: name; doc, one or two sentences; args and options, lists of {name, type, what it is}; returns, list of {type, what it is};
-- source, the paper where there is one; fails, a wrong call, whose message stands in help/messages.lua; example, code that runs.
-- A type may name a shape, "tensor (n,d)", end in `?` where the value may be left out, or in ` = default`. options are the fields
-- of a table: the last argument where there are args, the only one where there are none.
-- Ops have their row in the op table, and their example in help/ops.lua. tests/lua/help.lua runs every example and every failure.

local entries = { functions = require "lunette.help.core", methods = require "lunette.help.methods", library = {} }

for _, file in ipairs { "nn", "loss", "training", "data", "measures", "pictures", "runs" } do
  local rows = require("lunette.help." .. file)
  table.move(rows, 1, #rows, #entries.library + 1, entries.library)
end

return entries
