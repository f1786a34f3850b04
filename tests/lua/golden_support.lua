-- golden_support.lua: reads golden files and compares tensors with what they hold. See tests/golden/README.md.
local lunette = require "lunette"
local t = require "tap"

local golden = {}

function golden.load(name) return lunette.weights.load(t.root .. "/tests/golden/" .. name .. ".safetensors") end

-- The names of all files that match a pattern.
function golden.names(pattern)
  local sys, list = require "lunette.sys", {}
  for _, file in ipairs(sys.list(t.root .. "/tests/golden")) do
    local name = file:match("^(.*)%.safetensors$")
    if name and name:find(pattern) then list[#list + 1] = name end
  end
  table.sort(list)
  assert(#list > 0, "no golden file matches " .. pattern)
  return list
end

-- Largest difference of two tensors of equal element count, over the largest magnitude of `expected`.
function golden.difference(got, expected)
  local a, b = got:to("f64"):reshape(-1), expected:to("f64"):reshape(-1)
  t.equal(a:numel(), b:numel(), "number of elements")
  if b:numel() == 0 then return 0 end
  local scale = b:abs():max(1):item()
  return (a - b):abs():max(1):item() / (scale > 0 and scale or 1)
end

function golden.near(got, expected, tolerance, what)
  local d = golden.difference(got, expected)
  if not (d <= tolerance) then -- luacheck: ignore 581
    error({failed = ("%s: off by %.3g relative, at most %.3g expected"):format(what, d, tolerance)}, 0)
  end
end

-- Inputs by name in one dtype, asking for gradients where `wanted` names them.
function golden.inputs(file, dtype, names, wanted)
  local list = {}
  for i, name in ipairs(names) do
    local x = file[name]
    if x then
      if x:dtype() == "f32" or x:dtype() == "f64" then
        x = x:to(dtype):clone()
        x.requires_grad = wanted[name] or false
      end
      list[i] = x
    end
  end
  return list
end

-- One op against its file: run(inputs...) -> y; y against `output`, gradients d<NAME> against the file's. A case may give
-- the tolerances f32 and f64 (relative), and `absolute`, which is enough for y in f32: a small loss of large terms.
function golden.check(name, case)
  local file = golden.load(name)
  for _, dtype in ipairs{"f64", "f32"} do
    local tolerance = dtype == "f64" and (case.f64 or 1e-10) or (case.f32 or 1e-5)
    local wanted = {}
    for _, n in ipairs(case.inputs) do wanted[n] = file["d" .. n] ~= nil end
    local list = golden.inputs(file, dtype, case.inputs, wanted)
    local y = case.run(table.unpack(list, 1, #case.inputs))
    local expected = file[case.output or "y"]
    local off = (y:to("f64"):reshape(-1) - expected:reshape(-1)):abs():max(1):item()
    if not (dtype == "f32" and case.absolute and off <= case.absolute) then
      golden.near(y, expected, tolerance, name .. " " .. dtype .. " " .. (case.output or "y"))
    end
    if file.dy then y:backward(file.dy:to(dtype):reshape(y:shape())) else y:backward() end
    for i, n in ipairs(case.inputs) do
      if wanted[n] then golden.near(list[i].grad, file["d" .. n], tolerance, name .. " " .. dtype .. " d" .. n) end
    end
  end
end

return golden
