--- Batches of views, made ahead by background threads while the step computes.
---
---   local loader = lunette.data.loader{dataset = ds, batch = 256, augment = lunette.augment "symmetric", seed = 1}
---   for batch in loader:epoch(1) do  batch.views[1]  batch.views[2]  batch.labels  batch.ids  batch.index  end
---
--- Order and views are functions of (seed, epoch, position): the number of threads, stopping and going on at
--- loader:epoch(e, first batch) change nothing. A batch's tensors are freed when the next one is asked for, so that
--- memory stays flat; batch:keep() leaves them to the caller.

local augment = require "lunette.augment"
local io = require "lunette.io"
local lunette = require "lunette"
local options = require "lunette.options"

local loader = {}
loader.__index = loader

local allowed = {
  dataset = true, batch = true, augment = true, views = true, seed = true, shuffle = true, drop_last = true,
  threads = true, prefetch = true, size = true, dtype = true, device = true,
}

local function whole(o, key, default, low)
  local v = o[key]
  if v == nil then v = default end
  if math.type(v) ~= "integer" or v < low then
    error(("loader: %s must be a whole number of at least %d, got %s"):format(key, low, tostring(v)), 3)
  end
  return v
end

local function check_dataset(d)
  if type(d) ~= "table" or not lunette.is_tensor(d.images) then
    error("loader: dataset must be a data set as lunette.data.* returns it, with images (n,3,h,w)", 3)
  end
  local shape = d.images:shape()
  if #shape ~= 4 then error("loader: dataset.images must be (n,3,h,w)", 3) end
  return shape[1]
end

-- A data set's bytes on a device, for all loaders of the set. Where they do not fit, or would leave less than as much again for
-- training, they stay, and views travel instead.
local moved = setmetatable({}, { __mode = "k" })

local function try(f, ...)
  local ok, result = pcall(f, ...)
  if not ok and lunette.last_error() ~= "memory" then error(result, 0) end
  return ok and result
end

local function images_on(images, device)
  if images:device() == device then return images end
  local there = moved[images] or {}
  moved[images] = there
  if not there[device] then
    local t = try(images.to, images, device)
    local room = t and try(lunette.zeros, images:numel(), { dtype = images:dtype(), device = device })
    if room then room:free() end
    if t and not room then t:free() end
    if not room then return images end
    there[device] = lunette.keep(t)
  end
  return there[device]
end

-- A queue for a device: its ops return before they are done, so a batch is asked for when it is needed, and no thread waits.
local function device_queue()
  local jobs, queue = {}, {}
  function queue:submit(_, arguments) jobs[#jobs + 1] = arguments end -- luacheck: ignore 212
  function queue:take() return lunette.ops.augment(table.remove(jobs, 1)) end -- luacheck: ignore 212
  function queue:clear() jobs = {} end -- luacheck: ignore 212
  function queue:close() jobs = {} end -- luacheck: ignore 212
  return queue
end

-- The op's draws are addressed by epoch as 32 bits.
local function check_epoch(epoch, first, batches)
  if math.type(epoch) ~= "integer" or epoch < 0 or epoch > 0xffffffff then
    error("loader: epoch must be a whole number from 0, got " .. tostring(epoch), 3)
  end
  if math.type(first) ~= "integer" or first < 1 or first > batches + 1 then
    error(("loader: the first batch must lie in 1..%d, got %s"):format(batches + 1, tostring(first)), 3)
  end
end

local batch_methods = {}
batch_methods.__index = batch_methods

local function hold(batch)
  for _, t in ipairs(batch.views) do lunette.keep(t) end
  lunette.keep(batch.labels)
  lunette.keep(batch.ids)
end

--- The batch's tensors outlive the next batch and any scope; free them with t:free(), or leave them to the collector.
function batch_methods:keep()
  self.kept = true
  hold(self)
  return self
end

local function free_batch(batch)
  if not batch or batch.kept then return end
  for _, t in ipairs(batch.views) do t:free() end
  if batch.labels then batch.labels:free() end
  batch.ids:free()
end

function loader:order(epoch)
  local order
  if self.shuffle then
    order = lunette.ops.permutation(self.n, { seed = self.seed, stream = "shuffle", epoch = epoch })
  else
    order = lunette.arange(1, self.n, { dtype = "i64" })
  end
  return order:to(self.images:device())
end

-- Submits the views of one batch.
function loader:ask(order, epoch, index)
  local first = (index - 1) * self.batch + 1
  local ids = lunette.keep(order:narrow(1, first, math.min(first + self.batch - 1, self.n)):contiguous())
  for view = 1, self.views do
    local arguments = self.augment:arguments(view, { seed = self.seed, epoch = epoch, size = self.size, dtype = self.dtype })
    arguments.images, arguments.ids, arguments.norm = self.images, ids, self.norm
    self.queue:submit("augment", arguments)
  end
  return ids
end

-- t where the batches are wanted, or on its way there; t itself is free to go.
function loader:there(t)
  local moved_there = t:send(self.device)
  if moved_there ~= t then t:free() end
  return moved_there
end

-- What is small goes first: a device has it before the views are waited for. ids are read until the last view is made.
function loader:receive(ids, index)
  local labels = self.labels and lunette.ops.index_select(self.labels, 1, ids)
  local made = { views = {}, labels = labels and self:there(labels), ids = ids:send(self.device), index = index }
  for view = 1, self.views do
    made.views[view] = self:there(self.queue:take())
  end
  if made.ids ~= ids then ids:free() end
  return setmetatable(made, batch_methods)
end

-- Forgets what an unfinished epoch left behind.
function loader:stop()
  self.queue:clear()
  free_batch(self.current)
  free_batch(self.coming)
  for _, ids in ipairs(self.waiting or {}) do ids:free() end
  self.current, self.coming, self.waiting = nil, nil, nil
  self.run = (self.run or 0) + 1
end

-- The next batch of the epoch that runs. One that fails half-way ends the epoch: its views are not those of the next.
function loader:next_batch()
  while self.asked < self.batches and self.asked < self.given + 1 + self.prefetch do
    self.asked = self.asked + 1
    self.waiting[#self.waiting + 1] = self:ask(self.ordered, self.epoch_number, self.asked)
  end
  self.given = self.given + 1
  local ok, batch = pcall(self.receive, self, table.remove(self.waiting, 1), self.given)
  if not ok then
    self:stop()
    error(batch, 0)
  end
  return batch
end

--- epoch(e [, first batch = 1]) -> iterator over batches {views, labels, ids, index}. One epoch runs at a time: a new
--- call ends the one before.
function loader:epoch(epoch, first)
  first = first or 1
  if not self.queue then error("loader: it was closed", 2) end
  check_epoch(epoch, first, self.batches)
  self:stop()
  local run = self.run
  self.epoch_number, self.asked, self.given, self.waiting = epoch, first - 1, first - 1, {}
  self.ordered = lunette.keep(self:order(epoch))
  return function()
    if self.run ~= run or not self.queue then error("loader: this epoch ended when another began", 2) end
    free_batch(self.current)
    self.current, self.coming = self.coming, nil
    if not self.current and self.given < self.batches then self.current = self:next_batch() end
    if not self.current then self.ordered:free() end
    return self.current
  end
end

--- ahead(): sends the next batch, where it is made ready here and needed on a device, so that it travels while the device does
--- what it was given. To be called when a step's work has been given to the device; where there is nothing to send, nothing happens.
function loader:ahead()
  if self.coming or not self.current or self.given == self.batches or self.images:device() == self.device then return end
  self.coming = self:next_batch()
  hold(self.coming) -- beyond the step's scope
end

--- Ends the threads. A closed loader cannot be used again; the collector closes what was forgotten.
function loader:close()
  if not self.queue then return end
  self:stop()
  self.queue:close()
  self.queue = nil
end

loader.__close = loader.close

--- loader{dataset =, batch =, augment = lunette.augment{...}, views = 2, seed = 1, shuffle = true, drop_last = true,
---        threads = 1, prefetch = 2, size =, dtype =, device =}
--- Without augment the images themselves, as lunette.augment "none" shows them, in one view. size and dtype are the views'.
--- device: where the views are to be, by default where the images are. On a GPU the images are kept there as bytes and
--- augmented there; where they do not fit, the CPU makes the views.
--- Fields: batches per epoch, n, batch, device.
local function new(o)
  options.check("loader", o, allowed)
  local self = setmetatable({}, loader)
  self.n = check_dataset(o.dataset)
  self.batch = whole(o, "batch", nil, 1)
  if self.batch > self.n then
    error(("loader: a batch of %d is larger than the data set of %d images; lower batch or add data"):format(self.batch, self.n), 2)
  end
  local policy = o.augment or augment "none"
  self.augment = type(policy) == "table" and policy.arguments and policy or augment(policy)
  local made = o.augment and #self.augment.views or 1
  self.views = whole(o, "views", made, 1)
  -- One view of a pair is a view; two of a multi-crop are another method's.
  if made > 2 and self.views < made then
    error(("loader: augment makes %d views, of which views = %d drops %d; leave views out"):format(made, self.views, made - self.views), 2)
  end
  self.seed, self.size, self.dtype = whole(o, "seed", 1, math.mininteger), o.size, o.dtype
  self.shuffle, self.drop_last = o.shuffle ~= false, o.drop_last ~= false
  self.prefetch = whole(o, "prefetch", 2, 0)
  self.batches = self.drop_last and self.n // self.batch or (self.n + self.batch - 1) // self.batch
  self.device = o.device or o.dataset.images:device()
  self.images = lunette.keep(images_on(o.dataset.images, self.device):channels_last())
  local here = self.images:device()
  self.labels = o.dataset.labels and lunette.keep(o.dataset.labels:to(here))
  self.norm = self.augment.norm and lunette.keep(self.augment.norm:to(here))
  local threads = whole(o, "threads", 1, 1)
  self.queue = here == "cpu" and io.prefetch(threads) or device_queue()
  return self
end

return new
