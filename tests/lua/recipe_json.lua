local t = require "tap"
local json = require "lunette.json"

t.case("keys are sorted, whatever order they were set in", function()
  t.equal(json.encode { b = 1, a = 2, ["10"] = 3, A = 4 }, '{"10":3,"A":4,"a":2,"b":1}')
end)

t.case("arrays and objects", function()
  t.equal(json.encode { 1, { 2, 3 }, "x" }, '[1,[2,3],"x"]')
  t.equal(json.encode {}, "{}")
  t.equal(json.encode(json.array {}), "[]")
  t.equal(json.encode { a = json.array { 1 } }, '{"a":[1]}')
  t.raises(function() json.encode { 1, a = 2 } end, "mixture")
  t.raises(function() json.encode { [1] = 1, [3] = 3 } end, "mixture")
  t.raises(function() json.encode { [1.5] = 1 } end, "mixture")
end)

t.case("numbers are the shortest text that reads back the same", function()
  t.equal(json.encode { 0.1, 1 / 3, 1e-4, 5e-324, 1.7976931348623157e308, 2 ^ 53, 0.1 + 0.2 },
    "[0.1,0.3333333333333333,0.0001,4.94065645841247e-324,1.7976931348623157e+308,9007199254740992,0.30000000000000004]")
  for _, x in ipairs { math.pi, 2 / 3, 1e22, 123456789.123456789, -0.0 } do
    t.equal(json.decode("[" .. json.encode(x) .. "]")[1], x)
  end
  t.equal(json.encode { 1, 1.0, -3, -3.0, 0 }, "[1,1,-3,-3,0]")
  t.equal(json.encode(math.maxinteger), "9223372036854775807")
end)

t.case("what JSON has no number for is null", function()
  t.equal(json.encode { 0 / 0, math.huge, -math.huge, json.null }, "[null,null,null,null]")
end)

t.case("strings are escaped once, slashes are left alone, broken UTF-8 is replaced", function()
  t.equal(json.encode 'a/b\\/"\n\t\0\127é', [["a/b\\/\"\n\t\u0000\u007fé"]])
  t.equal(json.decode(json.encode { s = 'a/b\\/"\n\0é' }).s, 'a/b\\/"\n\0é')
  t.equal(json.encode "a\xffb\xc3", '"a\u{FFFD}b\u{FFFD}"')
end)

t.case("what cannot be written is refused", function()
  t.raises(function() json.encode(print) end, "a function cannot be written as JSON")
  local loop = {}
  loop.loop = loop
  t.raises(function() json.encode(loop) end, "contains itself")
end)

t.case("indented text holds the same value", function()
  local value = { a = { 1, 2 }, b = {}, c = json.array {} }
  t.equal(json.encode(value, { indent = 2 }), '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {},\n  "c": []\n}')
end)

t.case("decoding: whole numbers are integers, mistakes are messages", function()
  local value = json.decode '{"a":1,"b":1.5,"c":[2,null],"d":9007199254740992}'
  t.equal(math.type(value.a), "integer")
  t.equal(math.type(value.b), "float")
  t.equal(math.type(value.c[1]), "integer")
  t.equal(math.type(value.d), "float")
  t.equal(value.c[2], json.null)
  for _, bad in ipairs { "{", "[1,]", "nan", "[NaN]", "", "{} x", "[1e]" } do
    local result, message = json.decode(bad)
    t.equal(result, nil, bad)
    t.ok(type(message) == "string" and message ~= "", bad)
  end
end)

t.case("encoding what was decoded gives the same bytes", function()
  local text = '{"a":[1,2.5,{"b":"c"}],"n":null,"t":true}'
  t.equal(json.encode(json.decode(text)), text)
end)

t.finish()
