-- The process that evaluates a recipe: what it can reach, what it costs, what its parent makes of whatever it does.
local t = require "tap"
local errors = require "lunette.recipe.errors"
local jail = require "lunette.jail"
local load = require "lunette.recipe.load"
local sandbox = require "lunette.recipe.sandbox"
local sys = require "lunette.sys"

local PATIENT = 60000 -- milliseconds, where the clock is not what is tested: the machine may be busy

local function evaluate(text, limits)
  limits = limits or {}
  limits.milliseconds = limits.milliseconds or PATIENT
  return sandbox.evaluate(text, limits)
end

local function message_of(text, limits)
  local ok, problem = evaluate(text, limits)
  t.equal(ok, false, text)
  return problem.message
end

-- ---- what a recipe can reach ----

t.case("the names it reaches are those of the golden list", function()
  local ok, found = evaluate "return { _ENV = _ENV, methods = ('').rep and 1 }"
  t.ok(ok)
  local names = {}
  local function walk(value, path)
    for key, item in next, value do
      local name = path .. key
      if type(item) == "table" then walk(item, name .. ".") else names[#names + 1] = name .. " " .. type(item) end
    end
  end
  walk(found._ENV, "")
  -- Methods of strings cannot be listed from inside, so every name that Lua knows is asked for.
  for _, library in ipairs { _G, string, table, math, os, io, coroutine, debug, utf8, package } do
    for name in pairs(library) do
      local there, value = evaluate(("return { x = ('').%s ~= nil }"):format(name))
      if there and value.x then names[#names + 1] = "(''):" .. name end
    end
  end
  table.sort(names)
  local golden = {}
  for line in t.read(t.root .. "/tests/golden/recipe_names.txt"):gmatch("[^\n]+") do
    if not line:find("^#") then golden[#golden + 1] = line end
  end
  table.sort(golden)
  t.equal(names, golden)
end)

-- One row each of the attacks that outlast an instruction hook inside the process. Most fail because what they need is not
-- there; what is left of each is ended by a count or, without one, by the clock.
local SECOND = { instructions = 0, milliseconds = 1000 }
local STOPPED = "took longer than 1.0 s and was stopped"
for _, row in ipairs {
  { "an endless loop", "while true do end", "gave up after 2000000 instructions" },
  { "an endless loop without a count", "while true do end", STOPPED, SECOND },
  { "endless calls without a count", "local function f() return f() end return f()", STOPPED, SECOND },
  { "an endless loop in a coroutine", "coroutine.wrap(function() while true do end end)()", "'coroutine' is not defined" },
  { "pcall around an endless loop", "while true do pcall(function() while true do end end) end", "'pcall' is not defined" },
  { "a handler that loops", "xpcall(function() x() end, function() while true do end end)", "'xpcall' is not defined" },
  { "a finalizer that loops", "setmetatable({}, { __gc = function() while true do end end })", "'setmetatable' is not defined" },
  { "a pattern that backtracks", "return ('a'):rep(30):find(('a?'):rep(30) .. ('a'):rep(30))", "attempt to call a nil value" },
  { "a pattern by the function", "return string.match('aaa', 'a*a*a*')", "attempt to call a nil value" },
  { "table.move over everything", "table.move({}, 1, 1 << 50, 2)", "attempt to call a nil value" },
  { "table.insert into a huge length", "table.insert({}, 1, 1)", "attempt to call a nil value" },
  { "table.unpack of a huge range", "table.unpack({}, 1, 1 << 30)", "attempt to call a nil value" },
  { "table.concat of a huge range", "return table.concat({}, '', 1, 1 << 50)", "longer than 65536 bytes" },
  { "a string of nothing, often", "return string.rep('', 1 << 50)", "longer than 65536 bytes" },
  { "a long string", "return string.rep('x', 1 << 30)", "longer than 65536 bytes" },
  { "long strings without end", "while true do local x = ('x'):rep(65536) end", STOPPED, SECOND },
  { "upper case without end", "local x = ('x'):rep(60000) while true do x = x:upper() end", STOPPED, SECOND },
  { "a search without end", "return ('a'):rep(60000):find(('a'):rep(30000) .. 'b', 1, true)", "attempt to call a nil value" },
  { "a string that doubles", "local x = 'x' while true do x = x .. x end", "needs more than 64 MB of memory" },
  { "tables in tables without end", "local x = {} while true do x = { x, x } end", "needs more than 64 MB of memory",
    { instructions = 0 } },
  { "a list without end", "local x = {} for i = 1, 1 << 50 do x[i] = i end", "needs more than 64 MB of memory", { instructions = 0 } },
  { "less memory than there is", "local x = {} for i = 1, 1 << 50 do x[i] = i end", "needs more than 2 MB of memory",
    { memory_kb = 2048 } },
  { "compiled Lua", string.dump(function() end), "attempt to load a binary chunk" },
  { "load of compiled Lua", "load('\\27Lua')", "'load' is not defined" },
  { "the strings of everybody", "getmetatable('').__index = nil", "'getmetatable' is not defined" },
  { "the methods of strings", "local s = ('').rep string.rep = 5 return s", false },
} do
  local name, text, expected, limits = table.unpack(row, 1, 4)
  t.case("attack: " .. name, function()
    local given = {}
    for key, value in pairs(limits or {}) do given[key] = value end
    local began = sys.monotonic()
    local ok, value = evaluate(text, given)
    local took = sys.monotonic() - began
    if expected then
      t.equal(ok, false)
      t.contains(value.message, expected)
    end
    t.ok(took < 30, ("seconds: %.1f"):format(took))
    t.equal({ evaluate "return { x = ('ab'):upper() }" }, { true, { x = "AB" } })
  end)
end

t.case("the usual time is two seconds", function()
  t.equal(sandbox.limits.milliseconds, 2000)
  local began = sys.monotonic()
  local ok, problem = sandbox.evaluate("while true do end", { instructions = 0 })
  local took = sys.monotonic() - began
  t.equal({ ok, problem.message }, { false, "took longer than 2.0 s and was stopped" })
  t.ok(took >= 2 and took < 22, ("seconds: %.2f"):format(took))
end)

t.case("places: of errors, of short memory, of the count", function()
  local function at(text, limits) return select(2, evaluate(text, limits)).line end
  t.equal(at "\n\nreturn nosuch", 3)
  t.equal(at "\nlocal x = 'x'\nwhile true do\n x = x .. x end", 4)
  t.equal(at "local x = {}\nfor i = 1, 1e9 do\n x[i] = ('y'):rep(60000) end", 3)
  t.equal(at "\n\n\nwhile true do end", 4)
  t.equal(at "return {\n = 1 }", 2)
end)

t.case("the same text gives the same, however often", function()
  local text = [[local r = {} for i = 1, 200 do r["k" .. i] = { i, x = tostring(i), y = i / 7 } end return r]]
  local first = select(2, evaluate(text))
  for _ = 1, 5 do t.equal(select(2, evaluate(text)), first) end
  local many = [[local r = {} for i = 1, 3000 do r["k" .. i] = { a = 1, b = { 2 },
c = 3 } end return { one = 1,
two = r }]]
  local function mistakes()
    local list = errors.new()
    load.text(many, "r.lua", list)
    return tostring(list:sort())
  end
  local said = mistakes()
  t.contains(said, "more than 10000 keys")
  for _ = 1, 5 do t.equal(mistakes(), said) end
end)

t.case("an evaluation is quick", function()
  local text, took = t.read(t.root .. "/examples/quickstart.lua"), {}
  for i = 1, 40 do
    local began = sys.monotonic()
    t.ok((evaluate(text)))
    took[i] = sys.monotonic() - began
  end
  table.sort(took)
  print(("# one evaluation: %.1f ms at best, %.1f ms in the middle"):format(took[1] * 1e3, took[20] * 1e3))
  t.ok(took[1] < 0.5, "seconds: " .. took[1])
end)

t.case("no descriptor is left open, no process left behind", function()
  local function count()
    local pipe = io.popen(("ls /proc/%d/fd | wc -l; grep -l '^PPid:[[:space:]]*%d$' /proc/[0-9]*/status 2>/dev/null | wc -l"):format(
      sys.pid(), sys.pid()))
    local text = pipe:read "a"
    pipe:close()
    return text
  end
  collectgarbage() -- files of earlier cases that nobody holds any more
  local before = count()
  for _, text in ipairs { "return {}", "error", "return {", "while true do end" } do evaluate(text) end
  evaluate("while true do end", { instructions = 0, milliseconds = 100 })
  evaluate("", { command = { "/bin/sh", "-c", "yes" } })
  evaluate("", { command = { "/nonexistent" } })
  t.equal(count(), before)
end)

-- ---- children that are not what they should be ----

local function child(script, limits)
  limits = limits or {}
  limits.command = { "/bin/sh", "-c", script }
  local began = sys.monotonic()
  local message = message_of(limits.text or "return {}", { command = limits.command, milliseconds = limits.milliseconds })
  t.ok(sys.monotonic() - began < 30)
  return message
end

t.case("a child that dies, floods, stalls or lies", function()
  t.contains(message_of("return {}", { command = { "/nonexistent" } }), "cannot be started: No such file")
  t.contains(child "exit 0", "no frame")
  t.contains(child "exit 7", "ended with exit code 7")
  t.contains(child "kill -SEGV $$", "died of signal 11")
  t.contains(child "printf J; kill -KILL $$", "died of signal 9")
  t.contains(child "yes", "wrote more than a recipe can hold")
  t.contains(child "cat; yes", "wrote more than a recipe can hold")
  t.contains(child("printf J; sleep 1000", { milliseconds = 300 }), "took longer than 0.3 s")
  t.contains(child("printf J; (trap '' TERM INT HUP; sleep 1000) & wait", { milliseconds = 300 }), "took longer than 0.3 s")
  t.contains(child("printf J; exec >&-; sleep 1000"), "died of signal 9")
  t.contains(child "exec <&-; printf JVx", "no frame")
  t.contains(child [[cat >/dev/null; printf 'JV\001\000\000\000\002']], "it ends too early")
  t.contains(child [[exec 0<&-; printf 'JV\001\000\000\000\143']], "a value of no known kind")
  t.contains(child [[printf 'X']], "no frame")
  t.contains(child [[printf 'N\026']], "does not let a process give up its system calls (seccomp: Invalid argument)")
end)

t.case("a text that the child does not read does not end the program", function()
  t.contains(message_of(("-"):rep(256 * 1024), { command = { "/bin/sh", "-c", "exec <&-; sleep 0.2; exit 3" } }), "exit code 3")
  t.contains(message_of(("-"):rep(300 * 1024)), "too many")
end)

-- ---- hostile bytes ----

local function frame(payload, kind) return "J" .. (kind or "V") .. ("<I4"):pack(#payload) .. payload end
local function outcome(payload) return jail.outcome(frame(payload)) end
local function refused(payload, why)
  local ok, message = outcome(payload)
  t.equal(ok, false)
  t.contains(message, why)
end

local function text(s) return "\4" .. ("<I4"):pack(#s) .. s end
local function tables(...)
  local pairs_ = { ... }
  return "\5" .. ("<I4"):pack(#pairs_ // 2) .. table.concat(pairs_)
end
local function integer(i) return "\2" .. ("<i8"):pack(i) end

t.case("bytes that are a value", function()
  t.equal({ outcome(tables(text "a", integer(-5), text "b", tables(), integer(1), "\1", text "c", "\3" .. ("<d"):pack(0.5))) },
    { true, { a = -5, b = {}, true, c = 0.5 } })
  t.equal({ outcome "\12" }, { true, nil })
  t.equal({ jail.outcome(frame("recipe:3: x", "E")) }, { false, "recipe:3: x" })
end)

t.case("bytes that are none", function()
  t.contains(select(2, jail.outcome ""), "no frame")
  t.contains(select(2, jail.outcome(frame "\1" .. "x")), "another length")
  t.contains(select(2, jail.outcome "JV\255\255\255\255x"), "another length")
  t.contains(select(2, jail.outcome(frame("\1", "Q"))), "no known kind")
  t.contains(select(2, jail.outcome(frame(("x"):rep(5000), "E"))), "too long a message")
  refused("", "ends too early")
  refused("\1\1", "something follows")
  refused("\13", "no known kind")
  refused("\5\255\255\255\255", "too many keys")
  refused("\5\16\39\0\0", "ends too early")
  refused("\4\255\255\255\127", "too long a string")
  refused("\4\1\16\0\0" .. ("x"):rep(4097), "too long a string")
  refused("\4\5\0\0\0abc", "ends too early")
  refused("\3" .. ("<d"):pack(1 / 0), "not finite")
  refused("\3" .. ("<d"):pack(0 / 0), "not finite")
  refused("\7" .. ("<i8"):pack(10), "impossible length")
  refused("\7" .. ("<i8"):pack(-1), "impossible length")
  refused("\11", "where none may be")
  refused(tables(text "a", "\12"), "nil where none may be")
  refused(tables("\12", "\1"), "nil where none may be")
  refused(tables("\8", "\1"), "key that is not a number")
  refused(tables(tables(), "\1"), "table where none may be")
  refused(tables(text "a", "\1", text "a", "\1"), "a key twice")
  refused(tables(integer(1), "\1", "\3" .. ("<d"):pack(1), "\1"), "a key twice")
  local deep = "\1"
  for _ = 1, 17 do deep = tables(integer(1), deep) end
  refused(deep, "table where none may be")
  local wide = {}
  for i = 1, 101 do wide[i] = integer(i) .. tables(table.unpack((function()
    local inner = {}
    for k = 1, 100 do inner[2 * k - 1], inner[2 * k] = integer(k), "\0" end
    return inner
  end)())) end
  refused("\5" .. ("<I4"):pack(#wide) .. table.concat(wide), "too many keys")
end)

t.case("random bytes and damaged values", function()
  local state = 7
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n
  end
  local good = tables(text "name", text "x", text "list", tables(integer(1), "\3" .. ("<d"):pack(2.5), integer(2), "\0"),
    text "deep", tables(text "y", tables(text "z", "\6", text "w", "\7" .. ("<i8"):pack(5000))), "\1", integer(9))
  t.ok((outcome(good)))
  local accepted = 0
  for _ = 1, 20000 do
    local bytes = { good:byte(1, -1) }
    if random(4) == 0 then for i = #bytes, random(#bytes) + 1, -1 do bytes[i] = nil end end
    for _ = 1, random(4) + 1 do
      if #bytes > 0 then bytes[random(#bytes) + 1] = random(2) == 0 and random(14) or random(256) end
    end
    if random(8) == 0 then for i = 1, random(60) do bytes[i] = random(16) end end
    local payload = string.char(table.unpack(bytes))
    local ok, value = jail.outcome(random(16) == 0 and payload or frame(payload))
    if ok then
      accepted = accepted + 1
      if value ~= nil then
        local list = errors.new()
        require("lunette.recipe.node").from_value(type(value) == "table" and value or { value }, "r.lua", nil, list)
      end
    else
      t.equal(type(value), "string")
    end
  end
  t.ok(accepted > 100 and accepted < 15000, "accepted: " .. accepted)
end)

t.finish()
