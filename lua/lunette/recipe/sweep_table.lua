--- What came out of a sweep, as tables: one row a run, and over seeds, for people (terminal, Markdown) and programs (CSV, JSON).
--
-- outcome = {name, smoke, axes = {{key, values}, ...}, columns = {{name = "probe.top1", share = whether it is 0..1}, ...},
--   rows = {{folder, values, state, exit_code, message, seconds, report, figures = {[column's name] = {value, low, high}}}, ...},
--   count = {state -> runs}, seeds = nil or {axes, rows = {{values, runs, figures = {[name] = {mean, deviation, n}}}, ...}}}

local errors = require "lunette.recipe.errors"
local json = require "lunette.json"
local numbers = require "lunette.report.numbers"
local schema = require "lunette.recipe.schema"

local tables = {}

-- The figures of a stage that a sweep is about, in this order; true: a share of 0..1. The loss is that of stages that train:
-- a probe's accuracy says what its loss would.
local FIGURES = { { "loss", false }, { "top1", true }, { "auroc", true }, { "auprc", true }, { "base_rate", true }, { "mean", false },
  { "miou_core", true }, { "miou_spurious", true }, { "pointing", true } }

local STATES = { pending = true, running = true, finished = true, interrupted = true, failed = true, lost = true }

-- ---- collecting ----

-- {name, trains}, in the order of the first run that has them.
local function stages_of(jobs)
  local stages, seen = {}, {}
  for _, job in ipairs(jobs) do
    for _, stage in ipairs(numbers.rows(job.config and job.config.stages)) do
      if type(stage.name) == "string" and not seen[stage.name] then
        local task = schema.tasks[stage.task]
        stages[#stages + 1], seen[stage.name] = { name = stage.name, trains = task and task.trains }, true
      end
    end
  end
  return stages
end

local function columns_of(jobs)
  local columns = {}
  for _, stage in ipairs(stages_of(jobs)) do
    for _, figure in ipairs(FIGURES) do
      for _, job in ipairs(jobs) do
        local results = type(job.results) == "table" and job.results[stage.name]
        local wanted = figure[1] ~= "loss" or stage.trains
        if wanted and type(results) == "table" and numbers.finite(results[figure[1]]) then
          columns[#columns + 1] = { name = stage.name .. "." .. figure[1], stage = stage.name, figure = figure[1], share = figure[2] }
          break
        end
      end
    end
  end
  return columns
end

local function row_of(job, columns)
  local status, seconds = job.status, 0
  for _, stage in ipairs(numbers.rows(status.stages)) do seconds = seconds + (numbers.value(stage.seconds) or 0) end
  local row = { folder = job.folder, values = job.values, state = STATES[status.state] and status.state or "unknown",
    seconds = seconds, report = job.report, figures = {} }
  if row.state ~= "finished" then
    row.exit_code = math.type(status.exit_code) == "integer" and status.exit_code or nil
    row.message = type(status.message) == "string" and errors.printable(status.message) or nil
  end
  for _, column in ipairs(columns) do
    local results = type(job.results) == "table" and job.results[column.stage]
    local value = type(results) == "table" and numbers.value(results[column.figure])
    if value then
      local low, high = numbers.ends(results, column.figure)
      row.figures[column.name] = { value = value, low = low, high = high }
    end
  end
  return row
end

local function moments(list)
  local mean, squares = 0, 0
  for _, x in ipairs(list) do mean = mean + x / #list end
  for _, x in ipairs(list) do squares = squares + (x - mean) ^ 2 end
  return { mean = mean, deviation = #list > 1 and math.sqrt(squares / (#list - 1)) or nil, n = #list }
end

-- Runs that differ in nothing but the seed, together; nil where no seeds were asked for.
local function over_seeds(axes, columns, rows)
  local seed
  for i, axis in ipairs(axes) do
    if axis.key == "seed" and #axis.values > 1 then seed = i end
  end
  if not seed then return nil end
  local result, groups = { axes = {}, rows = {} }, {}
  for i, axis in ipairs(axes) do
    if i ~= seed then result.axes[#result.axes + 1] = axis end
  end
  for _, row in ipairs(rows) do
    local values = table.move(row.values, 1, #row.values, 1, {})
    table.remove(values, seed)
    local key = json.encode(json.array(values))
    if not groups[key] then
      groups[key] = { values = values, runs = 0, lists = {}, figures = {} }
      result.rows[#result.rows + 1] = groups[key]
    end
    local group = groups[key]
    if row.state == "finished" then
      group.runs = group.runs + 1
      for name, figure in pairs(row.figures) do
        group.lists[name] = group.lists[name] or {}
        table.insert(group.lists[name], figure.value)
      end
    end
  end
  for _, group in ipairs(result.rows) do
    for _, column in ipairs(columns) do
      local list = group.lists[column.name]
      group.figures[column.name] = list and moments(list)
    end
    group.lists = nil
  end
  return result
end

--- collect(plan, {{folder, values, status, config, results, report}, ...}) -> outcome
function tables.collect(plan, jobs)
  local outcome = { name = plan.name, smoke = plan.smoke == true, axes = plan.axes, columns = columns_of(jobs), rows = {}, count = {} }
  for state in pairs(STATES) do outcome.count[state] = 0 end
  for i, job in ipairs(jobs) do
    local row = row_of(job, outcome.columns)
    outcome.rows[i], outcome.count[row.state] = row, (outcome.count[row.state] or 0) + 1
  end
  outcome.seeds = over_seeds(plan.axes, outcome.columns, outcome.rows)
  return outcome
end

-- ---- writing ----

local function number(value, share)
  if not value then return "" end
  return share and ("%.1f"):format(100 * value) or ("%.4g"):format(value)
end

--- heading(column) -> "probe.top1 %"
function tables.heading(column) return column.name .. (column.share and " %" or "") end

--- figure(row, column, intervals) -> "63.2 [53.0, 57.1]", "" where there is none
function tables.figure(row, column, intervals)
  local f = row.figures[column.name]
  if not f then return "" end
  local text = number(f.value, column.share)
  if intervals and f.low and f.high then
    text = ("%s [%s, %s]"):format(text, number(f.low, column.share), number(f.high, column.share))
  end
  return text
end

--- spread(group, column) -> "63.2 ± 1.1", of one run without the deviation
function tables.spread(group, column)
  local f = group.figures[column.name]
  if not f then return "" end
  return number(f.mean, column.share) .. (f.deviation and " ± " .. number(f.deviation, column.share) or "")
end

--- summary(outcome) -> "5 of 6 runs finished, 1 failed"
function tables.summary(outcome)
  local parts = { ("%d of %d runs finished"):format(outcome.count.finished, #outcome.rows) }
  for _, state in ipairs { "failed", "interrupted", "running", "pending", "lost" } do
    if outcome.count[state] > 0 then parts[#parts + 1] = ("%d %s"):format(outcome.count[state], state) end
  end
  return table.concat(parts, ", ")
end

-- Rows of cells, the first the headings.
local function runs(outcome, intervals, folder)
  local rows = { { "run" } }
  for _, axis in ipairs(outcome.axes) do table.insert(rows[1], axis.key) end
  table.insert(rows[1], "state")
  table.insert(rows[1], "time")
  for _, column in ipairs(outcome.columns) do table.insert(rows[1], tables.heading(column)) end
  for i, row in ipairs(outcome.rows) do
    local cells = { folder and row.folder or tostring(i) }
    for _, value in ipairs(row.values) do cells[#cells + 1] = errors.printable(value) end
    cells[#cells + 1] = row.state
    cells[#cells + 1] = row.seconds > 0 and (numbers.seconds(row.seconds)) or ""
    for _, column in ipairs(outcome.columns) do cells[#cells + 1] = tables.figure(row, column, intervals) end
    rows[i + 1] = cells
  end
  return rows
end

local function seeds(outcome)
  local rows = { {} }
  for _, axis in ipairs(outcome.seeds.axes) do table.insert(rows[1], axis.key) end
  table.insert(rows[1], "seeds")
  for _, column in ipairs(outcome.columns) do table.insert(rows[1], tables.heading(column)) end
  for i, group in ipairs(outcome.seeds.rows) do
    local cells = {}
    for _, value in ipairs(group.values) do cells[#cells + 1] = errors.printable(value) end
    cells[#cells + 1] = tostring(group.runs)
    for _, column in ipairs(outcome.columns) do cells[#cells + 1] = tables.spread(group, column) end
    rows[i + 1] = cells
  end
  return rows
end

tables.SEEDS = "Over seeds: mean and standard deviation of the finished runs"

local function aligned(rows, lines)
  local widths = {}
  for _, row in ipairs(rows) do
    for c, text in ipairs(row) do widths[c] = math.max(widths[c] or 0, utf8.len(text) or #text) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for c, text in ipairs(row) do cells[c] = text .. (" "):rep(widths[c] - (utf8.len(text) or #text)) end
    lines[#lines + 1] = (table.concat(cells, "  "):gsub("%s+$", ""))
  end
end

--- terminal(outcome) -> lines, without intervals
function tables.terminal(outcome)
  local lines = {}
  aligned(runs(outcome, false, false), lines)
  if outcome.seeds then
    lines[#lines + 1] = ""
    lines[#lines + 1] = tables.SEEDS
    aligned(seeds(outcome), lines)
  end
  return lines
end

local function markdown_rows(rows, lines)
  for r, row in ipairs(rows) do
    local cells = {}
    for c, text in ipairs(row) do cells[c] = text:gsub("[\\|`*_<>]", "\\%0") end
    lines[#lines + 1] = "| " .. table.concat(cells, " | ") .. " |"
    if r == 1 then lines[#lines + 1] = "|" .. (" --- |"):rep(#row) end
  end
end

--- markdown(outcome) -> text
function tables.markdown(outcome)
  local lines = { "# Sweep of " .. outcome.name, "", tables.summary(outcome) .. ". In brackets: 95 % intervals." }
  if outcome.smoke then lines[3] = lines[3] .. " A smoke run: its figures mean nothing." end
  lines[#lines + 1] = ""
  markdown_rows(runs(outcome, true, true), lines)
  if outcome.seeds then
    table.move({ "", tables.SEEDS .. ".", "" }, 1, 3, #lines + 1, lines)
    markdown_rows(seeds(outcome), lines)
  end
  local failures = {}
  for _, row in ipairs(outcome.rows) do
    if row.message then
      failures[#failures + 1] = ("- %s: %s"):format(row.folder, (row.message:gsub("[\\|`*_<>]", "\\%0")))
    end
  end
  if #failures > 0 then
    lines[#lines + 1] = ""
    table.move(failures, 1, #failures, #lines + 1, lines)
  end
  return table.concat(lines, "\n") .. "\n"
end

local function exact(value)
  return value and json.encode(value) or ""
end

local function field(text)
  return text:find('[,"\r\n]') and '"' .. text:gsub('"', '""') .. '"' or text
end

--- csv(outcome) -> text: one line a run, every figure in full beside the ends of its interval
function tables.csv(outcome)
  local head = { "run" }
  for _, axis in ipairs(outcome.axes) do head[#head + 1] = axis.key end
  table.move({ "state", "exit_code", "seconds" }, 1, 3, #head + 1, head)
  local lines, intervals = {}, {}
  for _, column in ipairs(outcome.columns) do
    head[#head + 1] = column.name
    for _, row in ipairs(outcome.rows) do
      local f = row.figures[column.name]
      intervals[column.name] = intervals[column.name] or f and f.low ~= nil and f.high ~= nil
    end
    if intervals[column.name] then table.move({ column.name .. ".low", column.name .. ".high" }, 1, 2, #head + 1, head) end
  end
  head[#head + 1] = "message"
  for i, row in ipairs(outcome.rows) do
    local cells = table.move(row.values, 1, #row.values, 2, { row.folder })
    table.move({ row.state, exact(row.state == "finished" and 0 or row.exit_code), exact(row.seconds) }, 1, 3, #cells + 1, cells)
    for _, column in ipairs(outcome.columns) do
      local f = row.figures[column.name] or {}
      cells[#cells + 1] = exact(f.value)
      if intervals[column.name] then table.move({ exact(f.low), exact(f.high) }, 1, 2, #cells + 1, cells) end
    end
    cells[#cells + 1] = row.message or ""
    for c, text in ipairs(cells) do cells[c] = field(text) end
    lines[i] = table.concat(cells, ",")
  end
  for c, text in ipairs(head) do head[c] = field(text) end
  return table.concat(head, ",") .. "\n" .. table.concat(lines, "\n") .. "\n"
end

--- json(outcome) -> text
function tables.json(outcome)
  local rows = json.array {}
  for i, row in ipairs(outcome.rows) do
    local settings = {}
    for a, axis in ipairs(outcome.axes) do settings[axis.key] = row.values[a] end
    rows[i] = { run = row.folder, settings = settings, state = row.state, exit_code = row.state == "finished" and 0 or row.exit_code,
      message = row.message, seconds = row.seconds, figures = row.figures }
  end
  local groups
  for i, group in ipairs(outcome.seeds and outcome.seeds.rows or {}) do
    local settings = {}
    for a, axis in ipairs(outcome.seeds.axes) do settings[axis.key] = group.values[a] end
    groups = groups or json.array {}
    groups[i] = { settings = settings, runs = group.runs, figures = group.figures }
  end
  return json.encode({ name = outcome.name, smoke = outcome.smoke, runs = rows, over_seeds = groups }, { indent = 2 }) .. "\n"
end

return tables
