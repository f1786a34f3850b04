--- The recipe's `needs`, held against this program and machine before anything is written.

local needs = {}

local function parts(version)
  local list = {}
  for number in version:gmatch("%d+") do list[#list + 1] = tonumber(number) end
  return list
end

local function compare(a, b)
  local x, y = parts(a), parts(b)
  for i = 1, math.max(#x, #y) do
    local d = (x[i] or 0) - (y[i] or 0)
    if d ~= 0 then return d < 0 and -1 or 1 end
  end
  return 0
end

local OPERATORS = {
  [">="] = function(c) return c >= 0 end,
  ["<="] = function(c) return c <= 0 end,
  [">"] = function(c) return c > 0 end,
  ["<"] = function(c) return c < 0 end,
  ["="] = function(c) return c == 0 end,
}

--- version_fits(version, ">=0.3 <1.0") -> boolean; or nil where the requirement cannot be read.
function needs.version_fits(version, requirement)
  local rest = requirement:gsub("([<>=]+)%s*([%d.]+)", function(operator, wanted)
    if OPERATORS[operator] and wanted:find("^%d") then return "" end
  end)
  if rest:find("%S") or not requirement:find("%S") then return nil end
  for operator, wanted in requirement:gmatch("([<>=]+)%s*([%d.]+)") do
    if not OPERATORS[operator](compare(version, wanted)) then return false end
  end
  return true
end

local function memory_gb()
  local file = io.open("/proc/meminfo", "r")
  if not file then return nil end
  local kb = file:read("a"):match("MemTotal:%s*(%d+)")
  file:close()
  return kb and tonumber(kb) / 1e6
end

--- disk_gb(config) -> GB that its run may write
function needs.disk_gb(config)
  return config.needs.disk_gb or 20
end

--- problem(config, version) -> nil; or a message and "usage", "device" or "memory".
function needs.problem(config, version)
  local wanted = config.needs
  if wanted.program and version and version:find("^%d") then
    local fits = needs.version_fits(version, wanted.program)
    if fits == nil then return ("needs.program: cannot read '%s'; write it as '>=0.3 <1.0'"):format(wanted.program), "usage" end
    if not fits then return ("needs.program: the recipe is for %s, this is %s"):format(wanted.program, version), "usage" end
  end
  if wanted.device and config.device ~= "auto" and not wanted.device:find(config.device:match("^%l+"), 1, true) then
    return ("needs.device: the recipe runs on %s, not on '%s'"):format(wanted.device, config.device), "device"
  end
  local memory = wanted.memory_gb and memory_gb()
  if memory and memory < wanted.memory_gb then
    return ("needs.memory_gb: the recipe needs %g GB, this machine has %.1f"):format(wanted.memory_gb, memory), "memory"
  end
end

return needs
