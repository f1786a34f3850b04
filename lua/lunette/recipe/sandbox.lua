--- Evaluates a recipe's text to a Lua value, in an environment of pure functions and under limits.
--
-- This is a guard against mistakes and simple mischief inside this process: an instruction count, a memory bound and
-- a whitelist. Whoever replaces it by a jailed child keeps the one function `evaluate` and its results; the caller
-- already treats the value that comes back as hostile.

local sandbox = {}

sandbox.limits = {
  instructions = 2000000,
  memory_kb = 64 * 1024,
  string_bytes = 64 * 1024, -- of one string that a library function builds
}

-- The hook runs this often; a single instruction can at most double what the program holds, so memory stays bounded.
local HOOK_EVERY = 10

local ALLOWED = "math (without random), string.format/rep/lower/upper, table.concat, ipairs, tonumber, tostring"

local function plain(value, what)
  local kind = type(value)
  if kind == "number" or kind == "string" or kind == "boolean" or kind == "nil" then return value end
  -- Addresses differ from run to run, so a table or function has no text here.
  error(("%s: a %s has no text"):format(what, kind), 3)
end

local function environment(limits)
  local function bounded(text, what)
    if #text > limits.string_bytes then error(("%s: the result is longer than %d bytes"):format(what, limits.string_bytes), 3) end
    return text
  end
  local safe_math = {}
  for name, item in pairs(math) do
    if name ~= "random" and name ~= "randomseed" then safe_math[name] = item end
  end
  local safe_string = {
    lower = string.lower,
    upper = string.upper,
    rep = function(text, count, separator)
      local piece = #tostring(text) + #tostring(separator or "")
      if count > limits.string_bytes or piece * count > limits.string_bytes then
        error(("string.rep: the result is longer than %d bytes"):format(limits.string_bytes), 2)
      end
      return string.rep(text, count, separator)
    end,
    format = function(form, ...)
      for i = 1, select("#", ...) do plain((select(i, ...)), "string.format") end
      if string.find(form, "%%[^%a%%]*p") then error("string.format: '%p' is not available", 2) end
      return bounded(string.format(form, ...), "string.format")
    end,
  }
  local safe_table = {
    concat = function(list, separator, first, last)
      first, last = first or 1, last or #list
      local total = 0
      for i = first, last do
        total = total + #tostring(plain(list[i], "table.concat")) + #(separator or "")
        if total > limits.string_bytes then
          error(("table.concat: the result is longer than %d bytes"):format(limits.string_bytes), 2)
        end
      end
      return table.concat(list, separator, first, last)
    end,
  }
  local env = {
    math = safe_math,
    string = safe_string,
    table = safe_table,
    ipairs = ipairs,
    tonumber = tonumber,
    tostring = function(value) return tostring(plain(value, "tostring")) end,
  }
  -- A misspelt local would otherwise be nil and drop its key without a word.
  setmetatable(env, {
    __index = function(_, name)
      error(("'%s' is not defined; a recipe has its own locals and %s"):format(tostring(name), ALLOWED), 2)
    end,
    __newindex = function(_, name)
      error(("'%s' is not a local: write 'local %s = ...'"):format(tostring(name), tostring(name)), 2)
    end,
    __metatable = false,
  })
  return env, safe_string
end

local function located(message)
  -- One line: the parser's stack overflow passes the host's message handler and comes back with its traceback.
  message = tostring(message):match("^[^\n]*")
  local line, rest = message:match("^recipe:(%d+): (.*)$")
  if not line then return { message = message } end
  if rest:find("^attempt to") and rest:find("nil value") then rest = rest .. "; a recipe has only " .. ALLOWED end
  return { line = tonumber(line), message = rest }
end

--- evaluate(text [, limits]) -> true, value; or false, {line = (may be nil), message}.
function sandbox.evaluate(text, limits)
  limits = limits or sandbox.limits
  local env, safe_string = environment(limits)
  local chunk, message = load(text, "=recipe", "t", env)
  if not chunk then return false, located(message) end

  local used, stop = 0, collectgarbage("count") + limits.memory_kb
  local thread = coroutine.create(chunk)
  debug.sethook(thread, function()
    used = used + HOOK_EVERY
    if used > limits.instructions then error(("gave up after %d instructions"):format(limits.instructions), 2) end
    if collectgarbage("count") > stop then error(("needs more than %d MB of memory"):format(limits.memory_kb // 1024), 2) end
  end, "", HOOK_EVERY)

  -- Methods on strings come from a metatable that all of the process shares: lend the recipe the harmless ones only.
  local strings = getmetatable("")
  local methods = strings.__index
  strings.__index = safe_string
  local ok, value = coroutine.resume(thread)
  strings.__index = methods
  debug.sethook(thread)

  if not ok then return false, located(value) end
  if coroutine.status(thread) ~= "dead" then return false, { message = "did not finish" } end
  return true, value
end

return sandbox
