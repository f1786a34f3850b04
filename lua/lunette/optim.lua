-- optim.lua: optimizers. An optimizer owns its buffers and updates parameters in place, all of them in one op.
--   local opt = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1, momentum = 0.9, weight_decay = 5e-4}
--   loss:backward(); opt:step(); opt:zero_grad()
local lunette = require "lunette"
local options_of = require "lunette.options"

local Optimizer = {}
Optimizer.__index = Optimizer

-- kinds: op name, names of the buffers beside each parameter, defaults of the remaining options.
local kinds = {
  sgd = {op = "sgd_step", buffers = {"momentum"}, lr = true,
         defaults = {momentum = 0.9, weight_decay = 0, nesterov = false}},
  lars = {op = "lars_step", buffers = {"momentum"}, lr = true,
          defaults = {momentum = 0.9, weight_decay = 0, eta = 0.02, clip = true, exclude_1d = true, nesterov = false}},
  adamw = {op = "adamw_step", buffers = {"first", "second"}, lr = true,
           defaults = {beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01}},
}

local function new(kind, given)
  local spec = kinds[kind]
  local allowed = {params = true, lr = true}
  for k in pairs(spec.defaults) do allowed[k] = true end
  options_of.check("optim." .. kind, given, allowed)
  if type(given.params) ~= "table" or #given.params == 0 then
    error("optim." .. kind .. ": params must be a list of parameters, e.g. net:named_parameters()", 3)
  end
  if math.type(given.lr) == nil then error("optim." .. kind .. ": lr must be a number", 3) end
  local self = setmetatable({kind = kind, op = lunette.ops[spec.op], lr = given.lr, settings = {}, steps = 0,
                             names = {}, params = {}, buffers = {}}, Optimizer)
  for k, default in pairs(spec.defaults) do
    self.settings[k] = given[k] == nil and default or given[k]
  end
  for i, p in ipairs(given.params) do
    self.names[i] = type(p) == "table" and p.name or ("param" .. i)
    self.params[i] = type(p) == "table" and p.tensor or p
  end
  for _, b in ipairs(spec.buffers) do
    local list = {}
    for i, p in ipairs(self.params) do list[i] = lunette.keep(lunette.zeros(p:shape())) end
    self.buffers[b] = list
  end
  return self
end

-- Update every parameter that has a gradient. lr: this step's learning rate, by default self.lr.
function Optimizer:step(lr)
  self.steps = self.steps + 1
  local params, grads, buffers = {}, {}, {}
  for k = 1, #kinds[self.kind].buffers do buffers[k] = {} end
  for i, p in ipairs(self.params) do
    local g = p.grad
    if g then
      local n = #params + 1
      params[n], grads[n] = p, g
      for k, b in ipairs(kinds[self.kind].buffers) do buffers[k][n] = self.buffers[b][i] end
    end
  end
  if #params == 0 then error("optim." .. self.kind .. ": no parameter has a gradient; call loss:backward() first", 2) end
  local options = {lr = lr or self.lr}
  for k, v in pairs(self.settings) do options[k] = v end
  if self.kind == "adamw" then
    options.step = self.steps
    self.op(params, grads, buffers[1], buffers[2], options)
  else
    self.op(params, grads, buffers[1], options)
  end
  for _, g in ipairs(grads) do g:free() end
end

function Optimizer:zero_grad()
  for _, p in ipairs(self.params) do p.grad = nil end
end

-- Buffers by "PARAMETER.BUFFER", to be saved with a checkpoint; with `steps` they are the whole state.
function Optimizer:state()
  local state = {}
  for b, list in pairs(self.buffers) do
    for i, t in ipairs(list) do state[self.names[i] .. "." .. b] = t end
  end
  return state
end

function Optimizer:load_state(state, steps)
  for b, list in pairs(self.buffers) do
    for i, t in ipairs(list) do
      local name = self.names[i] .. "." .. b
      if not state[name] then error("optimizer state: " .. name .. " is missing", 2) end
      lunette.ops.assign(t, state[name])
    end
  end
  self.steps = steps
end

local optim = {kinds = kinds}
for kind in pairs(kinds) do
  optim[kind] = function(given) return new(kind, given) end
end
return optim
