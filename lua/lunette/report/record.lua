--- What ran, how long it took, and how to run it again: header, problems, timings, configuration, provenance.
local html = require "lunette.report.html"
local json = require "lunette.json"
local numbers = require "lunette.report.numbers"

local record = {}

local node = html.node

local states = { running = "running", finished = "finished", interrupted = "interrupted", failed = "failed" }

-- The state as status.json has it, but never "finished" while a stage has no result.
local function state_of(r)
  local state = states[r.status.state]
  if #r:missing() == 0 and (state == "finished" or not state) then return "finished" end
  if state == "finished" then return "incomplete" end
  return state or "incomplete"
end

function record.header(r, title)
  local state, facts = state_of(r), {}
  local function fact(label, value)
    if numbers.finite(value) then value = ("%.14g"):format(value) end
    if type(value) == "string" then facts[#facts + 1] = label .. value end
  end
  if r.config.name ~= title then fact("", r.config.name) end
  fact("seed ", r.config.seed)
  local program = r.provenance.program
  if type(program) == "table" then program = program.version end
  fact("lunette ", program)
  fact("", r.status.started)
  local stage = state ~= "finished" and type(r.status.stage) == "string" and " in stage " .. r.status.stage or ""
  return node("header", nil, node("h1", nil, title), node("p", { class = "facts-line" },
    node("span", { class = "state " .. state }, state .. stage), #facts > 0 and " \u{B7} " .. table.concat(facts, " \u{B7} ")),
    r.config.smoke and node("p", { class = "about" }, "A smoke run: tiny settings that show that everything works. ",
      "Its figures say nothing about the method."),
    type(r.config.about) == "string" and r.config.about ~= "" and node("p", { class = "about" }, r.config.about))
end

function record.problems(r)
  local items = {}
  if type(r.status.message) == "string" and r.status.state ~= "finished" then items[1] = node("li", nil, r.status.message) end
  for _, text in ipairs(r.problems) do items[#items + 1] = node("li", nil, text) end
  if #items == 0 then return nil end
  return node("section", { class = "problems" }, node("h2", nil, "Problems"), node("ul", nil, items))
end

function record.timings(r)
  local rows, total = {}, 0
  for _, stage in ipairs(r.stages) do
    local seconds = stage.result and stage.result.seconds
    if numbers.finite(seconds) then total = total + seconds end
  end
  local entries = {} -- of stages that are under way or stopped, status.json knows the time so far
  for _, entry in ipairs(numbers.rows(r.status.stages)) do
    if type(entry.name) == "string" then entries[entry.name] = entry end
  end
  for i, stage in ipairs(r.stages) do
    local seconds = stage.result and stage.result.seconds
    local entry = not stage.result and entries[stage.name] or {}
    local so_far = entry.state ~= "pending" and numbers.seconds(entry.seconds)
    local share = numbers.finite(seconds) and total > 0 and numbers.percent(seconds / total) or nil
    local epochs = stage.settings.epochs
    local time = numbers.seconds(seconds) or so_far and so_far .. ", " .. tostring(entry.state)
    rows[i] = { node("code", nil, stage.name), stage.task or stage.kind, numbers.count(epochs),
      time or not stage.result and "not run yet" or nil, share, class = not stage.result and "missing" or nil }
  end
  if #rows == 0 then return nil end
  if total > 0 then rows[#rows + 1] = { "all stages", "", "", numbers.seconds(total), "", class = "reference" } end
  return node("section", nil, node("h2", nil, "Timings"),
    html.table({ { "stage" }, { "task" }, { "epochs", "num" }, { "time", "num" }, { "share", "num" } }, rows))
end

-- Quoted for a POSIX shell unless it is plain.
local function shell(word)
  word = tostring(word)
  if word:find("^[%w_./=:,@%+-]+$") then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

function record.reproduce(r)
  local words = { "lunette", "run", "recipe.lua" }
  if r.provenance.smoke == true then words[3], words[4] = "--smoke", "recipe.lua" end
  for _, override in ipairs(type(r.provenance.overrides) == "table" and r.provenance.overrides or {}) do
    words[#words + 1] = "--set"
    words[#words + 1] = shell(override)
  end
  local lines = { table.concat(words, " ") }
  if state_of(r) == "finished" then
    lines[#lines + 1] = "lunette verify --rerun .     # the same once more, compared bit for bit"
  else
    lines[#lines + 1] = "lunette resume .     # goes on where this run stopped"
  end
  lines[#lines + 1] = "lunette report .     # builds this page anew"
  return node("section", nil, node("h2", nil, "How to reproduce"),
    node("p", nil, "In the run directory, which holds the recipe as it was run. ",
      "The same binary, device and number of threads give the same figures."),
    node("pre", nil, table.concat(lines, "\n")))
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  return keys
end

-- Indented JSON; a table whose entries are all plain goes on one line where it is short.
local function pretty(value, indent)
  if type(value) ~= "table" then return json.encode(value) end
  local items, list = {}, #value > 0
  local inner = indent .. "  "
  for i, key in ipairs(sorted_keys(value)) do
    items[i] = (list and "" or json.encode(tostring(key)) .. ": ") .. pretty(value[key], inner)
  end
  local open, close = list and "[" or "{", list and "]" or "}"
  local line = table.concat(items, ", ")
  if #line + #indent < 96 and not line:find("\n") then return #items == 0 and "{}" or open .. " " .. line .. " " .. close end
  return open .. "\n" .. inner .. table.concat(items, ",\n" .. inner) .. "\n" .. indent .. close
end

local function folded(title, value)
  if not next(value) then return nil end
  return node("details", nil, node("summary", nil, title), node("pre", nil, pretty(value, "")))
end

function record.details(r)
  return node("section", nil, node("h2", nil, "Record"), folded("Configuration, resolved", r.config), folded("Provenance", r.provenance),
    folded("All results", r.results))
end

return record
