-- `lunette help --luacats`: what editors with a Lua language server read to complete names, show help and check types: the
-- same rows as help, the op table and the schema of recipes, as annotations (LuaCATS).
local entries = require "lunette.help.entries"
local lunette = require "lunette"
local page = require "lunette.help.page"
local schema = require "lunette.recipe.schema"
local sorted_keys = require "lunette.sorted_keys"

local CLASSES = { tensor = "lunette.Tensor", module = "lunette.Module", optimizer = "lunette.Optimizer", loader = "lunette.Loader",
  policy = "lunette.Policy", chart = "lunette.Chart", dtype = "lunette.DType" }

local RESERVED = { ["end"] = true, ["in"] = true, ["repeat"] = true, ["function"] = true }

-- ---- types ----

--- A row's type as LuaCATS says it -> type, whether it may be left out.
local function type_of(text)
  local kind, _, optional = page.type_of(text)
  kind = kind:gsub("%s*%b()", ""):gsub("%?$", ""):gsub("%.%.%.", "")
  kind = kind:gsub("%f[%w_][%a_]+%f[^%w_]", function(word) return CLASSES[word] end)
  return kind, optional
end

-- ---- lines ----

local function comment(lines, text)
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = ("--- " .. line):gsub("%s+$", "") end
end

local function said(text) return (text:gsub("%s*\n%s*", " ")) end

local function class_of(name) return "lunette." .. name:gsub("[%.:](%w)", string.upper):gsub("^%w", string.upper):gsub("_(%w)",
  string.upper) .. "Options" end

local function field(o)
  local kind, optional = type_of(o[2])
  local name = RESERVED[o[1]] and ('["%s"]'):format(o[1]) or o[1]
  local _, default = page.type_of(o[2])
  return ("---@field %s%s %s %s%s"):format(name, optional and "?" or "", kind, said(o[3]),
    default and (" (default %s)"):format(default) or "")
end

-- The body of a function: doc, parameters, results.
local function signature(lines, row, declared, prefix)
  comment(lines, row.doc)
  if row.source then comment(lines, "Source: " .. row.source) end
  comment(lines, "```lua\n" .. row.example .. "\n```")
  local names = {}
  for _, a in ipairs(row.args or {}) do
    local kind, optional = type_of(a[2])
    local variadic = a[1] == "..." or a[2]:find "%.%.%."
    local name = variadic and "..." or a[1]
    names[#names + 1] = name
    if variadic and row.options then kind = kind .. "|table" end -- the options come last
    lines[#lines + 1] = ("---@param %s%s %s %s"):format(name, optional and not variadic and "?" or "", kind, said(a[3]))
  end
  local variadic = names[#names] == "..."
  if row.options and not variadic then
    lines[#lines + 1] = ("---@param options%s %s"):format(row.args and "?" or "", class_of(prefix .. row.name))
    names[#names + 1] = "options"
  end
  for _, r in ipairs(row.returns) do
    local kind, optional = type_of(r[1])
    local rest = r[1]:find "%.%.%." and " ..." or ""
    lines[#lines + 1] = ("---@return %s%s%s%s"):format(kind, optional and not kind:find "nil" and "?" or "", rest, r[2] and " # "
      .. said(r[2]) or "")
  end
  lines[#lines + 1] = ("function %s(%s) end"):format(declared, table.concat(names, ", "))
  lines[#lines + 1] = ""
end

local function options_class(lines, row, prefix)
  if not row.options then return end
  lines[#lines + 1] = "---@class " .. class_of(prefix .. row.name)
  for _, o in ipairs(row.options) do lines[#lines + 1] = field(o) end
  lines[#lines + 1] = ""
end

-- ---- ops ----

local OP_TYPES = { any = "lunette.Tensor|number", int = "integer", index = "integer", ints = "integer[]", float = "number",
  bool = "boolean",
  dtype = "lunette.DType", string = "string", tensors = "lunette.Tensor[]" }

local function op_type(text)
  local choices = text:match "^choice%((.*)%)$"
  if choices then return '"' .. choices:gsub("|", '"|"') .. '"' end
  return OP_TYPES[text] or "lunette.Tensor"
end

-- "x:tensor axis:index=-1 -> y" as arguments {name, type, optional} and the number of results.
local function op_signature(row)
  local given, made = row.args:match "^(.-)%s*%->%s*(.*)$"
  local args, results = {}, 0
  for name, kind in (given or row.args):gmatch "([%w_]+):(%S+)" do
    local optional = kind:find "[?=]" ~= nil
    args[#args + 1] = { RESERVED[name] and name .. "_" or name, op_type(kind:gsub("=.*$", ""):gsub("[!?]", "")), optional }
  end
  for _ in (made or ""):gmatch "%S+" do results = results + 1 end
  return args, results
end

local function op(lines, row, declared, from)
  local args, results = op_signature(row)
  comment(lines, row.doc)
  local names, optional = {}, false
  for i = from, #args do
    local a = args[i]
    optional = optional or a[3]
    names[#names + 1] = a[1]
    lines[#lines + 1] = ("---@param %s%s %s%s"):format(a[1], optional and "?" or "", a[2], i > 1 and "|table" or "")
  end
  for _ = 1, results do lines[#lines + 1] = "---@return lunette.Tensor" end
  lines[#lines + 1] = ("function %s(%s) end"):format(declared, table.concat(names, ", "))
  lines[#lines + 1] = ""
end

-- ---- recipes ----

local classes -- of the records found on the way, in order

local recipe_type

local function record(name, fields, doc, more)
  local lines = {}
  if doc then comment(lines, said(doc)) end
  lines[#lines + 1] = "---@class " .. name
  for _, line in ipairs(more or {}) do lines[#lines + 1] = line end
  local at = #classes + 1
  classes[at] = false -- its place, before the classes of its fields
  for _, key in ipairs(sorted_keys(fields)) do
    local type_ = fields[key]
    lines[#lines + 1] = ("---@field %s%s %s %s"):format(key, type_.required and "" or "?", recipe_type(type_, name .. "." .. key),
      said(type_.doc or ""))
  end
  classes[at] = table.concat(lines, "\n")
  return name
end

local PLAIN = { number = "number", integer = "integer", boolean = "boolean", path = "string", stage = "string", split = "string",
  augment = "string|table", setting = "any" }

function recipe_type(type_, name)
  local kind = PLAIN[type_.type]
  if type_.type == "string" then
    kind = type_.choices and '"' .. table.concat(type_.choices, '"|"') .. '"' or "string"
  elseif type_.type == "list" then
    kind = "(" .. recipe_type(type_.of, name) .. ")[]"
  elseif type_.type == "map" then
    kind = ("table<string, %s>"):format(recipe_type(type_.of, name))
  elseif type_.type == "record" then
    kind = record(name, type_.fields, type_.doc)
    if type_.short then kind = kind .. "|number" end
  elseif type_.type == "variant" then
    local kinds = {}
    local tag = type_.tag or "kind"
    for _, variant in ipairs(sorted_keys(type_.variants)) do
      local own = type_.variants[variant]
      local mark = type_.default_kind == variant and "?" or ""
      kinds[#kinds + 1] = record(name .. "." .. variant, own.fields, own.doc, { ('---@field %s%s "%s"'):format(tag, mark, variant) })
    end
    kind = table.concat(kinds, "|")
  end
  return (kind or "any") .. (type_.off and "|false" or "")
end

local function recipes(lines)
  classes = {}
  local fields, stages = {}, {}
  for name, type_ in pairs(schema.recipe.fields) do fields[name] = type_ end
  fields.stages, fields.extends = nil, { type = "string", doc = "recipe file to begin with" }
  for _, task in ipairs(sorted_keys(schema.tasks)) do
    local own = {}
    for name, type_ in pairs(schema.tasks[task].fields) do own[name] = type_ end
    for name, type_ in pairs(schema.stage) do own[name] = type_ end
    own.task = nil
    stages[#stages + 1] = record("lunette.Stage." .. task, own, schema.tasks[task].doc, { ('---@field task? "%s"'):format(task) })
  end
  record("lunette.Recipe", fields, "What a recipe file returns.",
    { ("---@field stages (%s)[] the stages, run in this order"):format(table.concat(stages, "|")) })
  for _, class in ipairs(classes) do
    lines[#lines + 1] = class
    lines[#lines + 1] = ""
  end
end

-- ---- the file ----

local HEAD = [[
---@meta
-- luacheck: ignore
-- Annotations for editors: completion, help and types of what the program predefines. Written by `lunette help --luacats`.
-- In .luarc.json: {"runtime.version": "Lua 5.4", "workspace.library": ["lua/library"]}
-- A recipe file that begins with `---@type lunette.Recipe` and `local recipe = {` is completed too.

---@alias lunette.DType "f32"|"bf16"|"f16"|"f64"|"i64"|"u8"|"bool"

---@class lunette.Chart

---@class lunette.Module
---@overload fun(...: lunette.Tensor): lunette.Tensor
---@field features_out? integer
local Module = {}

---@class lunette.Optimizer
---@field lr number
---@field grad_norm? number
local Optimizer = {}

---@class lunette.Batch
---@field views lunette.Tensor[]
---@field labels? lunette.Tensor
---@field ids lunette.Tensor
---@field index integer
---@field keep fun(self: lunette.Batch): lunette.Batch

---@class lunette.Loader
---@field batches integer
---@field n integer
---@field batch integer
local Loader = {}

---@class lunette.Policy
local Policy = {}

---@class lunette.Tensor
---@field grad? lunette.Tensor
---@field requires_grad boolean
---@operator add(lunette.Tensor|number): lunette.Tensor
---@operator sub(lunette.Tensor|number): lunette.Tensor
---@operator mul(lunette.Tensor|number): lunette.Tensor
---@operator div(lunette.Tensor|number): lunette.Tensor
---@operator pow(lunette.Tensor|number): lunette.Tensor
---@operator unm: lunette.Tensor
---@operator len: integer
---@field [integer|table] lunette.Tensor|number
local Tensor = {}

---@class lunette
---@field version string
---@field isa string
lunette = {}

--- How views of an image are drawn, for a loader: by options, or by a preset's name.
---@class lunette.Augment
---@overload fun(options?: lunette.AugmentOptions|string): lunette.Policy
lunette.augment = {}
]]

local HOLDERS = { module = "Module", optimizer = "Optimizer", loader = "Loader", policy = "Policy" }

--- () -> the text of library/lunette.lua
return function()
  local lines, modules = { HEAD }, {}
  for _, row in ipairs(entries.library) do
    local module = row.name:match "^([%w_]+)%."
    if module and not modules[module] and module ~= "augment" then
      modules[module] = true
      lines[#lines + 1] = ("lunette.%s = {}"):format(module)
    end
  end
  lines[#lines + 1] = "lunette.ops = {}\n"
  for _, row in ipairs(entries.methods) do options_class(lines, row, "tensor.") end
  for _, row in ipairs(entries.methods) do signature(lines, row, "Tensor:" .. row.name, "tensor.") end
  for _, list in ipairs { entries.functions, entries.library } do
    for _, row in ipairs(list) do
      local holder, method = row.name:match "^(%w+):([%w_]+)$"
      options_class(lines, row, "")
      if row.name ~= "augment" then -- a module that can be called: see HEAD
        signature(lines, row, holder and HOLDERS[holder] .. ":" .. method or "lunette." .. row.name, "")
      end
    end
  end
  for _, row in ipairs(lunette.op_rows()) do
    if not row.name:find "_grad$" then
      op(lines, row, "lunette.ops." .. row.name, 1)
      if row.method then op(lines, row, "Tensor:" .. row.name, 2) end
    end
  end
  recipes(lines)
  lines[#lines + 1] = "return lunette"
  return table.concat(lines, "\n") .. "\n"
end
