--- `lunette run --dry-run`: what a run would do and take, without writing anything.

local datafiles = require "lunette.recipe.datafiles"
local estimate = require "lunette.recipe.estimate"
local json = require "lunette.json"
local needs = require "lunette.recipe.needs"
local pictures = require "lunette.data.pictures"
local recipe = require "lunette.recipe"
local rundir = require "lunette.recipe.rundir"
local runner = require "lunette.recipe.run"
local schema = require "lunette.recipe.schema"
local setup = require "lunette.tasks.setup"
local sys = require "lunette.sys"

local dryrun = {}

local WIDTH = 110

-- ---- texts ----

--- size(bytes) -> "512 bytes", "3.4 MB"
function dryrun.size(bytes)
  if bytes < 10000 then return ("%d bytes"):format(bytes) end
  if bytes < 1e9 then return ("%.1f MB"):format(bytes / 1e6) end
  return ("%.2f GB"):format(bytes / 1e9)
end

local function span(seconds)
  if seconds < 90 then return ("%.2g s"):format(seconds) end
  if seconds < 5400 then return ("%.0f min"):format(seconds / 60) end
  if seconds < 172800 then return ("%.1f h"):format(seconds / 3600) end
  return ("%.1f days"):format(seconds / 86400)
end

-- 11173962 -> "11,173,962"
local function grouped(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

--- settings(value) -> lines of the value as JSON, keys in order, on one line where it fits.
function dryrun.settings(value, indent, lines, before, after)
  indent, lines, before, after = indent or "", lines or {}, before or "", after or ""
  local flat = json.encode(value)
  if type(value) ~= "table" or #indent + #before + #flat <= WIDTH or flat == "{}" or flat == "[]" then
    lines[#lines + 1] = indent .. before .. flat .. after
    return lines
  end
  local list = flat:sub(1, 1) == "["
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  lines[#lines + 1] = indent .. before .. (list and "[" or "{")
  for i, key in ipairs(keys) do
    dryrun.settings(value[key], indent .. "  ", lines, list and "" or json.encode(key) .. ": ", i < #keys and "," or "")
  end
  lines[#lines + 1] = indent .. (list and "]" or "}") .. after
  return lines
end

local function aligned(rows, out)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(text) or #text) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, text in ipairs(row) do
      local space = (" "):rep(widths[i] - (utf8.len(text) or #text))
      cells[i] = row.right and row.right[i] and space .. text or text .. space
    end
    out(("    " .. table.concat(cells, "  ")):gsub("%s+$", ""))
  end
end

-- ---- what is read ----

local function picture_count(path, entry)
  local ok, _, files = pcall(pictures.list, path, entry.pictures)
  if not ok then return nil end
  local bytes = 0
  for _, file in ipairs(files) do
    local info = sys.stat(file.path)
    bytes = bytes + (info and info.size or 0)
  end
  return #files, bytes
end

--- reads(config, root) -> {{path, bytes, images of a folder, missing = why}, ...}, images by "set:split" where they can be told
function dryrun.reads(config, root)
  local list, counts = {}, {}
  for set, spec in pairs(config.data) do
    local kind = schema.data[spec.kind]
    for _, split in ipairs(kind.splits) do counts[set .. ":" .. split] = kind.count(spec, split) end
  end
  local of_file = {}
  for _, entry in ipairs(datafiles.list(config)) do
    local path = root == "." and entry.relative or root .. "/" .. entry.relative
    local info = sys.stat(path)
    local row = { path = path, set = entry.set }
    if not info or (info.kind == "directory") ~= (entry.folder == true) then
      row.missing = true
    elseif entry.folder then
      row.images, row.bytes = picture_count(path, entry)
      row.missing = row.images == nil
      counts[entry.set .. ":" .. entry.split] = row.images
    else
      row.bytes = info.size
      of_file[entry.set .. " " .. entry.file] = info.size
    end
    list[#list + 1] = row
  end
  for set, spec in pairs(config.data) do
    local kind = schema.data[spec.kind]
    for _, split in ipairs(kind.record and kind.splits or {}) do
      local images = datafiles.images_in_files(spec, split, function(file) return of_file[set .. " " .. file] end)
      counts[set .. ":" .. split] = images and images > 0 and images or nil
    end
  end
  return list, counts
end

-- ---- the report ----

local function shape_text(shape) return shape and table.concat(shape, " x ") or "" end

local function layer_table(rows, total, out)
  local lines = { { "layer", "kind", "output", "parameters", "buffers" } }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = { row.name, row.kind, shape_text(row.shape), grouped(row.parameters),
      row.buffers > 0 and grouped(row.buffers) or "", right = { false, false, false, true, true } }
  end
  lines[#lines + 1] = { "total", "", "", grouped(total), "", right = { false, false, false, true, true } }
  aligned(lines, out)
end

local function image_count(counts, reference)
  return counts[reference] and grouped(counts[reference]) .. " images" or "images unknown"
end

local function describe_stage(i, stage, row, counts, shown, out)
  out(("  %d  %s: %s%s"):format(i, stage.name, stage.task, stage.from and (" from %s"):format(stage.from) or ""))
  local data = ("    data    %s, %s"):format(stage.data, image_count(counts, stage.data))
  if stage.test then data = ("%s; test %s, %s"):format(data, stage.test, image_count(counts, stage.test)) end
  out(data)
  if stage.batch and schema.tasks[stage.task].trains then
    local n = counts[stage.data]
    out(("    steps   %s, batch %d"):format(n and ("%s (%d epochs x %d)"):format(grouped(stage.epochs * (n // stage.batch)), stage.epochs,
      n // stage.batch) or ("%d epochs"):format(stage.epochs), stage.batch))
  elseif stage.batch then
    out(("    batch   %d"):format(stage.batch))
  end
  local t = row.training
  if not t then
    if row.seconds then out(("    takes   about %s, %s"):format(span(row.seconds), dryrun.size(row.peak_bytes))) end
    return
  end
  if shown[t] then
    out(("    model   that of %s: %s parameters"):format(shown[t], grouped(t.parameters)))
  else
    shown[t] = stage.name
    layer_table(t.layers, t.parameters, out)
    out(("    trained %s parameters, %s; the encoder's are %s"):format(grouped(t.parameters), dryrun.size(t.parameter_bytes),
      grouped(t.encoder_parameters)))
  end
  out(("    memory  %s: %s"):format(dryrun.size(row.peak_bytes), table.concat({
    ("parameters %s"):format(dryrun.size(t.parameter_bytes)),
    ("teacher, queue and statistics %s"):format(dryrun.size(t.state_bytes - t.parameter_bytes)),
    ("optimizer %s"):format(dryrun.size(t.optimizer_bytes)),
    ("gradients, activations and views %s"):format(dryrun.size(t.step.bytes)),
    "the rest data and features" }, ", ")))
  out(("    time    about %s: a step %s, scaled from a measured one of %d images"):format(span(row.seconds), span(t.step.seconds),
    t.step.measured))
  out(("    writes  weights %s%s"):format(dryrun.size(t.state_bytes), row.kept > 0
    and (", %d checkpoints of %s"):format(row.kept, dryrun.size(row.checkpoint_bytes)) or ""))
end

local function describe_reads(config, list, out)
  local sets = {}
  for set in pairs(config.data) do sets[#sets + 1] = set end
  table.sort(sets)
  local missing = 0
  for _, set in ipairs(sets) do
    local any = false
    for _, row in ipairs(list) do
      if row.set == set then
        any = true
        if row.missing then missing = missing + 1 end
        out(("  reads   %s (%s)"):format(row.path, row.missing and "MISSING"
          or row.images and ("%s pictures, %s"):format(grouped(row.images), dryrun.size(row.bytes)) or dryrun.size(row.bytes)))
      end
    end
    local spec = config.data[set]
    if not any then out(("  makes   data '%s' (%s) from seed %d, nothing is read"):format(set, spec.kind, spec.seed or config.seed)) end
  end
  return missing
end

-- {directory or not, text} of a recipe given as for lunette.recipe.run.
local function load(path, options)
  local set, smoke = {}, options.smoke or false
  local info = sys.stat(path)
  if info and info.kind == "directory" then
    local earlier = rundir.open(path)
    local provenance = earlier and earlier:read_json "provenance.json" or {}
    for _, text in ipairs(type(provenance.overrides) == "table" and provenance.overrides or {}) do set[#set + 1] = text end
    smoke = smoke or provenance.smoke == true
    path = path .. "/recipe.lua"
  end
  table.move(options.overrides or {}, 1, #(options.overrides or {}), #set + 1, set)
  return recipe.load(path, set, smoke)
end

--- run(path, options, out, err) -> exit code: 0; 2 the recipe is invalid, 3 data is missing, 4 the device or memory is lacking, as
--- the run would say. options as for lunette.recipe.run. Nothing is written, no folder made.
function dryrun.run(path, options, out, err)
  local config, loaded = load(path, options)
  if not config then
    err(tostring(loaded))
    return runner.exit_codes.recipe
  end
  local program = runner.program_of(options)
  local text = recipe.canonical(config)
  local hash = sys.sha256(text)
  out(("%s: recipe '%s', configuration %s; a dry run, nothing is written"):format(path, config.name, hash:sub(1, 8)))
  local packed = loaded.bundle
  if packed then out(("  bundle  of lunette %s (%s)"):format(packed.lock.program.version, packed.lock.program.commit)) end
  for i = 1, #loaded.sources - 1 do out("  extends " .. loaded.sources[i].relative) end
  out("")
  for _, line in ipairs(dryrun.settings(json.decode(text))) do out(line) end
  out("")

  local code = 0
  local function lacks(kind, message)
    err("lunette run: " .. message)
    if code == 0 then code = runner.exit_codes[kind] end
  end
  local lacking, kind = needs.problem(config, program.version)
  if lacking then lacks(kind, lacking) end
  local unfit = runner.group_problem(config)
  if unfit then
    lacks("recipe", unfit)
    return code
  end
  local list, counts = dryrun.reads(config, datafiles.root(options.data_root))
  for _, stage in ipairs(config.stages) do
    local n = counts[stage.data]
    if n and schema.tasks[stage.task].trains and stage.batch > n then
      lacks("recipe", ("stages.%s.batch is %d, but '%s' has only %d images"):format(stage.name, stage.batch, stage.data, n))
      return code
    end
  end
  local device = { device = config.device }
  if options.device_info then
    local found, why = options.device_info(config)
    if not found then
      lacks("device", why)
      return code
    end
    device = found
  end

  local e = estimate.run(config, counts)
  if e.encoder then
    out(("encoder %s, precision %s"):format(config.model.backbone, setup.precision { config = config, precision = config.model.precision }))
    layer_table(e.encoder.layers, e.encoder.parameters, out)
  end
  out("stages")
  local shown, disk = {}, 0
  for i, stage in ipairs(config.stages) do
    describe_stage(i, stage, e.stages[i], counts, shown, out)
    disk = disk + (e.stages[i].disk_bytes or 0)
  end
  out("")
  local missing = describe_reads(config, list, out)
  out(("  writes  %s/"):format(options.out or rundir.default_path(config, hash):gsub("^runs/[^-]+", "runs/<time>")))
  out(("  disk    about %s of weights and checkpoints at most; figures and report beside them"):format(dryrun.size(disk)))
  out(("  device  %s%s"):format(device.device or config.device, device.cpu and (": %s, %s, %s threads"):format(device.cpu, device.isa,
    device.threads) or ""))
  if e.peak_of then
    out(("  memory  about %s at most (%s), %s of it the program itself"):format(dryrun.size(e.peak_bytes + e.base_bytes), e.peak_of,
      dryrun.size(e.base_bytes)))
    out(("  time    about %s"):format(span(e.seconds)))
    out("  Parameters are exact. Memory and time are rough, scaled from steps of few random pictures that were measured now, and")
    out("  without what else this machine does: expect time to be off by up to a factor of 2, memory by a quarter; a process of")
    out("  many steps can hold up to twice as much, because freed memory is not all given back at once.")
    if device.device == "cuda" then out("  They are a CPU's: a GPU keeps activations that a CPU makes again, up to half as much more.") end
    if e.busy > 1.5 then out(("  This machine is busy: the measured steps took %.1f times as long as they computed."):format(e.busy)) end
  end
  if not e.complete then out("  Stages whose images cannot be counted have no estimate.") end
  local available = device.available_bytes or device.memory_bytes
  if available and e.peak_bytes + e.base_bytes > available then
    out(("  note: that is more memory than this machine has (%s)"):format(dryrun.size(available)))
  end
  if missing > 0 then lacks("data", ("%d of the data's files are missing (data root '%s'; --data-root DIR or LUNETTE_DATA names another)")
    :format(missing, datafiles.root(options.data_root))) end
  if packed and missing == 0 then
    local data, problems, what = datafiles.hash(config, datafiles.root(options.data_root), packed.lock.data, nil,
      "the bundle was made with")
    if not data then lacks(what, table.concat(problems, "\n")) end
  end
  return code
end

return dryrun
