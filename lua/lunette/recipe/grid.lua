--- The grid of a sweep: what --grid and --seeds say, multiplied out into jobs.

local errors = require "lunette.recipe.errors"

local grid = { limits = { jobs = 1000, name = 60 } }

local OPENS, CLOSES = { ["{"] = true, ["["] = true, ["("] = true }, { ["}"] = true, ["]"] = true, [")"] = true }

-- At the commas that stand in no bracket and no quotes; nil where one of these is not closed.
local function split(text)
  local values, depth, quote, from, i = {}, 0, nil, 1, 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote then
      if c == "\\" then i = i + 1 end
      if c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote = c
    elseif OPENS[c] then
      depth = depth + 1
    elseif CLOSES[c] then
      depth = depth - 1
    elseif c == "," and depth == 0 then
      values[#values + 1], from = text:sub(from, i - 1), i + 1
    end
    i = i + 1
  end
  if quote or depth ~= 0 then return nil end
  values[#values + 1] = text:sub(from)
  return values
end

-- The values of one axis, each there once; or nil, message.
local function values_of(option, text)
  local values, seen = split(text), {}
  if not values then return nil, ("%s: %s has a bracket or a quote that is not closed"):format(option, errors.show(text)) end
  for i, value in ipairs(values) do
    value = value:match("^%s*(.-)%s*$")
    if value == "" then return nil, ("%s: %s has an empty value"):format(option, errors.show(text)) end
    if seen[value] then return nil, ("%s: the value '%s' is there twice"):format(option, errors.printable(value)) end
    values[i], seen[value] = value, true
  end
  return values
end

local function key_of(text)
  local key = text:match("^%s*([^=]-)%s*=")
  return key and key:gsub("^stages%.", "")
end

--- axes(specs, seeds, overrides) -> {{key, values, option}, ...}, the seeds last; or nil, message. specs: "pretrain.epochs=1,2" ...,
--- seeds: "1,2,3" or nil, overrides: what --set says, which no axis may say as well.
function grid.axes(specs, seeds, overrides)
  local axes, taken = {}, {}
  for _, text in ipairs(overrides or {}) do
    local key = key_of(text)
    if key then taken[key] = "--set" end
  end
  local function add(option, key, text)
    if taken[key] then return nil, ("%s: '%s' is set by %s already"):format(option, errors.printable(key), taken[key]) end
    local values, message = values_of(option, text)
    if not values then return nil, message end
    taken[key] = option
    axes[#axes + 1] = { key = key, values = values, option = option }
    return true
  end
  for i, spec in ipairs(specs or {}) do
    local option, key = ("--grid #%d"):format(i), key_of(spec)
    if not key or key == "" then return nil, ("%s: %s is not of the form stage.key=value,value"):format(option, errors.show(spec)) end
    local ok, message = add(option, key, spec:match("=(.*)$"))
    if not ok then return nil, message end
  end
  if seeds then
    local ok, message = add("--seeds", "seed", seeds)
    if not ok then return nil, message end
    for _, value in ipairs(axes[#axes].values) do
      if not value:find("^%d+$") then
        return nil, ("--seeds: '%s' is not a whole number; write --seeds 1,2,3"):format(errors.printable(value))
      end
    end
  end
  if #axes == 0 then return nil, "say what to vary: --grid stage.key=value,value or --seeds 1,2,3" end
  local count = 1
  for _, axis in ipairs(axes) do
    count = count * #axis.values
    if count > grid.limits.jobs then return nil, ("the grid has more than %d jobs; split it"):format(grid.limits.jobs) end
  end
  return axes
end

-- The last part of a key, or the whole where two axes would be called the same.
local function labels(axes)
  local count, result = {}, {}
  for _, axis in ipairs(axes) do
    local last = axis.key:match("[^.]*$")
    count[last] = (count[last] or 0) + 1
  end
  for i, axis in ipairs(axes) do
    local last = axis.key:match("[^.]*$")
    result[i] = count[last] > 1 and axis.key or last
  end
  return result
end

--- jobs(axes) -> {{folder = "003-lr-0.1-seed-2", values = in the order of the axes, overrides = for recipe.variants}, ...}; the
--- last axis turns fastest.
function grid.jobs(axes)
  local names, count, list = labels(axes), 1, {}
  for _, axis in ipairs(axes) do count = count * #axis.values end
  local width = math.max(3, #tostring(count))
  for n = 1, count do
    local rest, job = n - 1, { values = {}, overrides = {} }
    for a = #axes, 1, -1 do
      local values = axes[a].values
      job.values[a] = values[rest % #values + 1]
      rest = rest // #values
    end
    local parts = {}
    for a, axis in ipairs(axes) do
      job.overrides[a] = { text = axis.key .. "=" .. job.values[a], where = axis.option }
      parts[a] = names[a] .. "-" .. job.values[a]
    end
    local short = table.concat(parts, "-"):gsub("[^%w._]+", "-"):sub(1, grid.limits.name):gsub("[-.]+$", "")
    job.folder = ("%0" .. width .. "d-%s"):format(n, short)
    list[n] = job
  end
  return list
end

return grid
