--- The recipe's reference, written from the schema: what `lunette help recipe` shows.

local json = require "lunette.json"
local sandbox = require "lunette.recipe.sandbox"
local schema = require "lunette.recipe.schema"
local sorted_keys = require "lunette.sorted_keys"

local reference = {}

local function bounds(type_)
  local low, high = type_.min or type_.above, type_.max
  if not (low or high) then return "" end
  if low and high then return (" %s%g..%g"):format(type_.above and "above " or "", low, high) end
  return low and (" %s %g"):format(type_.above and "above" or "from", low) or (" up to %g"):format(high)
end

local KINDS = { record = "table", map = "table by name", variant = "table", path = "path", stage = "stage",
  split = '"data:split"', setting = "value", augment = "preset or table" }

local function kind_of(type_)
  if type_.choices then return table.concat(type_.choices, " | ") end
  if type_.type == "list" then
    local of = kind_of(type_.of)
    return type_.min_items and type_.min_items == type_.max_items and ("{ %d x %s }"):format(type_.min_items, of)
      or ("{ %s, ... }"):format(of)
  end
  if type_.type == "number" or type_.type == "integer" then return type_.type .. bounds(type_) end
  return KINDS[type_.type] or type_.type
end

local function default_of(type_)
  if type_.required then return "required" end
  if type_.default == nil then return "optional" end
  if type(type_.default) == "table" then return next(type_.default) and json.encode(type_.default) or "{}" end
  return type(type_.default) == "string" and ("%q"):format(type_.default) or ("%.14g"):format(type_.default)
end

-- One line a key, tables unfolded below it.
local function list(lines, fields, indent)
  for _, key in ipairs(sorted_keys(fields)) do
    local type_ = fields[key]
    local default = type_.default == false and "false" or type_.default == true and "true" or default_of(type_)
    lines[#lines + 1] = ("%s%-16s %s; %s (%s)"):format(indent, key, type_.doc, kind_of(type_), default)
    local record = type_.type == "list" and type_.of or type_
    if record.type == "record" and next(record.fields) then list(lines, record.fields, indent .. "  ") end
    if type_.type == "variant" and key ~= "data" then
      for _, kind in ipairs(sorted_keys(type_.variants)) do
        local variant = type_.variants[kind]
        local default_kind = kind == type_.default_kind and " (default)" or ""
        lines[#lines + 1] = ('%s  %s = "%s"%s: %s'):format(indent, type_.tag or "kind", kind, default_kind, variant.doc)
        list(lines, variant.fields, indent .. "    ")
      end
    end
    if type_.type == "augment" then
      lines[#lines + 1] = ("%s  presets: %s; keys of a table:"):format(indent, table.concat(sorted_keys(schema.augment.presets), ", "))
      list(lines, schema.augment.view.fields, indent .. "    ")
    end
  end
end

local EXTENDS = {
  "tables merge key by key; another kind, preset or backbone replaces the table it stands in",
  "stages merge by name and keep the base's order, new ones follow; a stage of another task keeps what both tasks share",
  "lists and everything else replace what the base says",
  "a base may extend a base, up to 8 in a row; each is held to the rules of a recipe and copied into the run directory",
}

local TRUST = [[
A recipe is a Lua file that returns one table of data, and safe to open whoever wrote it: `run`, `check`, `sweep`, `diff` and `verify`
have its text evaluated by a process of its own that can compute and write its result, but open, start or reach nothing, with at most
64 MB of memory, %d million instructions and %g seconds. It can call
%s.
Its data paths stay below the data root and what it writes in the run directory; links out of either are refused. Where a system
does not let a process be locked in (no seccomp), recipes are refused; --trust evaluates one that you trust all the same.
A script (`lunette SCRIPT`, -e, -l, the REPL) is trusted code: it can do whatever you can. Read a stranger's before you run it.]]

local function overview()
  local limits = sandbox.limits
  local lines = {
    TRUST:format(limits.instructions // 1000000, limits.milliseconds / 1000, sandbox.allowed),
    "",
    "Its keys:",
    "",
  }
  list(lines, schema.recipe.fields, "  ")
  lines[#lines + 1] = "  extends          a recipe to start from, as \"base/common.lua\": a file beside this one or in a folder below"
  for _, line in ipairs(EXTENDS) do lines[#lines + 1] = "                   " .. line end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Keys of every stage:"
  lines[#lines + 1] = ""
  list(lines, schema.stage, "  ")
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Tasks and kinds of data; `lunette help recipe NAME` lists their settings:"
  lines[#lines + 1] = ""
  for _, name in ipairs(sorted_keys(schema.tasks)) do lines[#lines + 1] = ("  %-16s %s"):format(name, schema.tasks[name].doc) end
  for _, name in ipairs(sorted_keys(schema.data)) do lines[#lines + 1] = ("  %-16s %s"):format(name, schema.data[name].doc) end
  return table.concat(lines, "\n")
end

--- names() -> what `text` knows beside the overview.
function reference.names()
  local names = sorted_keys(schema.tasks)
  for _, name in ipairs(sorted_keys(schema.data)) do names[#names + 1] = name end
  return names
end

--- text([name]) -> the overview, or the settings of a task or of a kind of data; nil where there is none of that name.
function reference.text(name)
  if not name or name == "" then return overview() end
  local entry = schema.tasks[name] or schema.data[name]
  if not entry then return nil end
  local lines = { ("%s: %s"):format(name, entry.doc), "" }
  list(lines, entry.fields, "  ")
  if entry.splits then lines[#lines + 1] = "  splits: " .. table.concat(entry.splits, ", ") end
  return table.concat(lines, "\n")
end

return reference
