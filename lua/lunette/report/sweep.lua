--- The page of a sweep: one row a run, linked to the run's own report; static, self-contained, no scripts.
local html = require "lunette.report.html"
local numbers = require "lunette.report.numbers"
local tables = require "lunette.recipe.sweep_table"

local sweep = {}

local node = html.node

local function head_cells(axes, first)
  local columns = { table.unpack(first) }
  for _, axis in ipairs(axes) do columns[#columns + 1] = { axis.key } end
  return columns
end

local function or_dash(text)
  return text ~= "" and text or nil
end

local function runs(outcome)
  local columns, rows = head_cells(outcome.axes, { { "run" } }), {}
  columns[#columns + 1] = { "state" }
  columns[#columns + 1] = { "time", "num" }
  for _, column in ipairs(outcome.columns) do columns[#columns + 1] = { tables.heading(column), "num" } end
  for i, row in ipairs(outcome.rows) do
    local name = node("code", nil, row.folder)
    local cells = { node("a", { href = row.folder .. (row.report and "/report.html" or "/") }, name) }
    for _, value in ipairs(row.values) do cells[#cells + 1] = node("code", nil, value) end
    cells[#cells + 1] = row.state == "finished" and row.state or node("span", { class = "state " .. row.state }, row.state)
    local at = #cells + 1
    cells[at] = row.seconds > 0 and numbers.seconds(row.seconds) or nil
    for c, column in ipairs(outcome.columns) do cells[at + c] = or_dash(tables.figure(row, column, true)) end
    cells.class = row.state ~= "finished" and "missing" or nil
    rows[i] = cells
  end
  return node("section", nil, node("h2", nil, "Runs"), html.table(columns, rows, "In brackets: 95 % intervals."))
end

local function seeds(outcome)
  if not outcome.seeds then return nil end
  local columns, rows = head_cells(outcome.seeds.axes, {}), {}
  columns[#columns + 1] = { "seeds", "num" }
  for _, column in ipairs(outcome.columns) do columns[#columns + 1] = { tables.heading(column), "num" } end
  for i, group in ipairs(outcome.seeds.rows) do
    local cells = {}
    for c, value in ipairs(group.values) do cells[c] = node("code", nil, value) end
    local at = #cells + 1
    cells[at] = tostring(group.runs)
    for c, column in ipairs(outcome.columns) do cells[at + c] = or_dash(tables.spread(group, column)) end
    rows[i] = cells
  end
  return node("section", nil, node("h2", nil, "Over seeds"), html.table(columns, rows, tables.SEEDS .. "."))
end

local function problems(outcome)
  local items = {}
  for _, row in ipairs(outcome.rows) do
    if row.message then items[#items + 1] = node("li", nil, node("code", nil, row.folder), ": ", row.message) end
  end
  if #items == 0 then return nil end
  return node("section", { class = "problems" }, node("h2", nil, "Problems"), node("ul", nil, items))
end

local function commands(outcome)
  local lines = { "lunette report .     # builds this page anew" }
  if outcome.count.finished < #outcome.rows then
    table.insert(lines, 1, "lunette resume .     # goes on with the runs that are not finished")
  end
  return node("section", nil, node("h2", nil, "How to go on"),
    node("p", nil, "In this folder. Each run is a run directory of its own: ", node("code", nil, "lunette verify"), ", ",
      node("code", nil, "diff"), " and ", node("code", nil, "run"), " take it. The figures in full: ",
      node("a", { href = "results.csv" }, "results.csv"), ", ", node("a", { href = "results.json" }, "results.json"), "."),
    node("pre", nil, table.concat(lines, "\n")))
end

--- html(outcome) -> the page; see lunette.recipe.sweep_table for the outcome
function sweep.html(outcome)
  local title = "Sweep of " .. outcome.name
  return html.page(title,
    node("header", nil, node("h1", nil, title), node("p", { class = "facts-line" }, tables.summary(outcome)),
      outcome.smoke and node("p", { class = "about" }, "A smoke run: tiny settings that show that everything works. ",
        "Its figures say nothing about the method.")),
    problems(outcome), runs(outcome), seeds(outcome), commands(outcome))
end

return sweep
