-- io_formats.lua: npy and safetensors: round trips, files by other programs' rules, and files that lie.
local lunette = require "lunette"
local t = require "tap"

local dir = t.folder()
local function path(name) return dir .. "/" .. name end
local dtypes = { "f32", "f64", "f16", "bf16", "i64", "u8", "bool" }

local function sample(dtype, ...)
  if dtype == "bool" then return lunette.ops.lt(lunette.randn(...), lunette.zeros(...)) end
  return (lunette.randn(...) * 50 + 100):to(dtype)
end

local function same(a, b)
  t.equal(a:shape(), b:shape())
  t.equal(a:dtype(), b:dtype())
  t.equal(a:to("f64"):totable(), b:to("f64"):totable())
end

-- ---- npy ----

for _, dtype in ipairs(dtypes) do
  if dtype ~= "bf16" then
    t.case("npy round trip " .. dtype, function()
      for _, shape in ipairs { { 3, 4 }, { 5 }, { 2, 3, 4, 5 }, { 0, 3 } } do
        local x = sample(dtype, table.unpack(shape))
        lunette.npy.save(path "a.npy", x)
        same(lunette.npy.load(path "a.npy"), x)
      end
    end)
  end
end

t.case("npy: a scalar, a view, 64-byte alignment", function()
  lunette.npy.save(path "a.npy", lunette.tensor(2.5))
  t.equal(lunette.npy.load(path "a.npy"):item(), 2.5)
  local x = lunette.randn(3, 4)
  lunette.npy.save(path "a.npy", x:permute(2, 1))
  same(lunette.npy.load(path "a.npy"), x:permute(2, 1):contiguous())
  local text = t.read(path "a.npy")
  t.equal((10 + string.unpack("<I2", text, 9)) % 64, 0)
end)

local function npy(version, header, body)
  local length = version == 1 and string.pack("<I2", #header) or string.pack("<I4", #header)
  return "\x93NUMPY" .. string.char(version, 0) .. length .. header .. body
end

t.case("npy: version 2, Fortran order, big-endian", function()
  local body = string.pack("<fff fff", 1, 4, 2, 5, 3, 6)
  t.write(path "a.npy", npy(2, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", body))
  t.equal(lunette.npy.load(path "a.npy"):totable(), { { 1.0, 2.0, 3.0 }, { 4.0, 5.0, 6.0 } })
  t.write(path "a.npy", npy(1, "{'descr': '>i8', 'fortran_order': False, 'shape': (2,), }", string.pack(">i8i8", -2, 300)))
  t.equal(lunette.npy.load(path "a.npy"):totable(), { -2, 300 })
end)

t.case("npy: files that lie", function()
  local good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"
  local function refused(bytes, expected)
    t.write(path "bad.npy", bytes)
    t.raises(function() lunette.npy.load(path "bad.npy") end, expected)
  end
  refused("", "offset 0: expected the magic")
  refused("PK\3\4 and so on", "offset 0: expected the magic")
  refused(npy(1, good, ("x"):rep(15)), "expected 16 bytes of elements, got 15")
  refused(npy(1, good, ("x"):rep(17)), "expected 16 bytes of elements, got 17")
  refused(npy(7, good, ("x"):rep(16)), "offset 6: expected format version 1, 2 or 3, got 7")
  refused("\x93NUMPY\1\0\xff\xff{}", "the header claims 65535 bytes")
  refused(npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 2), }", ""), "dtype '|O' is not read")
  refused(npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }", ""), "overflows")
  refused(npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", ""), "expected a whole number")
  refused(npy(1, "{'descr': '<f4', 'shape': (2, 2), }", ("x"):rep(16)), "expected the keys descr, fortran_order and shape")
  refused(npy(1, good .. " ", ""), "expected 16 bytes of elements, got 0")
  t.raises(function() lunette.npy.save(path "a.npy", lunette.zeros(2, { dtype = "bf16" })) end, "NumPy has no bf16")
  t.raises(function() lunette.npy.load(path "absent.npy") end, "absent.npy: cannot open: No such file or directory")
  t.raises(function() lunette.npy.load(dir) end, "expected a regular file, got a directory")
end)

-- ---- safetensors ----

t.case("weights round trip in every dtype, with metadata", function()
  local all = {}
  for i, dtype in ipairs(dtypes) do all["layer" .. i .. "." .. dtype] = sample(dtype, i, 3) end
  all.empty, all.scalar = lunette.zeros(0, 4), lunette.tensor(7)
  lunette.weights.save(path "w.safetensors", all, { about = "a \"quoted\" text", epoch = "3" })
  local back, meta = lunette.weights.load(path "w.safetensors")
  for name, x in pairs(all) do same(back[name], x) end
  for name in pairs(back) do t.ok(all[name], name) end
  t.equal(meta, { about = "a \"quoted\" text", epoch = "3" })
end)

t.case("equal tensors give equal bytes, whatever the order of the table", function()
  local one, two = {}, {}
  for i = 1, 30 do one["name" .. i] = lunette.full({ i }, i) end
  for i = 30, 1, -1 do two["name" .. i] = lunette.full({ i }, i) end
  lunette.weights.save(path "1", one, { b = "2", a = "1" })
  lunette.weights.save(path "2", two, { a = "1", b = "2" })
  t.ok(t.read(path "1") == t.read(path "2"))
  local n = string.unpack("<I8", t.read(path "1"))
  t.equal(n % 8, 0)
end)

t.case("prefix and map choose and rename", function()
  lunette.weights.save(path "w", { ["backbone.a"] = lunette.ones(1), ["backbone.b"] = lunette.ones(2), ["head.a"] = lunette.ones(3) })
  local got = lunette.weights.load(path "w", { prefix = "backbone." })
  t.equal({ got.a:numel(), got.b:numel() }, { 1, 2 })
  got = lunette.weights.load(path "w", { prefix = "backbone.", map = { b = "c" } })
  t.equal({ got.a == nil, got.c:numel() }, { true, 2 })
  got = lunette.weights.load(path "w", { map = function(name) return name:match("^head%.(.*)") end })
  t.equal(got.a:numel(), 3)
  t.raises(function() lunette.weights.load(path "w", { prefix = "encoder." }) end, 'none of its 3 tensors is wanted (prefix "encoder.")')
  t.raises(function() lunette.weights.load(path "w", { map = function() return "x" end }) end, 'two tensors are to be named "x"')
  t.raises(function() lunette.weights.load(path "w", { prefx = "" }) end, "did you mean 'prefix'")
end)

t.case("weights: files that lie", function()
  local function refused(header, body, expected, length)
    t.write(path "bad", string.pack("<I8", length or #header) .. header .. body)
    t.raises(function() lunette.weights.load(path "bad") end, expected)
  end
  local eight = ("x"):rep(8)
  t.write(path "bad", "1234")
  t.raises(function() lunette.weights.load(path "bad") end, "expected 8 bytes with the length of the header, got 4")
  refused("{}", "", "the header claims 9 bytes", 9)
  refused("{}", "", "the header claims", math.mininteger)
  refused("{}", "x", "the tensors end at 0 of the buffer, which has 1 bytes")
  refused("[1", "", "not a JSON object")
  refused("[1]", "", "not a JSON object")
  refused('{"a":1}', "", "expected {dtype, shape, data_offsets}")
  refused('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', "xxxx", "truncated")
  refused('{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', eight, "takes 12 bytes, data_offsets [0, 8] hold 8")
  refused('{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}', eight, "two whole numbers in order")
  refused('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.5]}}', eight, "two whole numbers in order")
  refused('{"a":{"dtype":"I4","shape":[2],"data_offsets":[0,8]}}', eight, "dtype I4 is not read")
  refused('{"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}}', eight, "axis 1 has size -8")
  refused('{"a":{"dtype":"U8","shape":[4611686018427387904,8],"data_offsets":[0,8]}}', eight, "overflows")
  refused('{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]}}', eight, "9 axes; at most 8")
  refused('{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}', eight,
    'tensor "b" begins at 4 of the buffer; expected 8')
  refused('{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}', eight, "begins at 4 of the buffer; expected 0")
  refused('{"__metadata__":{"a":1},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}', eight, "maps strings to strings")
  t.raises(function() lunette.weights.save(path "w", { a = 1 }) end, "'a' must be a tensor")
  t.raises(function() lunette.weights.save(path "no/such/folder", { a = lunette.ones(1) }) end, "cannot create")
end)

t.case("weights: damaged headers never get past the reader", function()
  lunette.weights.save(path "seed", { a = lunette.ones(3, 4), b = lunette.ones(5, { dtype = "i64" }) }, { k = "v" })
  local seed, accepted, state = t.read(path "seed"), 0, 12345
  local function roll(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % n
  end
  local marks = { "0", "9", "-", "[", "]", "{", "}", ",", ":", '"', "e", "\\", "\0", "\xff" }
  for _ = 1, 1500 do
    local bytes = seed
    for _ = 0, roll(3) do
      local at = roll(#bytes - 40) + 1
      bytes = bytes:sub(1, at - 1) .. marks[roll(#marks) + 1] .. bytes:sub(at + roll(2))
    end
    t.write(path "bad", bytes)
    local ok, result = pcall(lunette.weights.load, path "bad")
    if ok then
      accepted = accepted + 1
      for _, x in pairs(result) do t.ok(lunette.is_tensor(x)) end
    else
      t.contains(tostring(result), path "bad")
    end
  end
  t.ok(accepted < 1500, "some are refused")
end)

t.case("a disk that is full loses nothing", function()
  -- No file may grow beyond 64 KiB: what a full disk does, at a place of our choosing.
  lunette.weights.save(path "keep", { a = lunette.ones(4) })
  local old = t.read(path "keep")
  t.write(path "grow.lua", ("lunette.weights.save(%q, {a = lunette.ones(100000)})"):format(path "keep"))
  local program = arg[-1]
  local pipe = io.popen(("trap '' XFSZ; ulimit -f 64; '%s' '%s' 2>&1; echo status $?"):format(program, path "grow.lua"))
  local said = pipe:read("a")
  pipe:close()
  t.contains(said, "cannot write: File too large")
  t.contains(said, "status 1")
  t.ok(t.read(path "keep") == old, "the old file is whole")
  for _, name in ipairs(require("lunette.sys").list(dir)) do t.ok(not name:find("^keep%.tmp"), name) end
end)

t.finish()
