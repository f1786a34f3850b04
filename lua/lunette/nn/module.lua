-- nn/module.lua: what every layer and network is: named parameters, buffers (state without gradient) and children.
--
--   local Layer = module.class("Layer")
--   function Layer:build(in_features) self:parameter("weight", {in_features}, initial.constant(1)) end
--   function Layer:forward(x) return x * self.weight end
--   local layer = Layer(3)          -- build is called; layer(x) runs forward in a scope, so temporaries are freed
--
-- Parameters are made as zeros; initialize(seed) draws them. A draw depends on the seed and on the parameter's full name
-- alone, so two networks that share a part start equal there.
local lunette = require "lunette"

local Module = {}
Module.__index = Module

-- A new kind of module: a table to define build and forward in, callable to make instances.
local function class(name, base)
  local methods = setmetatable({kind = name}, {__index = base or Module})
  local instances = {__index = methods, __name = "lunette.nn." .. name}
  function instances.__call(self, ...) return lunette.scope(self.forward, self, ...) end
  function instances.__tostring(self) return self:describe() end
  return setmetatable({}, {
    __index = methods, __newindex = methods,
    __call = function(_, ...)
      local self = setmetatable({training = true, entries = {}, by_name = {}}, instances)
      self:build(...)
      return self
    end,
  })
end

local function enter(self, name, entry)
  assert(not self.by_name[name], "module already has an entry named " .. name)
  entry.name = name
  self.entries[#self.entries + 1] = entry
  self.by_name[name] = entry
  rawset(self, name, entry.value)
  return entry.value
end

-- A trained tensor of the given shape. init(shape, seed, stream) -> tensor gives its first value.
function Module:parameter(name, shape, init)
  local t = lunette.keep(lunette.zeros(shape))
  t.requires_grad = true
  return enter(self, name, {role = "parameter", value = t, init = init, shape = shape})
end

-- A tensor that belongs to the state and has no gradient (running statistics, queues). value: a number to fill it with, 0
-- by default; dtype: "f32" by default; stays: it is for the program to read and remains on the CPU wherever the module goes.
function Module:buffer(name, shape, value, dtype, stays)
  local t = lunette.keep(lunette.full(shape, value or 0, {dtype = dtype}))
  return enter(self, name, {role = "buffer", value = t, fill = value or 0, stays = stays or false})
end

function Module:child(name, child) return enter(self, name, {role = "child", value = child}) end

-- Calls f(full_name, entry) for this module's parameters and buffers and those of its children, in order of definition.
function Module:walk(f, prefix)
  prefix = prefix or ""
  for _, e in ipairs(self.entries) do
    if e.role == "child" then e.value:walk(f, prefix .. e.name .. ".") else f(prefix .. e.name, e) end
  end
end

-- Calls f(full_name, module) for this module and every one below it.
function Module:each_module(f, prefix)
  f(prefix or "", self)
  for _, e in ipairs(self.entries) do
    if e.role == "child" then e.value:each_module(f, (prefix and prefix ~= "" and prefix .. "." or "") .. e.name) end
  end
end

-- Draw every parameter and reset every buffer. Streams are "init/NAME", NAME with the given prefix.
function Module:initialize(seed, prefix)
  self:walk(function(name, e)
    if e.role == "buffer" then
      if e.fill then lunette.ops.fill(e.value, e.fill) end
    elseif e.init then
      local value <close> = e.init(e.shape, seed or 0, "init/" .. name)
      e.value:copy(value)
    end
  end, prefix)
  return self
end

-- Parameters as a list, in order of definition. list[i].name is not kept: use named_parameters for names.
function Module:parameters()
  local list = {}
  self:walk(function(_, e) if e.role == "parameter" then list[#list + 1] = e.value end end)
  return list
end

-- {{name =, tensor =}, ...}
function Module:named_parameters()
  local list = {}
  self:walk(function(name, e) if e.role == "parameter" then list[#list + 1] = {name = name, tensor = e.value} end end)
  return list
end

-- All parameters and buffers by full name; the tensors themselves, not copies.
function Module:state()
  local state = {}
  self:walk(function(name, e) state[name] = e.value end)
  return state
end

-- Copy values from a table of tensors. Every entry must be there with its shape, and nothing may be left over, unless
-- options.partial; then the names that were missing and left over are returned. options.prefix is put before each name.
function Module:load_state(state, options)
  options = options or {}
  local prefix, used, missing = options.prefix or "", {}, {}
  self:walk(function(name, e)
    local from = state[prefix .. name]
    if not from then
      missing[#missing + 1] = prefix .. name
      return
    end
    used[prefix .. name] = true
    local a, b = table.concat(e.value:shape(), ","), table.concat(from:shape(), ",")
    if a ~= b then error(("load_state: %s has shape (%s), the network needs (%s)"):format(prefix .. name, b, a), 0) end
    e.value:copy(from)
  end)
  local extra = {}
  for name in pairs(state) do
    if not used[name] and name:sub(1, #prefix) == prefix then extra[#extra + 1] = name end
  end
  table.sort(extra)
  if not options.partial and (#missing > 0 or #extra > 0) then
    error(("load_state: %d missing (%s), %d left over (%s); pass {partial = true} to accept that"):format(
      #missing, table.concat(missing, " ", 1, math.min(4, #missing)), #extra, table.concat(extra, " ", 1, math.min(4, #extra))), 0)
  end
  return missing, extra
end

function Module:train(on)
  if on == nil then on = true end
  self:each_module(function(_, m) m.training = on end)
  return self
end

function Module:eval() return self:train(false) end

-- Moves every parameter and buffer to a device. The tensors remain the same ones for whoever holds them (optimizers, copies
-- that follow); gradients are dropped, and an optimizer made before keeps its own buffers where they were.
function Module:to(device)
  self:walk(function(_, e) if not e.stays then e.value:move(device) end end)
  return self
end

-- Where its tensors are; "cpu" for a module without any.
function Module:device()
  local found
  self:walk(function(_, e) if not e.stays then found = found or e.value:device() end end)
  return found or "cpu"
end

-- Number of trained numbers.
function Module:count()
  local n = 0
  self:walk(function(_, e) if e.role == "parameter" then n = n + e.value:numel() end end)
  return n
end

local function copied(value, seen)
  if lunette.is_tensor(value) then
    if not seen[value] then
      seen[value] = lunette.keep(value:detach():clone())
      seen[value].requires_grad = value.requires_grad
    end
  elseif type(value) == "table" and not seen[value] then
    local result = setmetatable({}, getmetatable(value))
    seen[value] = result
    for k, v in next, value do rawset(result, k, copied(v, seen)) end
  end
  return seen[value] or value
end

-- The same module with tensors of its own, equal to this one's.
function Module:copy() return copied(self, {}) end

-- Turns every parameter into a buffer: it stays in the state and is trained no longer.
function Module:freeze()
  self:walk(function(_, e)
    if e.role == "parameter" then
      e.role, e.init = "buffer", nil
      e.value.requires_grad = false
    end
  end)
  return self
end

function Module:describe(indent)
  indent = indent or ""
  local lines = {self.kind .. (self.note and " " .. self:note() or "")}
  for _, e in ipairs(self.entries) do
    if e.role == "child" then lines[#lines + 1] = indent .. "  " .. e.name .. ": " .. e.value:describe(indent .. "  ") end
  end
  return table.concat(lines, "\n")
end

return {class = class, Module = Module}
