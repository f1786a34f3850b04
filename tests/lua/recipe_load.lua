local t = require "tap"
local errors = require "lunette.recipe.errors"
local load = require "lunette.recipe.load"
local lines = require "lunette.recipe.lines"
local node = require "lunette.recipe.node"
local recipe = require "lunette.recipe"
local sandbox = require "lunette.recipe.sandbox"
local sys = require "lunette.sys"
local tokens = require "lunette.recipe.tokens"

sandbox.limits.milliseconds = 60000 -- the machine may be busy, and the clock is not what is tested here

local function text_errors(text)
  local list = errors.new()
  local root = load.text(text, "r.lua", list)
  return tostring(list:sort()), root
end

local function value_of(text)
  local list = errors.new()
  local root = load.text(text, "r.lua", list)
  if not root then error(tostring(list), 0) end
  return node.plain(root)
end

t.case("a recipe can compute its data", function()
  t.equal(value_of [[
    local batch = 512
    local function rate(b) return 0.06 * b / 256 end
    local list = {}
    for i, x in ipairs { 3, 1, 2 } do list[i] = x * 10 end
    return { lr = rate(batch), name = ("x-%d"):format(batch) .. string.upper("y"), list = list,
             max = math.max(1, 2), joined = table.concat({ "a", "b" }, "-"), n = tonumber("7"), s = tostring(1.5) }
  ]], { lr = 0.12, name = "x-512Y", list = { 30, 10, 20 }, max = 2, joined = "a-b", n = 7, s = "1.5" })
end)

t.case("everything else is refused with its line", function()
  for _, name in ipairs { "pcall", "load", "require", "coroutine", "setmetatable", "getmetatable", "collectgarbage", "os",
    "io", "debug", "print", "rawget", "select", "next", "pairs", "dofile", "error", "_G", "package", "utf8" } do
    t.contains(text_errors("\nreturn { x = " .. name .. " }"), ("r.lua:2: '%s' is not defined"):format(name))
  end
  t.contains(text_errors 'return { x = math.random() }', "r.lua:1: attempt to call a nil value (field 'random')")
  for _, method in ipairs { "find", "gsub", "gmatch", "match", "byte", "dump", "pack", "sub", "len", "reverse" } do
    t.contains(text_errors(('\n\nreturn { x = ("a"):%s("a") }'):format(method)), "r.lua:3: attempt to call a nil value")
  end
  t.contains(text_errors "x = 1 return {}", "r.lua:1: 'x' is not a local")
end)

t.case("strings of the host stay whole", function()
  t.ok(("abc"):find("b"))
  text_errors 'return { x = ("a"):find("a") }'
  t.ok(("abc"):find("b"))
  text_errors "while true do end"
  t.ok(("abc"):gsub("b", ""))
end)

t.case("endless work is given up", function()
  t.contains(text_errors "while true do end", "gave up after 2000000 instructions")
  t.contains(text_errors "local function f() return f() end return f()", "gave up after")
  t.contains(text_errors "local function f() return 1 + f() end return f()", "r.lua:1: needs more than 64 MB of memory")
  t.contains(text_errors("return (" .. ("-"):rep(150) .. "1)" .. (" .. 'x'"):rep(3000)), "r.lua:1:")
  t.contains(text_errors "local x = 'x' while true do x = x .. x end", "MB of memory")
  t.contains(text_errors "local x = {} while true do x = { x, x, x, x } end return x", "gave up after")
  t.contains(text_errors [[local x = {} for i = 1, 1e9 do x[i] = ("y"):rep(60000) end return {}]], "MB of memory")
  t.contains(text_errors [[return { x = ("x"):rep(1 << 30) }]], "longer than 65536 bytes")
  t.contains(text_errors [[return { x = (""):rep(1 << 50) }]], "longer than 65536 bytes")
  t.contains(text_errors [[return { x = table.concat({}, "x", 1, 1 << 50) }]], "longer than")
  t.contains(text_errors [[return { x = table.concat({}, "", 1, 1 << 50) }]], "longer than")
end)

t.case("nothing that differs from run to run gets in", function()
  t.contains(text_errors "return { x = tostring({}) }", "tostring: a table has no text")
  t.contains(text_errors "return { x = ('%s'):format(ipairs) }", "string.format: a function has no text")
  t.contains(text_errors "return { x = ('%p'):format('x') }", "'%p' is not available")
  t.contains(text_errors "return { x = ('%-12p'):format('x') }", "'%p' is not available")
  t.equal(value_of("return { x = ('%d%%'):format(5) }").x, "5%")
end)

t.case("the text: size, bytecode, syntax, first line", function()
  t.contains(text_errors(("-"):rep(256 * 1024 + 1)), "r.lua: the source has 262145 bytes; at most 262144 are allowed")
  t.contains(text_errors(string.dump(function() end)), "compiled Lua")
  t.contains(text_errors "return {\n a = = 1 }", "r.lua:2: unexpected symbol near '='")
  t.contains(text_errors "local x = 1", "returns one table; this file returns nothing")
  t.contains(text_errors "return 5", "returns one table; this file returns 5")
  t.contains(text_errors "return { 1, 2 }", "named keys, not a list")
  t.equal(value_of "#!/usr/bin/env lunette\nreturn { a = 1 }", { a = 1 })
  t.contains(text_errors("return " .. ("{"):rep(250) .. ("}"):rep(250)), "C stack overflow")
end)

t.case("the value: pure, finite, of bounded size", function()
  t.contains(text_errors "return {\n f = function() end }", "r.lua:2: 'f' is a function; a recipe holds only")
  t.contains(text_errors "return { a = {\n x = 0/0 } }", "r.lua:2: 'a.x' is ")
  t.contains(text_errors "return { a = {\n x = math.huge } }", "finite numbers only")
  t.contains(text_errors "local a = {} a.b = a return a", "nested deeper than 16 levels")
  t.contains(text_errors "return { a = { 1, x = 2 } }", "'a' mixes named keys and list items")
  t.contains(text_errors "return { a = { [1.5] = 2 } }", "has the key 1.5")
  t.contains(text_errors "return { a = { [true] = 2 } }", "has the key true")
  t.contains(text_errors "return { a = { [0] = 2 } }", "has the key 0")
  t.contains(text_errors "return { a = { [1] = 1, [2] = 2, [9] = 3 } }", "'a' has the key 9")
  t.contains(text_errors "local a = {} for i = 1, 10001 do a[i] = i end return { a = a }", "more than 10000 keys")
  t.contains(text_errors "local a = {} for i = 1, 9 do a = { a, a, a, a, a, a, a, a } end return { a = a }", "more than 10000 keys")
  t.contains(text_errors [[return { a = ("x"):rep(4097) }]], "'a' is a string of 4097 bytes; at most 4096")
  t.contains(text_errors [[return { a = "\255" }]], "not UTF-8")
  t.contains(text_errors [[return { a = "\27[31m" }]], "control character")
  t.contains(text_errors [[return { ["\27"] = 1 }]], "control character")
  t.contains(text_errors [[return { a = "x\u{9b}31m" }]], "control character")
  t.contains(text_errors [[return { a = "x\u{202e}y" }]], "mark of writing direction")
  t.contains(text_errors [[return { a = "x\u{2066}y" }]], "mark of writing direction")
  t.contains(text_errors "return { a = \u{202e}\u{9b} }", [[near '<\226>']])
  t.equal(value_of [[return { a = "Gr\u{fc}\u{df}e, \u{2014} \u{65e5}\u{672c}\tx\ny" }]].a, "Grüße, — 日本\tx\ny")
  t.contains(text_errors [[return { a = "a\0b" }]], "control character")
end)

-- ---- lines ----

local function line_of(text, ...)
  local map = lines.map(text)
  local place = map.root
  for _, key in ipairs { ... } do place = lines.child(map, place, key) end
  return place and place.line
end

t.case("key paths have lines", function()
  local text = [==[
-- { not = this }
local shared = {
  lr = 1, --[[ a
  comment ]] momentum = 2,
}
local late = {}
late.first = 1
late.deep = { x = 1 }
late["deep"].y =
  2
return {
  name = "a}",
  optim = shared,
  ["odd key"] = [[
long
string]], after = 1,
  f = (function() if true then return { zzz = 1 } end end)(),
  g = f { 1, 2 },
  list = { 1,
    2, { x = 1,
      y = 2 } },
  [7] = 1; semi = 2;
  late = late,
  expr = 1 + (2 *
    3), tail = 4,
}]==]
  t.equal(line_of(text, "name"), 12)
  t.equal(line_of(text, "optim"), 13)
  t.equal(line_of(text, "optim", "lr"), 3)
  t.equal(line_of(text, "optim", "momentum"), 4)
  t.equal(line_of(text, "odd key"), 14)
  t.equal(line_of(text, "after"), 16)
  t.equal(line_of(text, "f"), 17)
  t.equal(line_of(text, "f", "zzz"), nil)
  t.equal(line_of(text, "g"), 18)
  t.equal(line_of(text, "list", 1), 19)
  t.equal(line_of(text, "list", 2), 20)
  t.equal(line_of(text, "list", 3, "y"), 21)
  t.equal(line_of(text, 7), 22)
  t.equal(line_of(text, "semi"), 22)
  t.equal(line_of(text, "late", "first"), 7)
  t.equal(line_of(text, "late", "deep", "x"), 8)
  t.equal(line_of(text, "late", "deep", "y"), 9)
  t.equal(line_of(text, "expr"), 24)
  t.equal(line_of(text, "tail"), 25)
end)

t.case("lines: `return name`, and text that is odd or broken does not stop it", function()
  t.equal(line_of("local r = {\n a = 1 }\nreturn r", "a"), 2)
  t.equal(line_of("local r <const> = {\n a = 1 }\nreturn r", "a"), 2)
  for _, text in ipairs { "", "return", "return {", "return { a = ", "return { [", "local", "local x =", "return { = }",
    "return { a = { }", "}}}", "end end", 'return { "', "return { a.b = 1 }", "x.", "x[1]" } do
    t.ok(lines.map(text), text)
  end
end)

t.case("literals", function()
  local function is(text, value)
    local ok, got = tokens.literal(text)
    t.equal({ ok, got }, { true, value }, text)
  end
  is("5", 5)
  is("-0.5", -0.5)
  is("1e-4", 1e-4)
  is("0x10", 16)
  is("true", true)
  is("false", false)
  is('"a b"', "a b")
  is("'\\65'", "A")
  is("[[x]]", "x")
  is("{ 1, 2; x = { true }, ['y z'] = -1, }", { 1, 2, x = { true }, ["y z"] = -1 })
  is("{}", {})
  for _, text in ipairs { "ten", "1 + 1", "{ 1, x }", "f()", "{", "}", "", "nil", "1 2", '"a', "{ 1 2 }", "- 'x'", "{ [x] = 1 }",
    "5;", "os.exit()" } do
    t.equal((tokens.literal(text)), false, text)
  end
end)

-- ---- files and bases ----

local function files(list)
  local root = t.folder()
  for name, text in pairs(list) do
    local folder = name:match("^(.*)/")
    if folder then os.execute(("mkdir -p '%s/%s'"):format(root, folder)) end
    t.write(root .. "/" .. name, text)
  end
  return root
end

local function load_file(path)
  local list = errors.new()
  local root, sources = load.file(path, list)
  return root and node.plain(root), sources, tostring(list:sort())
end

t.case("extends: keys merge, stages merge by name, lists replace", function()
  local root = files {
    ["a.lua"] = [[return { extends = "base/b.lua", seed = 2, model = { projector = { 7 } },
      stages = { { name = "two", epochs = 9 }, { name = "new", x = 1 } } }]],
    ["base/b.lua"] = [[return { extends = "c.lua", about = "b", model = { width = 16 } }]],
    ["base/c.lua"] = [[return { seed = 1, about = "c", model = { width = 64, projector = { 1, 2, 3 } },
      stages = { { name = "one" }, { name = "two", epochs = 1, optim = { lr = 1, kind = "sgd" } } } }]],
  }
  local value, sources, problems = load_file(root .. "/a.lua")
  t.equal(problems, "")
  t.equal(value, {
    seed = 2, about = "b", model = { width = 16, projector = { 7 } },
    stages = { { name = "one" }, { name = "two", epochs = 9, optim = { lr = 1, kind = "sgd" } }, { name = "new", x = 1 } },
  })
  local names = {}
  for i, source in ipairs(sources) do names[i] = source.relative end
  t.equal(names, { "base/c.lua", "base/b.lua", "recipe.lua" })
end)

t.case("extends: another kind replaces, the same kind merges", function()
  local root = files {
    ["a.lua"] = [[return { extends = "b.lua", x = { kind = "lars", lr = 1 }, y = { kind = "sgd", lr = 1 } }]],
    ["b.lua"] = [[return { x = { kind = "sgd", momentum = 2 }, y = { kind = "sgd", momentum = 2 } }]],
  }
  t.equal(load_file(root .. "/a.lua"), { x = { kind = "lars", lr = 1 }, y = { kind = "sgd", lr = 1, momentum = 2 } })
end)

t.case("extends: a stage that turns to another task keeps what the two share", function()
  local root = files {
    ["a.lua"] = [[return { extends = "b.lua", stages = { { name = "p", task = "byol", batch = 8 }, { name = "q", l2 = 1 } } }]],
    ["b.lua"] = [[return { stages = { { name = "p", task = "simclr", data = "s:train", epochs = 3, batch = 4, temperature = 0.5 },
      { name = "q", task = "linear_probe" } } }]],
  }
  t.equal(load_file(root .. "/a.lua").stages, { { name = "p", task = "byol", data = "s:train", epochs = 3, batch = 8 },
    { name = "q", task = "linear_probe", l2 = 1 } })
end)

t.case("extends: another backbone is another model", function()
  local root = files {
    ["a.lua"] = [[return { extends = "b.lua", model = { backbone = "conv4", width = 8 } }]],
    ["b.lua"] = [[return { model = { backbone = "resnet18", stem = "cifar", width = 4 } }]],
    ["same.lua"] = [[return { extends = "b.lua", model = { width = 8 } }]],
  }
  t.equal(load_file(root .. "/a.lua").model, { backbone = "conv4", width = 8 })
  t.equal(load_file(root .. "/same.lua").model, { backbone = "resnet18", stem = "cifar", width = 8 })
end)

t.case("extends: a base is held to the rules of a recipe, in files and lines of its own", function()
  local root = files { ["a.lua"] = 'return {\n extends = "b/c.lua" }' }
  local function base(text)
    os.execute(("mkdir -p '%s/b'"):format(root))
    t.write(root .. "/b/c.lua", text)
    return (select(3, load_file(root .. "/a.lua")))
  end
  t.contains(base "return {\n x = os.getenv 'HOME' }", root .. "/b/c.lua:2: 'os' is not defined")
  t.contains(base "\nwhile true do end", root .. "/b/c.lua:2: gave up after")
  t.contains(base(string.dump(function() end)), "b/c.lua: is compiled Lua")
  t.contains(base(("-"):rep(256 * 1024 + 1)), "/a.lua:2: 'extends': " .. root .. "/b/c.lua: has 262145 bytes")
  t.contains(base "return {\n x = function() end }", "b/c.lua:2: 'x' is a function")
  t.contains(base "return 5", "b/c.lua: a recipe returns one table")
end)

t.case("the files of a recipe: written into one folder they are the recipe again", function()
  local root = files {
    ["a.lua"] = [[return { extends = "base/b.lua", seed = 2 }]],
    ["base/b.lua"] = [[return { extends = "c.lua", about = "b" }]],
    ["base/c.lua"] = [[return { seed = 1, name = "c" }]],
  }
  local list = recipe.files(root .. "/a.lua")
  local copy, seen = t.folder(), {}
  for i, file in ipairs(list) do
    seen[i] = { file.path, file.relative }
    t.equal(file.text, t.read(file.path))
    t.equal(file.sha256, sys.sha256(file.text))
    sys.mkdir_p(copy .. "/" .. (file.relative:match("^(.*)/") or "."))
    t.write(copy .. "/" .. file.relative, file.text)
  end
  t.equal(seen, { { root .. "/base/c.lua", "base/c.lua" }, { root .. "/base/b.lua", "base/b.lua" }, { root .. "/a.lua", "recipe.lua" } })
  t.equal(load_file(copy .. "/recipe.lua"), load_file(root .. "/a.lua"))
  local none, mistakes = recipe.files(root .. "/no.lua")
  t.equal(none, nil)
  t.contains(tostring(mistakes), "no.lua: no such file")
end)

t.case("extends: mistakes", function()
  local root = files {
    ["cycle.lua"] = 'return {\n extends = "cycle2.lua" }',
    ["cycle2.lua"] = 'return { extends = "cycle.lua" }',
    ["self.lua"] = 'return { extends = "self.lua" }',
    ["up.lua"] = 'return { extends = "../x.lua" }',
    ["url.lua"] = 'return { extends = "https://x.org/x.lua" }',
    ["abs.lua"] = 'return { extends = "/etc/x.lua" }',
    ["none.lua"] = 'return {\n\n extends = "nothing.lua" }',
    ["number.lua"] = "return { extends = 5 }",
    ["taken.lua"] = 'return { extends = "recipe.lua" }',
    ["recipe.lua"] = "return {}",
    ["broken.lua"] = 'return { extends = "bad.lua" }',
    ["bad.lua"] = "return {\n = }",
    ["link.lua"] = 'return { extends = "out.lua" }',
    ["chain0.lua"] = "return {}",
    ["near.lua"] = 'return { extends = "chain01.lua" }',
    ["below.lua"] = 'return { extends = "inner.lua" }',
    ["ending.lua"] = 'return { extends = "chain0" }',
    ["key.lua"] = 'return {\n extnds = "chain0.lua" }',
    ["deep.lua"] = 'return { extends = "sub/inner.lua" }',
    ["sub/inner.lua"] = 'return { extends = "../chain0.lua" }',
    ["table.lua"] = "return { extends = {} }",
    ["dot.lua"] = 'return { extends = "./chain0.lua" }',
    ["slashes.lua"] = 'return { extends = "x//chain0.lua" }',
    ["newline.lua"] = 'return { extends = "x\\ny.lua" }',
  }
  for i = 1, 12 do t.write(("%s/chain%d.lua"):format(root, i), ('return { extends = "chain%d.lua" }'):format(i - 1)) end
  os.execute(("ln -s /etc/hostname '%s/out.lua'"):format(root))
  local function problems(name) return (select(3, load_file(root .. "/" .. name))) end
  t.equal(problems "cycle.lua", ("%s/cycle2.lua:1: 'extends': goes round in a circle: %s/cycle.lua -> %s/cycle2.lua -> %s/cycle.lua")
    :format(root, root, root, root))
  t.contains(problems "self.lua", "goes round in a circle: " .. root .. "/self.lua -> " .. root .. "/self.lua")
  t.contains(problems "up.lua", "up.lua:1: 'extends': '../x.lua' leaves its folder through '..'; a base lies beside the file")
  t.contains(problems "url.lua", "is a URL")
  t.contains(problems "abs.lua", "is absolute")
  t.contains(problems "none.lua", "none.lua:3: 'extends': no such file '" .. root .. "/nothing.lua'")
  t.contains(problems "number.lua", "must be a file name, got 5")
  t.contains(problems "near.lua", "/chain01.lua' (did you mean 'chain0.lua'?)")
  t.contains(problems "below.lua", "/inner.lua' (did you mean 'sub/inner.lua'?)")
  t.contains(problems "ending.lua", "'chain0' does not end in .lua (did you mean 'chain0.lua'?)")
  t.contains(problems "key.lua", "key.lua:2: unknown key 'extnds' (did you mean 'extends'?)")
  t.contains(problems "deep.lua", "sub/inner.lua:1: 'extends': '../chain0.lua' leaves its folder")
  t.contains(problems "table.lua", "must be a file name, got a table")
  t.contains(problems "taken.lua", "that name is taken")
  t.contains(problems "broken.lua", "bad.lua:2: unexpected symbol near '='")
  t.contains(problems "dot.lua", "has an empty part or a part '.'")
  t.contains(problems "slashes.lua", "has an empty part or a part '.'")
  t.contains(problems "newline.lua", "has a control character")
  t.contains(problems "link.lua", "is a link out of the recipe's folder")
  t.contains(problems "chain12.lua", "more than 8 bases in a row")
  t.equal(problems "chain8.lua", "")
  t.contains(problems "nowhere.lua", "nowhere.lua: no such file")
  t.contains(select(3, load_file(root)), "is not a file")
end)

t.finish()
