-- string.find, match, gmatch and gsub, which an interrupt can end, against Lua's own.
local t = require "tap"

local own, lua = string, debug.getregistry()["lunette.lua_patterns"]

-- Everything a call gives: results, or the error's message.
local function outcome(f, ...)
  local packed = table.pack(pcall(f, ...))
  if not packed[1] then packed[2] = packed[2]:gsub(" to '%S+'", "") end -- only functions of the library have a name there
  return packed
end

local function shown(packed)
  local parts = {}
  for i = 1, packed.n do parts[i] = type(packed[i]) == "string" and ("%q"):format(packed[i]) or tostring(packed[i]) end
  return table.concat(parts, ", ")
end

local function all(gmatch)
  return function(...)
    local parts = {}
    for a, b, c in gmatch(...) do
      parts[#parts + 1] = ("%s %s %s"):format(a, b, c)
      if #parts > 200 then break end
    end
    return table.concat(parts, ";")
  end
end

local FUNCTIONS = { find = false, match = false, gsub = false, gmatch = all }

local function differs(name, ...)
  local adapt = FUNCTIONS[name] or function(f) return f end
  local ours, theirs = shown(outcome(adapt(own[name]), ...)), shown(outcome(adapt(lua[name]), ...))
  if ours ~= theirs then return ("%s(%s): %s, not %s"):format(name, shown(table.pack(...)), ours, theirs) end
end

local function same(what, cases)
  t.case(what, function()
    local wrong = {}
    for _, case in ipairs(cases) do wrong[#wrong + 1] = differs(table.unpack(case)) end
    t.equal(table.concat(wrong, "\n", 1, math.min(3, #wrong)), "")
  end)
end

same("places to begin, plain search, kinds of arguments", {
  { "find", "abc", "b" }, { "find", "abc", "b", -1 }, { "find", "abc", "", 4 }, { "find", "abc", "", 5 }, { "find", "abc", "", -10 },
  { "find", "a.c", ".", 1, true }, { "find", "a.c", ".c", 2, true }, { "find", "a\0b", "\0" }, { "find", "a\0b", "%z" },
  { "find", 1234, 23 }, { "match", 1234, "%d", 3 }, { "find", "", "" }, { "find", "", "x", math.mininteger },
  { "find", "a", "a", math.maxinteger }, { "find" }, { "find", "a" }, { "match", {}, "a" }, { "find", "a", "a", "x" },
  { "gmatch", "a" }, { "gmatch", "abc", "%a", 2 }, { "gmatch", "abc", "%a", -1 }, { "gmatch", "abc", "%a", 9 }, { "gmatch", "abc", "" },
})
same("replacements", {
  { "gsub", "hello world", "o", "0" }, { "gsub", "hello", "", "-" }, { "gsub", "hello", "l*", "x" }, { "gsub", "abc", "%w", "%0%0" },
  { "gsub", "abc", "%w", "%1" }, { "gsub", "abc", "%w", "%2" }, { "gsub", "abc", "(%w)(%w)", "%2%1" }, { "gsub", "abc", "b", "%" },
  { "gsub", "abc", "b", "%x" }, { "gsub", "abc", "()b", "%1" }, { "gsub", "abc", "b", "%%" }, { "gsub", "abc", "^a", "x" },
  { "gsub", "aaa", "^a", "x" }, { "gsub", "aaa", "a", "x", 2 }, { "gsub", "aaa", "a", "x", 0 }, { "gsub", "aaa", "a", "x", -1 },
  { "gsub", "$name is", "%$(%w+)", { name = "x" } }, { "gsub", "$name is", "%$(%w+)", { name = false } },
  { "gsub", "abc", "%w", { a = true } }, { "gsub", "abc", "%w", { a = 1, b = 2.5 } },
  { "gsub", "abc", "b" }, { "gsub", "abc", "b", true },
  { "gsub", "abc", "%w", string.upper }, { "gsub", "abc", "(%w)(%w)", function(a, b) return b .. a end },
  { "gsub", "abc", "%w", function() end }, { "gsub", "abc", "%w", function() return {} end }, { "gsub", "abc", "%w", error },
  { "gsub", "abc", "()", "%1" }, { "gsub", "a\0b", "%z", "0" }, { "gsub", "abc", "b", 5 },
})
same("errors in patterns", {
  { "find", "a", "%" }, { "find", "a", "[a" }, { "find", "a", "[]" }, { "find", "a", "[^]" }, { "find", "a", "[%" }, { "find", "a", "[a%" },
  { "find", "a", "%f" }, { "find", "a", "%fa" }, { "find", "a", "%b" }, { "find", "a", "%bx" }, { "find", "a", "(" }, { "find", "a", ")" },
  { "find", "a", "(a" }, { "find", "a", "a)" }, { "find", "a", "%1" }, { "find", "a", "(%1)" }, { "find", "a", "()%1" },
  { "find", "a", "(a)%2" }, { "find", "a", "%0" }, { "find", ("a"):rep(33), ("(a)"):rep(33) }, { "find", ("a"):rep(300), ("a?"):rep(300) },
  { "find", ("a"):rep(300), ("(a"):rep(20) }, { "match", "a", "a-" }, { "match", "a", "*" }, { "match", "*a", "*a" },
  { "match", "^a", "^^a" },
  { "gmatch", "^a", "^a" }, { "match", "a$b", "a$b" }, { "match", "a]", "[]]", 2 }, { "match", "a-", "[a-]+" },
  { "match", "-", "[%a-z]" },
  { "match", "THE (quick) fox", "%((%a+)%)" }, { "match", "f(a(b)c)d", "%b()" }, { "match", "THE fox", "%f[%a]%a+%f[%A]", 2 },
  { "match", "x = 'it'", "(['\"])(.-)%1" }, { "match", ("x"):rep(500), ".-b" }, { "find", ("a"):rep(100000), "^a*$" },
})

-- Random patterns of pieces over random subjects of few letters, so that many match.
local PIECES = {
  "a", "b", ".", "%a", "%A", "%d", "[ab]", "[^a]", "[a-c]", "[%d-]", "(", ")", "()", "*", "+", "-", "?",
  "%1", "%2", "%b()", "%f[%a]", "%f[^%w]",
  "^", "$", "%", "[", "]", "%%", "%.", "\0", "(a", "b)", "%S", "%p", "%W*", "\200",
}
local SUBJECTS = { "a", "b", "c", "1", "(", ")", " ", "\0", ".", "\200", "]", "-", "%" }
local state = 12345
local function random(n)
  state = (state * 6364136223846793005 + 1442695040888963407)
  return (state >> 33) % n + 1
end
local function composed(pieces, most)
  local parts = {}
  for i = 1, random(most + 1) - 1 do parts[i] = pieces[random(#pieces)] end
  return table.concat(parts)
end

local cases = {}
for _ = 1, 6000 do
  local subject, pattern = composed(SUBJECTS, 10), composed(PIECES, 6)
  cases[#cases + 1] = { "find", subject, pattern, random(8) - 4 }
  cases[#cases + 1] = { "match", subject, pattern }
  cases[#cases + 1] = { "gmatch", subject, pattern }
  cases[#cases + 1] = { "gsub", subject, pattern, composed({ "%0", "%1", "%%", "x", "%2" }, 3), random(4) == 1 and random(3) or nil }
end
same(#cases .. " random calls", cases)

t.case("string.rep", function()
  local rep = string.rep
  t.equal({ rep("ab", 3), rep("a", 3, ", "), rep("", 1 << 60), rep("x", 0), rep("x", -1, "y"), rep("", 3, "-"), #rep("abc", 50000) },
    { "ababab", "a, a, a", "", "", "", "--", 150000 })
  t.raises(function() rep("ab", math.maxinteger) end, "resulting string too large")
  t.raises(function() rep("a") end, "number expected, got no value")
end)

t.case("table.move", function()
  local function moved(...) return table.concat(table.move(...), " ") end
  t.equal(moved({ 1, 2, 3 }, 1, 3, 2), "1 1 2 3")
  t.equal(moved({ 1, 2, 3 }, 2, 3, 1), "2 3 3")
  t.equal(moved({ 1, 2, 3 }, 1, 3, 1, {}), "1 2 3")
  t.equal(moved({ 1, 2 }, 1, 0, 5), "1 2")
  t.equal(moved({ 1, 2, 3 }, 1, 2, 2, { 9, 9, 9 }), "9 1 2")
  t.equal(moved(setmetatable({}, { __index = function(_, i) return i * i end }), 2, 4, 1, {}), "4 9 16")
  t.raises(function() table.move(1, 1, 2, 3) end, "table expected, got number")
  t.raises(function() table.move({}, math.mininteger, 1, 1) end, "too many elements to move")
  t.raises(function() table.move({}, 1, 2, math.maxinteger) end, "destination wrap around")
end)

t.finish()
