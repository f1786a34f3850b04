--- Evaluates a recipe's text to a Lua value. A stranger may have written it, so this happens in a process of its own that
--- cannot open, start or reach anything (bindings/jail.c); what it sends back is checked on the way in, and the caller
--- treats the value as hostile all the same.

local jail = require "lunette.jail"

local sandbox = {}

sandbox.limits = {
  instructions = 2000000,
  memory_kb = 64 * 1024, -- at most this: the jailed process has no more
  string_bytes = 64 * 1024, -- of one string that a library function builds
  milliseconds = 2000, -- on the clock, from when the process is ready
}

--- true: evaluate also where the system cannot lock the process in (no seccomp). `--trust` sets it.
sandbox.trust = false

--- What a recipe can call, in words; see environment.lua.
sandbox.allowed = "math (without random), string.format/rep/lower/upper, table.concat, ipairs, tonumber, tostring"

local function located(message)
  message = message:match("^[^\n]*")
  local line, rest = message:match("^recipe:(%d+): (.*)$")
  rest = (rest or message):gsub("^environment:%d+: ", "")
  if line and rest:find("^attempt to") and rest:find("nil value") then rest = rest .. "; a recipe has only " .. sandbox.allowed end
  return { line = math.tointeger(tonumber(line)), message = rest }
end

--- evaluate(text [, limits]) -> true, value; or false, {line = (may be nil), message}. Limits not given are the usual ones.
-- What a recipe may not hold comes back as something that is no data either: a function, a userdata whose text says why.
function sandbox.evaluate(text, limits)
  local asked = { trust = sandbox.trust }
  for name, value in pairs(sandbox.limits) do asked[name] = value end
  for name, value in pairs(limits or {}) do asked[name] = value end
  local ok, value = jail.evaluate(text, asked)
  if not ok then return false, located(value) end
  return true, value
end

return sandbox
