-- ssl/method.lua: what all methods share; see ssl/init.lua for the contract.
local lunette = require "lunette"
local nn = require "lunette.nn"
local settings = require "lunette.ssl.settings"

local Method = nn.module.class("Method")

-- Set by the training loop before every step: epoch from 1, step from 0.
Method.epoch, Method.step = 1, 0

-- Values that change from step to step: {name = f(step)}; the loop sets self[name] before every step.
function Method:schedules(_steps, _steps_per_epoch) return {} end -- luacheck: ignore 212

-- Between backward and the optimizer's step: here gradients can be dropped.
function Method:before_update() end

-- Losses at which nothing is learned, where there are any: that of a uniform guess over a batch of n images, and that of one
-- prototype for all images.
function Method:plateau(_n) return nil, nil end -- luacheck: ignore 212

-- After the optimizer's step: teachers, queues, centers, normalised prototypes.
function Method:after_step() end

-- Keeps a tensor of this step beyond the step's scope, until the next one takes its place.
function Method:hold(name, tensor)
  self.held = self.held or {}
  if self.held[name] then self.held[name]:free() end
  self.held[name] = lunette.keep(tensor)
end

-- What was held, once: an update happens once per loss.
function Method:take(name)
  local tensor = self.held and self.held[name]
  if tensor then self.held[name] = nil end
  return tensor
end

-- Tensors of a list, from first to last, as the rows of one; halves are joined, so that each row is copied few times.
local function stacked(list, first, last)
  first, last = first or 1, last or #list
  if first == last then return list[first] end
  local middle = (first + last) // 2
  return lunette.ops.cat(stacked(list, first, middle), stacked(list, middle + 1, last), 1)
end

-- The number of images of a batch. `most`: how many views there may be, 2 by default.
function Method:batch_of(views, most)
  local who = "ssl." .. self.name
  if type(views) ~= "table" or #views < 2 or #views > (most or 2) then
    local got = type(views) == "table" and #views or type(views)
    error(("%s: the loss needs %s views, got %s"):format(who, most and "2 or more" or "2", got), 3)
  end
  local n = views[1]:shape()[1]
  for v = 2, #views do
    local other = views[v]:shape()[1]
    if other ~= n then
      error(("%s: view 1 has %d images, view %d has %d; row i of every view must be image i"):format(who, n, v, other), 3)
    end
  end
  if n < 2 then error(("%s: a batch needs at least 2 images, got %d: %s"):format(who, n, self.needs_others), 3) end
  return n
end

Method.needs_others = "batch statistics of one image are empty"

-- f(x) -> a, b, ... (rows) over all views: those of one size go through f as one batch, so that batch norm sees them
-- together. Returns the rows in the order of the views.
function Method:by_size(views, f)
  local groups, last = {}, nil
  for _, view in ipairs(views) do
    local size = table.concat(view:shape(), "x")
    if size ~= last then groups[#groups + 1] = {} end
    last = size
    local group = groups[#groups]
    group[#group + 1] = view
  end
  local rows
  for _, group in ipairs(groups) do
    local found = table.pack(f(stacked(group)))
    for i = 1, rows and rows.n or 0 do rows[i] = stacked{rows[i], found[i]} end
    rows = rows or found
  end
  return table.unpack(rows, 1, rows.n)
end

local common = {encoder = true, seed = true}

-- define(name, class, doc, settings[, traits]) -> the method's row. `settings` are its own (see ssl/settings.lua); the
-- constructor takes them and encoder = a model, seed = 0 of the heads, and gives class:build(options) all of them.
-- traits: multicrop = true where views after the second may have another size.
local function define(name, class, doc, own, traits)
  class.name = name
  local row = {name = name, doc = doc, settings = own, multicrop = traits and traits.multicrop or false}
  function row.new(given)
    local options = settings.resolve("ssl." .. name, given, own, common)
    if type(options.encoder) ~= "table" or not options.encoder.features_out then
      error(("ssl.%s: encoder must be a model, e.g. lunette.models.resnet18{}"):format(name), 2)
    end
    options.seed = options.seed or 0
    return class(options):to(options.encoder:device())
  end
  return row
end

return {Method = Method, stacked = stacked, class = function(name) return nn.module.class(name, Method) end, define = define}
