-- lunette.recipe, lunette.report and lunette.debug.

local text = [[
local text = 'return {format = 1, name = "knn", data = {s = {kind = "shapes", n_train = 8, n_test = 8}}, '
  .. 'model = {backbone = "resnet18", width = 4}, '
  .. 'stages = {{name = "probe", task = "knn", k = 3, from = "random", data = "s:train", test = "s:test"}}}'
]]
local file = text .. "local path = os.tmpname()\nlocal file = io.open(path, \"w\")\nfile:write(text):close()\n"
local path = { "path", "string", "of the recipe" }
local set = { "set", "string[]?", "overrides \"stage.key=value\"" }
local smoke = { "smoke", "boolean = false", "with the recipe's own tiny settings" }
local config = { { "table?", "the recipe with every default filled in; nil where there are mistakes" },
  { "table", "{sources, overrides}; or the list of mistakes, each with file, line, message" } }
local code = { { "integer", "exit code, as of `lunette run`" } }

return {
  { name = "recipe.load", doc = "Reads and checks a recipe; every mistake is reported at once.", args = { path, set, smoke },
    returns = config,
    fails = "error(tostring(select(2, lunette.recipe.load(\"/nonexistent.lua\"))[1]))",
    example = file .. "print(lunette.recipe.load(path).name)\nos.remove(path)" },
  { name = "recipe.check", doc = "Whether a recipe is valid.", args = { path, set, smoke },
    returns = { { "boolean" }, { "table?", "the list of mistakes" } },
    fails = "error(tostring(select(2, lunette.recipe.check(\"/nonexistent.lua\"))[1]))", example = file
      .. "print(lunette.recipe.check(path))\nos.remove(path)" },
  { name = "recipe.variants", doc = "A recipe with each of several lists of overrides, of one reading of its files; mistakes of all, "
    .. "each once.",
    args = { path, { "sets", "table[]", "lists of overrides" }, smoke },
    returns = { { "table[]?", "{config, info} each, as of load; nil where there are mistakes" }, { "table?", "the list of mistakes" } },
    fails = "error(tostring(select(2, lunette.recipe.variants(\"/nonexistent.lua\", {}))[1]))",
    example = file .. "print(#lunette.recipe.variants(path, {{\"seed=1\"}, {\"seed=2\"}}))\nos.remove(path)" },
  { name = "recipe.files", doc = "The files that a recipe consists of, bases first and the recipe last.", args = { path },
    returns = { { "table[]?", "{path, relative, text, sha256} each; nil where there are mistakes" }, { "table?", "the list of mistakes" } },
    fails = "error(tostring(select(2, lunette.recipe.files(\"/nonexistent.lua\"))[1]))",
    example = file .. "print(#lunette.recipe.files(path))\nos.remove(path)" },
  { name = "recipe.from_text", doc = "As load, for a recipe that is not a file and extends nothing.",
    args = { { "text", "string", "of the recipe" }, { "name", "string", "for messages" }, set, smoke }, returns = config,
    fails = "error(tostring(select(2, lunette.recipe.from_text(\"return {\", \"text\"))[1]))", example = text
      .. "print(lunette.recipe.from_text(text, \"text\").seed)" },
  { name = "recipe.from_config", doc = "A resolved config.json, checked like a recipe.", args = { { "text", "string", "JSON" },
    { "name", "string", "for messages" } },
    returns = { { "table?", "the configuration" }, { "table?", "the list of mistakes" } },
    fails = "error(tostring(select(2, lunette.recipe.from_config(\"1\", \"text\"))[1]))",
    example = text .. "local config = lunette.recipe.from_text(text, "
      .. "\"text\")\nprint(lunette.recipe.from_config(lunette.recipe.canonical(config), \"config.json\").name)" },
  { name = "recipe.canonical", doc = "The bytes of config.json, of which the configuration's hash is taken.",
    args = { { "config", "table", "of load" } },
    returns = { { "string" } }, fails = "lunette.recipe.canonical(print)", example = text
      .. "print(#lunette.recipe.canonical(lunette.recipe.from_text(text, \"text\")))" },
  { name = "recipe.run", doc = "What `lunette run RECIPE` does.", args = { path, { "options", "table?", "see `lunette run --help`" } },
    returns = code,
    fails = "lunette.recipe.run()", example = "print(type(lunette.recipe.run)) -- lunette.recipe.run(\"recipe.lua\", {out = "
      .. "\"runs/first\"})" },
  { name = "recipe.resume", doc = "What `lunette resume DIR` does.", args = { { "dir", "string", "run directory" },
    { "options", "table?", "see `lunette resume --help`" } },
    returns = code, fails = "lunette.recipe.resume()", example = "print(type(lunette.recipe.resume)) -- "
      .. "lunette.recipe.resume(\"runs/first\")" },
  { name = "report.html", doc = "The report of a run directory as one string.", args = { { "dir", "string", "run directory" },
    { "charts", "table?", "gets {name, chart} of every chart" } },
    returns = { { "string" } }, fails = "lunette.report.html(\"/nonexistent\")",
      example = "print(pcall(lunette.report.html, \"runs/first\"))" },
  { name = "report.write", doc = "Writes DIR/report.html, whole or not at all, and DIR/figures/NAME.svg.",
    args = { { "dir", "string", "run directory" } },
    returns = { { "string", "path of the report" }, { "table", "warnings" } }, fails = "lunette.report.write(\"/nonexistent\")",
    example = "print(pcall(lunette.report.write, \"runs/first\"))" },
  { name = "debug.trace_nan", doc = "While on, the first op whose output holds a NaN raises and names itself, also in backward.",
    args = { { "on", "boolean", "whether" },
      { "infinities", "boolean?", "whether infinities raise as well, false by default" } }, returns = {},
    fails = "lunette.debug.trace_nan()", example = "lunette.debug.trace_nan(true)\nprint(pcall(lunette.ops.log, "
      .. "lunette.tensor({-1})))\nlunette.debug.trace_nan(false)" },
  { name = "debug.profile", doc = "Calls f and says where the time went: {op, seconds, forward, forward_seconds, backward, "
    .. "backward_seconds, within, within_seconds} per op, the "
      .. "costliest first: runs outside a backward pass; its gradient with all that ran for it; runs within a backward pass, that "
        .. "same time by the op that took it.",
    args = { { "f", "function", "to call" }, { "...", "any", "its arguments" } },
    returns = { { "table", "rows; rows.seconds is all of f, tostring(rows) a table to read" }, { "any...", "what f returns" } },
      fails = "lunette.debug.profile(1)",
    example = "print((lunette.debug.profile(function() return lunette.randn(64, 64):matmul(lunette.eye(64)) end)))" },
}
