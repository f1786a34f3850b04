-- What the tests of the commands on recipes and run directories share: a recipe that runs in a tenth of a second, with the
-- real tasks, and the commands with what they print.
local t = require "tap"
local cli = require "lunette.cli"
local runner = require "lunette.recipe.run"
local sandbox = require "lunette.recipe.sandbox"

local s = {}

s.RECIPE = [[
local epochs = 1
return {
  format = 1, name = "tiny", seed = 7,
  data = { s = { kind = "shapes", n_train = 16, n_test = 8 } },
  model = { backbone = "conv4", width = 4, projector = { 8 } },
  stages = {
    { name = "pretrain", task = "simclr", data = "s:train", epochs = epochs, batch = 8, monitor = false,
      optim = { lr = 0.1 } },
    { name = "near", task = "knn", from = "pretrain", data = "s:train", test = "s:test", k = 3 },
  },
}
]]

--- file([{old text = new text} [, recipe]]) -> path of a file with the recipe so changed
function s.file(change, recipe)
  local text = recipe or s.RECIPE
  for from, to in pairs(change or {}) do
    local at, ending = text:find(from, 1, true)
    text = text:sub(1, assert(at, from) - 1) .. to .. text:sub(ending + 1)
  end
  return t.write(t.folder() .. "/tiny.lua", text)
end

s.program = { version = "0.1.0", commit = "abc", dirty = false }

--- run(path [, options of the runner]) -> the run directory, exit code, what the runner says
function s.run(path, more)
  local options = { out = t.folder() .. "/run", progress = "none", report = false, program = s.program }
  for key, value in pairs(more or {}) do options[key] = value end
  local code, info = runner.run(path, options)
  return options.out, code, info
end

--- command(args [, host]) -> exit code, standard output, standard error
function s.command(args, host)
  local out, err = {}, {}
  host = host or {}
  host.out = function(line) out[#out + 1] = line end
  host.err = function(line) err[#err + 1] = line end
  local code = cli.main(args, host)
  return code, table.concat(out, "\n"), table.concat(err, "\n")
end

--- evaluate_once(): from now on a text that was evaluated before is not given to a process again, for tests that load the same
--- texts thousands of times; and the clock, which is not what they test, is patient with a busy machine.
function s.evaluate_once()
  local evaluate, known = sandbox.evaluate, {}
  sandbox.limits.milliseconds = 60000
  function sandbox.evaluate(text)
    known[text] = known[text] or table.pack(evaluate(text))
    return table.unpack(known[text], 1, known[text].n)
  end
end

return s
