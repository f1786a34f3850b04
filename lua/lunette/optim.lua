-- optim.lua: optimizers. An optimizer owns its buffers and updates parameters in place, many of them in one op.
--   local opt = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1, momentum = 0.9, weight_decay = 5e-4}
--   loss:backward(); opt:step(); opt:zero_grad()
--
-- Parameters with options of their own:
--   params = {{params = encoder:named_parameters(), lr_scale = 0.1}, {params = head:named_parameters(), weight_decay = 0}}
--   groups = {{match = {"*.bias", "predictor.*"}, lr = 0.05}, {max_ndim = 1, weight_decay = 0}}
-- `groups` is a list of rules, and the first that fits a parameter holds: match, its name, * standing for any text;
-- max_ndim, its axes at most. lr_scale multiplies the step's rate, lr is a rate of its own that no schedule changes.
-- decay_1d = false: no weight decay for parameters of one axis, biases and norms, unless their group says otherwise.
--
-- clip_norm: gradients longer than this, all together, are scaled down to it before the step; clip_each: every tensor
-- by itself. opt.grad_norm is then the length before scaling.
local lunette = require "lunette"
local options_of = require "lunette.options"
local groups = require "lunette.optim.groups"

local Optimizer = {}
Optimizer.__index = Optimizer

-- kinds: op name, names of the buffers beside each parameter, defaults of the op's remaining options.
local kinds = {
  sgd = {op = "sgd_step", buffers = {"momentum"}, defaults = {momentum = 0.9, weight_decay = 0, nesterov = false}},
  lars = {op = "lars_step", buffers = {"momentum"},
          defaults = {momentum = 0.9, weight_decay = 0, eta = 0.02, clip = true, exclude_1d = true, nesterov = false,
                      trust = "sum", decayed_only = false}},
  adamw = {op = "adamw_step", buffers = {"first", "second"},
           defaults = {beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0.01}},
}

-- What every kind takes beside the options of its op.
local shared = {params = true, lr = true, groups = true, decay_1d = true, clip_norm = true, clip_each = true}

-- Option -> what it must be, in words, and whether it is.
local function not_negative(v) return v >= 0 end
local function decay_rate(v) return v >= 0 and v < 1 end
local ranges = {
  lr = {"a number of 0 or more", not_negative}, weight_decay = {"a number of 0 or more", not_negative},
  eta = {"a number of 0 or more", not_negative}, eps = {"a number of 0 or more", not_negative},
  momentum = {"a number from 0 to below 1", decay_rate}, beta1 = {"a number from 0 to below 1", decay_rate},
  beta2 = {"a number from 0 to below 1", decay_rate}, clip_norm = {"a number above 0", function(v) return v > 0 end},
}

local function check_ranges(who, given)
  for key, range in pairs(ranges) do
    local v = given[key]
    if v and not (math.type(v) and range[2](v)) then
      error(("%s: %s must be %s, got %s"):format(who, key, range[1], tostring(v)), 4)
    end
  end
end

local function new(kind, given)
  local spec, who = kinds[kind], "optim." .. kind
  local allowed = {}
  for k in pairs(spec.defaults) do allowed[k] = true end
  for k in pairs(shared) do allowed[k] = true end
  options_of.check(who, given, allowed)
  if type(given.params) ~= "table" or #given.params == 0 then
    error(who .. ": params must be a list of parameters, e.g. net:named_parameters()", 3)
  end
  if not given.lr then error(who .. ": lr must be a number", 3) end
  check_ranges(who, given)
  local self = setmetatable({kind = kind, op = lunette.ops[spec.op], lr = given.lr, settings = {}, steps = 0, taken = {},
                             names = {}, params = {}, buffers = {}, clip_norm = given.clip_norm,
                             clip_each = given.clip_each or false}, Optimizer)
  for k, default in pairs(spec.defaults) do
    self.settings[k] = given[k] == nil and default or given[k]
  end
  local ok, list, found = pcall(groups.of, who, given, spec.defaults)
  if not ok then error(list, 3) end
  self.groups = found
  for i, p in ipairs(list) do self.names[i], self.params[i], self.taken[i] = p.name, p.tensor, 0 end
  for _, b in ipairs(spec.buffers) do
    local buffers = {}
    for i, p in ipairs(self.params) do buffers[i] = lunette.keep(lunette.zeros(p:shape(), {device = p:device()})) end
    self.buffers[b] = buffers
  end
  return self
end

-- A group's parameters that have a gradient (gradient_of, by position), in lists of the same number of steps taken: Adam's
-- correction depends on it, and a parameter without gradient (a frozen layer) takes no step.
local function batches(self, group, gradient_of)
  local names, by_steps, list = kinds[self.kind].buffers, {}, {}
  for _, i in ipairs(group.members) do
    local g = gradient_of[i]
    if g then
      self.taken[i] = self.taken[i] + 1
      local key = self.kind == "adamw" and self.taken[i] or 1
      local batch = by_steps[key]
      if not batch then
        batch = {steps = self.taken[i], params = {}, grads = {}, buffers = {}}
        for k in ipairs(names) do batch.buffers[k] = {} end
        by_steps[key], list[#list + 1] = batch, batch
      end
      local n = #batch.params + 1
      batch.params[n], batch.grads[n] = self.params[i], g
      for k, b in ipairs(names) do batch.buffers[k][n] = self.buffers[b][i] end
    end
  end
  return list
end

local function update(self, batch, options)
  if self.kind == "adamw" then
    options.step = batch.steps
    self.op(batch.params, batch.grads, batch.buffers[1], batch.buffers[2], options)
  else
    self.op(batch.params, batch.grads, batch.buffers[1], options)
  end
end

-- The gradients, dense, in a list and by their parameters' positions; one handle of each: freeing it is to free the memory.
local function gradients(self)
  local grads, gradient_of = {}, {}
  for i, p in ipairs(self.params) do
    local g = p.grad
    if g and not g:is_dense() then -- a view, such as the gradient of a sum
      g = g:contiguous()
      p.grad = g
    end
    grads[#grads + 1], gradient_of[i] = g, g
  end
  if #grads == 0 then error("optim." .. self.kind .. ": no parameter has a gradient; call loss:backward() first", 3) end
  return grads, gradient_of
end

local NO_CLIP = 1e300 -- no length is above it: the op then measures alone

local function clip(self, grads)
  local norm <close> = lunette.ops.clip_grad_norm(grads, self.clip_norm or NO_CLIP, {each = self.clip_each})
  local length = norm:item()
  if self.clip_norm then self.grad_norm, self.clipped = length, true end
  return length
end

-- The Euclidean length of all gradients together, as a number; with clip_norm they are clipped, and the step that follows does not
-- do it again.
function Optimizer:clip_gradients()
  return clip(self, (gradients(self)))
end

-- Update every parameter that has a gradient; gradients stay until zero_grad. lr: this step's learning rate, by default self.lr.
-- now: options of this step alone, e.g. {weight_decay = 0.1}; what a group sets for itself stays.
function Optimizer:step(lr, now)
  if now then options_of.check("optim." .. self.kind .. ": step", now, self.settings) end
  local grads, gradient_of = gradients(self)
  if self.clip_norm and not self.clipped then clip(self, grads) end
  self.clipped = false
  self.steps = self.steps + 1
  for _, group in ipairs(self.groups) do
    local options = {}
    for _, from in ipairs{self.settings, now or {}, group.options} do
      for k, v in pairs(from) do options[k] = v end
    end
    options.lr = (group.options.lr or lr or self.lr) * (options.lr_scale or 1)
    options.lr_scale = nil
    for _, batch in ipairs(batches(self, group, gradient_of)) do update(self, batch, options) end
  end
  for _, g in ipairs(grads) do g:free() end
end

function Optimizer:zero_grad()
  for _, p in ipairs(self.params) do p.grad = nil end
  self.clipped = false
end

-- Buffers by "PARAMETER.BUFFER" and the steps each parameter has taken, to be saved with a checkpoint; with `steps` they
-- are the whole state.
function Optimizer:state()
  local state = {steps_taken = lunette.tensor(self.taken, {dtype = "i64"})}
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
      t:copy(state[name])
    end
  end
  local taken = state.steps_taken and state.steps_taken:totable()
  if not taken or #taken ~= #self.params then
    error(("optimizer state: steps_taken must hold %d numbers"):format(#self.params), 2)
  end
  self.taken, self.steps = taken, steps
end

local optim = {kinds = kinds}
for kind in pairs(kinds) do
  optim[kind] = function(given) return new(kind, given) end
end
return optim
