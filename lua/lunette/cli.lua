--- The commands on recipes and run directories: `lunette run`, `check`, `resume`, `sweep`, `report`, `diff`, `verify`,
--- `pack`.

local datafiles = require "lunette.recipe.datafiles"
local errors = require "lunette.recipe.errors"
local needs = require "lunette.recipe.needs"
local progress = require "lunette.recipe.progress"
local recipe = require "lunette.recipe"
local runner = require "lunette.recipe.run"
local rundir = require "lunette.recipe.rundir"
local sandbox = require "lunette.recipe.sandbox"
local schema = require "lunette.recipe.schema"
local suggest = require "lunette.suggest"
local sweep = require "lunette.recipe.sweep"
local sweep_table = require "lunette.recipe.sweep_table"
local sys = require "lunette.sys"

local cli = {}

local OPTIONS = {
  ["--out"] = { key = "out", value = "DIR", doc = "the folder to make (default: runs/<time>-<name>-<hash>, or -sweep)" },
  ["--set"] = { key = "overrides", value = "KEY=VALUE", many = true, doc = "change the recipe: --set pretrain.epochs=5" },
  ["--grid"] = { key = "grid", value = "KEY=V1,V2", many = true, doc = "a setting and its values; several --grid: every combination" },
  ["--seeds"] = { key = "seeds", value = "1,2,3", doc = "every combination with each of these seeds; the table then has means as well" },
  ["--smoke"] = { key = "smoke", doc = "with the recipe's own tiny settings: shows in seconds that everything works" },
  ["--dry-run"] = { key = "dry_run", doc = "write nothing: print settings, layers, memory, time, what is read and written" },
  ["--rerun"] = { key = "rerun", doc = "repeat the run beside it, and compare metrics, results and weights bit for bit" },
  ["--data-root"] = { key = "data_root", value = "DIR", doc = "where data paths start (default: $LUNETTE_DATA, else here)" },
  ["--trust"] = { key = "trust", doc = "evaluate the recipe also where this system cannot lock its process in (no seccomp)" },
  ["--progress"] = { key = "progress", value = "MODE", choices = progress.modes, doc = "auto, bar, plain or none" },
}

local ORDER = { "run", "check", "resume", "sweep", "report", "diff", "verify", "pack" }

-- argument: what stands behind the options; what: how a message asks for it; count: how many there are, 1 unless said; docs: what
-- an option means here where that is not what it means elsewhere.
local COMMANDS = {
  run = { argument = "RECIPE", what = "a recipe",
    options = { "--out", "--set", "--smoke", "--dry-run", "--progress", "--data-root", "--trust" },
    doc = "run a recipe or a bundle, or a run directory anew" },
  check = { argument = "RECIPE", what = "a recipe", options = { "--set", "--smoke", "--data-root", "--trust" },
    doc = "say what is wrong with a recipe, or what it would do" },
  resume = { argument = "DIR", what = "a run directory", options = { "--progress", "--data-root" },
    doc = "go on with a run or a sweep that was stopped" },
  sweep = { argument = "RECIPE", what = "a recipe",
    options = { "--grid", "--seeds", "--out", "--set", "--smoke", "--progress", "--data-root", "--trust" },
    doc = "run a recipe with every combination of a grid of settings, one after the other",
    more = {
      "All combinations are checked before the first runs, and every run directory (DIR/<nnn>-<settings>) is made with its",
      "configuration, so that later changes to the recipe reach none of them. A run that fails is recorded and the rest go on;",
      "exit code 1 if any did. `lunette resume DIR` goes on after a kill: finished runs are left alone, the one that was",
      "interrupted goes on from its checkpoint, failed ones are tried again unless they diverged. DIR/results.md, results.csv,",
      "results.json and report.html have a row for each run. Values with commas stand in quotes or braces:",
      "  lunette sweep RECIPE --grid pretrain.optim.lr=0.03,0.06 --grid 'model.projector={64},{128,64}' --seeds 1,2,3 --out DIR",
    } },
  report = { argument = "DIR", what = "a run directory", options = {},
    doc = "build report.html of a run or a sweep anew, whatever state it is in" },
  diff = { argument = "A B", what = "two recipes, run directories or bundles", count = 2, options = { "--trust" },
    doc = "what differs between two recipes or runs: settings, and of runs also data and results; exit code 1 if any" },
  verify = { argument = "DIR", what = "a run directory", options = { "--rerun", "--progress", "--data-root", "--trust" },
    doc = "hold a run's recipe, data, weights and metrics against the hashes it recorded; exit code 6 if any differs",
    more = {
      "Of a run that was made from a bundle, what the bundle expects is checked too: equal bits on the same build and device,",
      "elsewhere what is another program or device, and each figure within the tolerance that the bundle states for it.",
    } },
  pack = { argument = "DIR|RECIPE", what = "a run directory or a recipe",
    options = { "--out", "--set", "--smoke", "--data-root", "--trust" },
    docs = { ["--out"] = { "FILE", "the bundle (default: <name>-<hash>.bundle here)" } },
    doc = "put a finished run, or a recipe that was not run yet, into one file to share",
    more = {
      "The bundle is a text file: the recipe and its bases, the resolved configuration, the settings and hashes of the data, the",
      "program and the device, and of a run its results with a tolerance for each figure, everything with its SHA-256. `run`,",
      "`run --dry-run`, `check`, `diff` and `sweep` take a bundle where they take a recipe; data that is not the bundle's stops a run",
      "before it begins (exit code 3), and `lunette verify DIR` holds a run of a bundle against what the bundle expects.",
    } },
}

--- The commands' names, in the order in which one needs them.
cli.commands = ORDER

--- usage([command]) -> text
function cli.usage(command)
  local lines = {}
  local names = command and { command } or ORDER
  for _, name in ipairs(names) do
    local spec = COMMANDS[name]
    lines[#lines + 1] = ("usage: lunette %s%s %s    %s"):format(name, #spec.options > 0 and " [options]" or "", spec.argument, spec.doc)
    for _, option in ipairs(spec.options) do
      local known = OPTIONS[option]
      local own = spec.docs and spec.docs[option] or { known.value, known.doc }
      lines[#lines + 1] = ("  %-22s %s"):format(option .. (own[1] and " " .. own[1] or ""), own[2])
    end
    if command and spec.more then table.move(spec.more, 1, #spec.more, #lines + 1, lines) end
  end
  return table.concat(lines, "\n")
end

-- values of the options by key, positional arguments; or nil, message.
local function parse(spec, args)
  local values, positional = {}, {}
  local i = 2
  while i <= #args do
    local word = args[i]
    if word == "--" then
      table.move(args, i + 1, #args, #positional + 1, positional)
      break
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      local name, value = word:match("^(%-%-[^=]+)=(.*)$")
      name = name or word
      local option = OPTIONS[name]
      local allowed = false
      for _, known in ipairs(spec.options) do allowed = allowed or known == name end
      if not allowed then
        return nil, ("unknown option '%s'%s"):format(name, suggest.hint(name, spec.options))
      end
      if not option.value then
        if value then return nil, ("option '%s' takes no value"):format(name) end
        value = true
      elseif not value then
        i = i + 1
        value = args[i]
        if not value then return nil, ("option '%s' needs a value (%s)"):format(name, option.value) end
      end
      if option.choices then
        local known = false
        for _, choice in ipairs(option.choices) do known = known or choice == value end
        if not known then
          return nil, ("option '%s': unknown mode '%s'%s"):format(name, value, suggest.hint(value, option.choices, true))
        end
      end
      if option.many then
        values[option.key] = values[option.key] or {}
        table.insert(values[option.key], value)
      else
        values[option.key] = value
      end
    else
      positional[#positional + 1] = word
    end
    i = i + 1
  end
  return values, positional
end

-- ---- check ----

local function images(config, reference)
  local set, split = (reference or ""):match("^([^:]*):(.*)$")
  local spec = config.data[set]
  return spec and schema.data[spec.kind].count(spec, split)
end

local function size_text(bytes)
  if bytes < 10000 then return ("%d bytes"):format(bytes) end
  return ("%.1f MB"):format(bytes / 1e6)
end

local function describe_reads(config, root, out)
  local sets = {}
  for set in pairs(config.data) do sets[#sets + 1] = set end
  table.sort(sets)
  local listed = datafiles.list(config)
  for _, set in ipairs(sets) do
    local spec, any = config.data[set], false
    for _, entry in ipairs(listed) do
      if entry.set == set then
        any = true
        local path = root == "." and entry.relative or root .. "/" .. entry.relative
        local info = sys.stat(path)
        local what = info and (entry.folder and "a folder of pictures" or size_text(info.size)) or "MISSING"
        out(("  reads   %s (%s)"):format(path, what))
      end
    end
    if not any then out(("  makes   data '%s' (%s) from seed %d, nothing is read"):format(set, spec.kind, spec.seed or config.seed)) end
  end
end

local function describe_stages(config, out)
  local rows = { { "", "stage", "task", "from", "data", "test", "steps" } }
  for i, stage in ipairs(config.stages) do
    local count = images(config, stage.data)
    local steps = stage.epochs and schema.tasks[stage.task].trains
      and (count and ("%d x %d"):format(stage.epochs, count // stage.batch) or ("epochs: %d"):format(stage.epochs)) or ""
    rows[#rows + 1] = { tostring(i), stage.name, stage.task, stage.from or "", stage.data or "", stage.test or "", steps }
  end
  local widths = {}
  for _, row in ipairs(rows) do
    for column, text in ipairs(row) do widths[column] = math.max(widths[column] or 0, #text) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for column, text in ipairs(row) do cells[column] = text .. (" "):rep(widths[column] - #text) end
    out(("  " .. table.concat(cells, "  ")):gsub("%s+$", ""))
  end
end

local function check_command(path, options, host, out, err)
  local config, info = recipe.load(path, options.overrides, options.smoke)
  if not config then
    err(tostring(info))
    return 2
  end
  local hash = sys.sha256(recipe.canonical(config))
  out(("%s: recipe '%s' is valid, configuration %s"):format(path, config.name, hash:sub(1, 8)))
  -- What the recipe says of itself stays within its own lines.
  for line in config.about:gmatch("[^\n]+") do out("  " .. errors.printable(line)) end
  for i = 1, #info.sources - 1 do out("  extends " .. info.sources[i].relative) end
  describe_reads(config, datafiles.root(options.data_root), out)
  out(("  writes  %s/ (at most %g GB)"):format(rundir.default_path(config, hash):gsub("^runs/[^-]+", "runs/<time>"), needs.disk_gb(config)))
  describe_stages(config, out)
  local lacking = needs.problem(config, host.program and host.program.version)
  if lacking then out("  note: " .. lacking) end
  return 0
end

local function report_command(dir, out, err)
  local link = rundir.link_out(dir)
  if link then
    err("lunette report: " .. link)
    return 2
  end
  if sweep.is_sweep(dir) then
    local ok, path = pcall(sweep.report, dir)
    if not ok then
      err("lunette report: " .. tostring(path))
      return 1
    end
    out(("report: %s"):format(path))
    return 0
  end
  local ok, path, warnings = pcall(require("lunette.report").write, dir)
  if not ok then
    err(("lunette report: %s"):format((tostring(path):gsub("^report: ", ""))))
    -- Asked for on the wrong folder, or on a run that cannot be read.
    return (sys.stat(dir .. "/config.json") or sys.stat(dir .. "/results.json")) and 1 or 2
  end
  for _, warning in ipairs(warnings) do err("lunette report: " .. warning) end
  out(("report: %s"):format(path))
  return 0
end

-- Exit codes as diff(1) has them.
local function diff_command(a, b, out, err)
  local diff = require "lunette.recipe.diff"
  local comparison, message = diff.compare(a, b)
  if not comparison then
    err("lunette diff: " .. message)
    return 2
  end
  for _, line in ipairs(diff.lines(comparison)) do out(line) end
  return #comparison.found == 0 and 0 or 1
end

local function verify_command(path, options, out, err)
  local verify = require "lunette.recipe.verify"
  local code, found, message = verify.verify(path, options)
  for _, finding in ipairs(found or {}) do out(("%-8s %s"):format(finding.state, finding.text)) end
  if message then
    for line in (message .. "\n"):gmatch("([^\n]*)\n") do err("lunette verify: " .. line) end
  else
    out(verify.summary(found))
  end
  return code
end

local function pack_command(path, options, out, err)
  local packed, code, message = require("lunette.recipe.pack").pack(path, options)
  if not packed then
    for line in (message .. "\n"):gmatch("([^\n]*)\n") do err("lunette pack: " .. line) end
    return code
  end
  out(("bundle: %s (%d bytes, SHA-256 %s)"):format(packed.path, packed.bytes, packed.sha256))
  if not packed.expected then out("it holds a recipe that was not run: it expects nothing of a run") end
  return 0
end

-- ---- run and resume ----

local function report_outcome(command, code, info, out, err)
  if info.mistakes then
    err(tostring(info.mistakes))
  elseif info.finished then
    out(info.message)
  elseif info.dir then
    if code ~= 0 then
      err(("lunette %s: %s"):format(command, info.message))
      -- A run that diverged would diverge again.
      if code ~= runner.exit_codes.nan then err(("go on with: lunette resume %s"):format(info.dir)) end
    else
      out(("run directory: %s"):format(info.dir))
      if info.report then out(("report: %s"):format(info.report)) end
    end
  else
    for line in (info.message .. "\n"):gmatch("([^\n]*)\n") do err(("lunette %s: %s"):format(command, line)) end
  end
  return code
end

local function sweep_outcome(command, code, info, out, err)
  if info.mistakes then
    err(tostring(info.mistakes))
    return code
  end
  if info.finished then out(("the sweep in '%s' is finished; there is nothing to resume"):format(info.dir)) end
  if info.outcome then
    for _, line in ipairs(sweep_table.terminal(info.outcome)) do out(line) end
    out(("%s; intervals and more: %s/results.md"):format(sweep_table.summary(info.outcome), info.dir))
    if info.report then out(("report: %s"):format(info.report)) end
  end
  for line in (info.message and info.message .. "\n" or ""):gmatch("([^\n]*)\n") do err(("lunette %s: %s"):format(command, line)) end
  if info.outcome and code ~= 0 then err(("go on with: lunette resume %s"):format(info.dir)) end
  return code
end

--- main(args [, host]) -> exit code. args: {"run", ...}, as on the command line after the program's name.
-- host, from the program: program {version, commit, dirty}, interrupted() -> nil or signal, device_info(config),
-- report; for tests: out(line), err(line).
function cli.main(args, host)
  host = host or {}
  local out = host.out or function(line) io.stdout:write(line, "\n") end
  local err = host.err or function(line) io.stderr:write(line, "\n") end
  local command = args[1]
  local spec = COMMANDS[command]
  if not spec then
    err(("lunette: unknown command '%s'%s"):format(tostring(command), suggest.hint(command or "", ORDER, true)))
    return 2
  end
  if args[2] == "--help" or args[2] == "-h" then
    out(cli.usage(command))
    return 0
  end
  local options, positional = parse(spec, args)
  local wrong, count = nil, spec.count or 1
  if not options then
    wrong = positional
  elseif #positional < count then
    wrong = ("name %s%s"):format(spec.what, #positional > 0 and (", got %d"):format(#positional) or "")
  elseif #positional > count then
    wrong = count == 1 and ("one %s at a time, got %d"):format(spec.argument, #positional)
      or ("%s at a time, got %d"):format(spec.what, #positional)
  end
  if wrong then
    err(("lunette %s: %s"):format(command, wrong))
    err(cli.usage(command))
    return 2
  end

  sandbox.trust = options.trust or false
  if command == "check" then return check_command(positional[1], options, host, out, err) end
  if command == "report" then return report_command(positional[1], out, err) end
  if command == "diff" then return diff_command(positional[1], positional[2], out, err) end
  options.argv = { "lunette" }
  table.move(args, 1, #args, 2, options.argv)
  options.program, options.interrupted = host.program, host.interrupted
  options.device_info, options.report = host.device_info, host.report
  if command == "pack" then return pack_command(positional[1], options, out, err) end
  if command == "verify" then return verify_command(positional[1], options, out, err) end
  if command == "sweep" or (command == "resume" and sweep.is_sweep(positional[1])) then
    local code, info = sweep[command == "sweep" and "run" or "resume"](positional[1], options)
    return sweep_outcome(command, code, info, out, err)
  end
  if options.dry_run then return require("lunette.recipe.dryrun").run(positional[1], options, out, err) end
  local code, info = runner[command](positional[1], options)
  return report_outcome(command, code, info, out, err)
end

return cli
