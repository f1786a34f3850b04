--- Reads a run directory, complete or not. What cannot be read becomes an entry in `problems`, not an error.
local json = require "lunette.json"

local run = {}

local Run = {}
Run.__index = Run

local LARGEST = 64 << 20 -- bytes of a single file above which the report leaves it out

-- Here null is the same as absent.
local function plain(value)
  if value == json.null then return nil end
  if type(value) == "table" then
    for key, inner in pairs(value) do value[key] = plain(inner) end
  end
  return value
end

local function decode(text)
  local value, why = json.decode(text)
  return plain(value), why
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local size = file:seek("end")
  if not size or size > LARGEST then
    file:close()
    return nil, ("%s bytes, the report takes up to %d"):format(size or "?", LARGEST)
  end
  file:seek("set")
  local text = file:read("a")
  file:close()
  return text
end

local function problem(self, text)
  self.problems[#self.problems + 1] = text
end

local function read_object(self, name)
  local text, why = read(self.dir .. "/" .. name)
  if not text then
    if why then problem(self, name .. ": " .. why) end
    return nil
  end
  local value, bad = decode(text)
  if type(value) ~= "table" then
    problem(self, ("%s: not a JSON object%s"):format(name, bad and " (" .. bad .. ")" or ""))
    return nil
  end
  return value, text
end

-- A resumed run may repeat steps: of rows with one stage, epoch and step the last one counts, in the first one's place.
local function read_metrics(self)
  local text, why = read(self.dir .. "/metrics.jsonl")
  if why then problem(self, "metrics.jsonl: " .. why) end
  local by_stage, place, bad = {}, {}, 0
  local whole = text and text:sub(-1) == "\n"
  local lines = {}
  for line in (text or ""):gmatch("[^\n]+") do lines[#lines + 1] = line end
  for i, line in ipairs(lines) do
    local row = decode(line)
    if type(row) == "table" and type(row.stage) == "string" then
      local rows = by_stage[row.stage] or {}
      by_stage[row.stage] = rows
      local key = ("%s\0%s\0%s"):format(row.stage, tostring(row.epoch), tostring(row.step))
      local timed = row.epoch or row.step
      local at = timed and place[key] or #rows + 1
      if rows[at] then -- a stage may log loss and accuracy of one step in two rows
        for name, value in pairs(row) do rows[at][name] = value end
      else
        rows[at], place[key] = row, at
      end
    elseif whole or i < #lines then
      bad = bad + 1
    end
  end
  if bad > 0 then problem(self, ("metrics.jsonl: %d lines are not a row with a stage"):format(bad)) end
  return by_stage
end

local measuring = { linear_probe = true, knn = true, qscore = true, heatmaps = true, interpretability = true }

-- What a stage does, from its settings, else from the figures it left.
local function kind_of(settings, result, stages)
  local task, seen = settings.task, {}
  local at = settings
  while not task and at and type(at.like) == "string" and not seen[at] do
    seen[at] = true
    at = stages[at.like]
    task = at and at.task
  end
  if type(task) == "string" then return measuring[task] and task or "train", task end
  if result.top1 then return "linear_probe" end
  if result.auroc or result.auprc then return "qscore" end
  if result.miou_core then return "interpretability" end
  return "train"
end

local function list_stages(self)
  local settings, names = {}, {}
  local listed = type(self.config.stages) == "table" and self.config.stages or {}
  for _, stage in ipairs(listed) do
    if type(stage) == "table" and type(stage.name) == "string" and not settings[stage.name] then
      settings[stage.name] = stage
      names[#names + 1] = stage.name
    end
  end
  local rest = {}
  for name, result in pairs(self.results) do
    if type(name) == "string" and type(result) == "table" and not settings[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  table.move(rest, 1, #rest, #names + 1, names)
  for i, name in ipairs(names) do
    local result = self.results[name]
    local stage = { name = name, settings = settings[name] or {}, result = type(result) == "table" and result or nil }
    stage.kind, stage.task = kind_of(stage.settings, stage.result or {}, settings)
    self.stages[i], self.stages[name] = stage, stage
  end
end

-- Shares are fractions; a value outside 0..1 is a mistake the reader must hear of.
local function check_shares(self)
  for _, stage in ipairs(self.stages) do
    for _, name in ipairs { "top1", "auroc", "auprc", "base_rate", "empty_share", "miou_core", "miou_spurious", "pointing", "energy" } do
      local value = stage.result and stage.result[name]
      if value ~= nil and not (type(value) == "number" and value >= 0 and value <= 1) then
        problem(self, ("results.json: %s.%s must be a share from 0 to 1, got %s"):format(stage.name, name, tostring(value)))
      end
    end
  end
end

--- A run directory as a table: dir, config, provenance, status, results, metrics (rows by stage), stages
-- (list and by name: {name, settings, result, kind, task}), problems, and config_text.
-- Raises where there is neither config.json nor results.json.
function run.open(dir)
  local self = setmetatable({ dir = dir, problems = {}, stages = {}, cache = {} }, Run)
  self.config, self.config_text = read_object(self, "config.json")
  self.results = read_object(self, "results.json")
  if not self.config and not self.results then
    error(("report: %s is no run directory: neither config.json nor results.json can be read%s"):format(
      dir, self.problems[1] and " (" .. self.problems[1] .. ")" or ""), 0)
  end
  self.config, self.results = self.config or {}, self.results or {}
  self.provenance = read_object(self, "provenance.json") or {}
  self.status = read_object(self, "status.json") or {}
  self.metrics = read_metrics(self)
  list_stages(self)
  check_shares(self)
  return self
end

--- The chart data of a stage (figures/data/STAGE.json), or nil.
function Run:data(name)
  if self.cache[name] == nil then
    self.cache[name] = not name:find("[/\\%z]") and read_object(self, "figures/data/" .. name .. ".json") or false
  end
  return self.cache[name] or nil
end

--- The bytes of a file in figures/; only plain names, so that nothing outside the folder gets into a report.
function Run:figure(name)
  if type(name) ~= "string" or name:find("[/\\%z]") or name:sub(1, 1) == "." then return nil end
  local bytes, why = read(self.dir .. "/figures/" .. name)
  if why then problem(self, "figures/" .. name .. ": " .. why) end
  return bytes
end

--- Warnings of the training stages, in order: {stage = its name, epoch, message}. Of a stage that is not finished, status.json
--- has those so far.
function Run:warnings()
  local so_far, out = {}, {}
  for _, entry in ipairs(type(self.status.stages) == "table" and self.status.stages or {}) do
    if type(entry) == "table" and type(entry.name) == "string" then so_far[entry.name] = entry.warnings end
  end
  for _, stage in ipairs(self.stages) do
    local list = stage.result and stage.result.warnings or so_far[stage.name]
    for _, w in ipairs(type(list) == "table" and list or {}) do
      if type(w) == "table" and type(w.message) == "string" then
        out[#out + 1] = { stage = stage.name, epoch = math.type(w.epoch) == "integer" and w.epoch or nil, message = w.message }
      end
    end
  end
  return out
end

--- Names of stages that have no result yet, in order.
function Run:missing()
  local out = {}
  for _, stage in ipairs(self.stages) do
    if not stage.result then out[#out + 1] = stage.name end
  end
  return out
end

--- What a stage starts from, its `from`: a stage, nil for the untrained encoder ("random"), or the name as it stands.
function Run:start(stage)
  local from = stage.settings.from
  if type(from) ~= "string" or from == "random" then return nil end
  return self.stages[from] or from
end

--- Stages of a kind that have a result.
function Run:finished(kind)
  local out = {}
  for _, stage in ipairs(self.stages) do
    if stage.kind == kind and stage.result then out[#out + 1] = stage end
  end
  return out
end

--- The report block of the configuration.
function Run:options()
  return type(self.config.report) == "table" and self.config.report or {}
end

return run
