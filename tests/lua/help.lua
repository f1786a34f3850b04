-- Help is complete and true: every public name has an entry with all its parts, every example runs, every wrong call that an
-- entry shows raises the message it shows.
local lunette = require "lunette"
local t = require "tap"
local entries = require "lunette.help.entries"
local examples = require "lunette.help.ops"
local help = require "lunette.help"
local messages = require "lunette.help.messages"
local run = require "lunette.help.trial"

local INTERNAL = { ["debug.fail_allocation"] = true } -- for tests of the runtime
local MODULES = { "augment", "data", "debug", "explain", "image", "loss", "metrics", "models", "nn", "npy", "optim", "plot", "probe",
  "qscore",
  "recipe", "report", "schedule", "ssl", "weights" }

local function callable(value)
  local meta = getmetatable(value)
  return type(value) == "function" or type(value) == "table" and type(meta) == "table" and meta.__call ~= nil
end

local function set_of(rows)
  local set = {}
  for _, row in ipairs(rows) do
    t.ok(not set[row.name], "one entry for " .. row.name)
    set[row.name] = row
  end
  return set
end

t.case("every public name has an entry, and every entry a name", function()
  local functions, methods, library = set_of(entries.functions), set_of(entries.methods), set_of(entries.library)
  for name, value in pairs(lunette) do
    if type(value) == "function" and not package.loaded["lunette." .. name] then t.ok(functions[name], "an entry for lunette." .. name) end
  end
  for name in pairs(functions) do t.equal(type(lunette[name]), "function", name) end
  local own = {}
  for _, row in ipairs(lunette.op_rows()) do own[row.name] = true end
  for name in pairs(debug.getregistry()["lunette.methods"]) do t.ok(own[name] or methods[name], "an entry for t:" .. name) end
  for name in pairs(methods) do t.ok(debug.getregistry()["lunette.methods"][name], name) end
  for _, module in ipairs(MODULES) do
    for name, value in pairs(lunette[module]) do
      local full = module .. "." .. name
      if callable(value) and not INTERNAL[full] then t.ok(library[full], "an entry for lunette." .. full) end
    end
  end
  for name in pairs(library) do
    local module, field = name:match "^(%w+)%.([%w_]+)$"
    if module then t.ok(callable(lunette[module][field]), name) elseif not name:find ":" then t.ok(callable(lunette[name]), name) end
  end
  for _, row in ipairs(lunette.op_rows()) do
    if not row.name:find "_grad$" then t.ok(examples[row.name], "an example for lunette.ops." .. row.name) end
  end
end)

local function each(f)
  for _, list in ipairs { entries.functions, entries.methods, entries.library } do
    for _, row in ipairs(list) do f(row) end
  end
end

t.case("every command has help", function()
  for _, name in ipairs(require("lunette.cli").commands) do t.match(help.text(name), "usage: lunette " .. name, name) end
  for _, name in ipairs { "doctor", "help", "cli", "repl" } do t.match(help.text(name), name == "repl" and "Ctrl" or "lunette", name) end
end)

t.case("every entry has all its parts", function()
  each(function(row)
    t.match(row.doc, "%.$", row.name .. ": doc")
    t.ok(row.args or row.options, row.name .. ": args or options")
    t.ok(row.returns, row.name .. ": returns")
    t.ok(row.example, row.name .. ": example")
    for _, a in ipairs(table.move(row.options or {}, 1, #(row.options or {}), #(row.args or {}) + 1, { table.unpack(row.args or {}) })) do
      t.equal(#a, 3, row.name .. ": " .. tostring(a[1]))
    end
    if row.fails then t.ok(messages[row.fails], row.name .. ": the message of " .. row.fails .. "; see lunette.help.trial") end
    local text = help.text(row.name)
    t.contains(text, row.example:match "^[^\n]*", row.name)
  end)
end)

t.case("every example runs", function()
  local failed = {}
  local function try(name, code)
    local ok, problem = run(code)
    if not ok then failed[#failed + 1] = name .. ": " .. problem end
  end
  each(function(row) try(row.name, row.example) end)
  for name, code in pairs(examples) do try("ops." .. name, code) end
  t.equal(table.concat(failed, "\n"), "")
end)

t.case("every wrong call raises what help says", function()
  local used = {}
  each(function(row)
    if not row.fails then return end
    used[row.fails] = true
    local ok, problem = run(row.fails)
    t.ok(not ok, row.name .. ": " .. row.fails .. " raises an error")
    t.contains(problem, messages[row.fails], row.name)
  end)
  for code in pairs(messages) do t.ok(used[code], "an entry for the message of " .. code) end
end)

t.case("help finds names in all their forms", function()
  for _, form in ipairs { "nn.Linear", "lunette.nn.Linear", "Linear", "lunette.nn.Linear(3, 2)" } do t.contains(help.text(form),
    "times weight", form) end
  t.contains(help.text "module:eval", "Evaluation mode")
  t.contains(help.text "t:item", "holds one")
  t.contains(help.text "x:reshape", "x:reshape(shape)")
  t.match(help.text "schedule", "lunette%.schedule%.cosine +Linear warm%-up, then half a cosine%.\n")
  t.match(help.text "train", "^lunette%.train{.*module:train%(")
  t.match(select(2, help.text "reshpe"), "did you mean 'reshape'")
end)

t.case("the annotations for editors are those of these rows, and Lua", function()
  local path = t.root .. "/lua/library/lunette.lua"
  local file <close> = assert(io.open(path))
  local text = file:read "a"
  t.ok(text == require "lunette.help.luacats"(), "lua/library/lunette.lua as `lunette help --luacats` writes it")
  t.ok(load(text, "=library"))
  local declared = {}
  for name in text:gmatch "\n%-%-%-@class ([%w_.]+)" do
    t.ok(not declared[name], "one class " .. name)
    declared[name] = true
  end
  for alias in text:gmatch "\n%-%-%-@alias ([%w_.]+)" do declared[alias] = true end
  for line in text:gmatch "\n(%-%-%-@[^\n]*)" do
    local kind = line:match "^%-%-%-@[fpr]%a+%s+(.*)$"
    for name in (kind and kind:match "^[^#]-$" and kind or ""):gmatch "%f[%w]lunette%.%u[%w_.]*" do
      t.ok(declared[name:gsub("%.$", "")], "a class " .. name .. " in " .. line)
    end
  end
  t.contains(text, "function Tensor:matmul(b, ta, tb) end")
  t.contains(text, "---@field task? \"simclr\"")
end)

t.finish()
