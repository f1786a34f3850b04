--- A test harness in the manner of TAP: one `ok` or `not ok` line per case, a count at the end, exit status 1 where
--- anything failed. A test file ends with `t.finish()`.

local t = { passed = 0, failed = 0 }

--- The folder of the project, for tests that read examples.
t.root = (debug.getinfo(1, "S").source:match("^@(.*)tests/lua/tap%.lua$") or ""):gsub("/$", "")
if t.root == "" then t.root = "." end

local function show(value, depth)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" or (depth or 0) > 4 then return tostring(value) end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local parts = {}
  for _, key in ipairs(keys) do parts[#parts + 1] = tostring(key) .. "=" .. show(value[key], (depth or 0) + 1) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

local function fail(what, level)
  error({ failed = what, where = debug.traceback("", level or 3):match("\n%s+([^\n]-:%d+):") }, 0)
end

--- case(name, fn): runs fn; it passes where nothing in it fails or raises.
function t.case(name, fn)
  local ok, problem = xpcall(fn, function(e)
    if type(e) == "table" and e.failed then return e.failed end
    return debug.traceback(type(e) == "table" and show(e) or tostring(e), 2)
  end)
  if ok then
    t.passed = t.passed + 1
    print("ok - " .. name)
  else
    t.failed = t.failed + 1
    print("not ok - " .. name)
    print("# " .. tostring(problem):gsub("\n", "\n# "))
  end
end

--- equal(got, expected [, what]): tables are compared by content.
function t.equal(got, expected, what)
  if not same(got, expected) then
    fail(("%sexpected %s\n     got %s"):format(what and what .. ": " or "", show(expected), show(got)))
  end
end

function t.ok(value, what)
  if not value then fail((what or "condition") .. ": got " .. show(value)) end
end

--- match(text, pattern): a Lua pattern.
function t.match(text, pattern, what)
  if type(text) ~= "string" or not text:find(pattern) then
    fail(("%sexpected a text with %s\n     got %s"):format(what and what .. ": " or "", show(pattern), show(text)))
  end
end

--- contains(text, plain): `plain` occurs in the text as it stands.
function t.contains(text, plain, what)
  if type(text) ~= "string" or not text:find(plain, 1, true) then
    fail(("%sexpected a text with %s\n     got %s"):format(what and what .. ": " or "", show(plain), show(text)))
  end
end

--- raises(fn, plain): fn raises an error whose text contains `plain`.
function t.raises(fn, plain, what)
  local ok, problem = pcall(fn)
  if ok then fail((what and what .. ": " or "") .. "no error was raised") end
  if plain then t.contains(type(problem) == "table" and problem.message or tostring(problem), plain, what) end
end

--- A fresh folder that finish() removes; in memory where the system has such a place, because files are synced a lot.
function t.folder()
  local path = os.tmpname()
  os.remove(path)
  local memory = "/dev/shm" .. path:match("/[^/]*$")
  if os.execute(("mkdir '%s' 2>/dev/null"):format(memory)) then path = memory end
  t.folders = t.folders or {}
  table.insert(t.folders, path)
  assert(os.execute(("mkdir -p '%s'"):format(path)))
  return path
end

function t.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

function t.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function t.finish()
  for _, path in ipairs(t.folders or {}) do os.execute(("rm -rf '%s'"):format(path)) end
  print(("%d passed, %d failed"):format(t.passed, t.failed))
  os.exit(t.failed == 0 and 0 or 1, true)
end

return t
