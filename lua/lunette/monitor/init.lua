-- monitor: what goes wrong unseen while an encoder trains without labels. Given to lunette.train as `monitor`, it adds figures
-- to the row of every epoch and warns in plain words. It reads the training and changes nothing in it: weights and losses are
-- the same bits with and without.
local bank = require "lunette.monitor.bank"
local embeddings = require "lunette.monitor.embeddings"
local options_of = require "lunette.options"
local rules = require "lunette.monitor.rules"

local Monitor = {}
Monitor.__index = Monitor

local defaults = {images = 1000, every = 1, batch = 256, collapse = true, plateau = true, knn = true, probe = true, spectrum = true,
                  qscore = true, epsilon = 4}
local others = {dataset = true, norm = true, on_warning = true}

-- In the last batch of an epoch: figures of its embeddings z (rows, width) and of its views, numbers by name.
function Monitor:observe(method, z, views)
  local row = self.collapse and z and embeddings.figures(z) or {}
  if self.plateau then row.plateau, row.floor = method:plateau(views[1]:shape()[1]) end
  return row
end

local function warn(self, row, again)
  for _, warning in ipairs(rules.see(self.state, row)) do
    self.warnings[#self.warnings + 1] = warning
    self.on_warning(warning, again)
  end
end

-- At the end of epoch row.epoch of `epochs`: adds its figures to the row, and warns. The method is in evaluation mode meanwhile.
function Monitor:epoch(method, row, epochs)
  if self.dataset and self.images > 0 and (row.epoch % self.every == 0 or row.epoch == epochs) then
    method:eval()
    for name, value in pairs(bank.figures(method.encoder, self)) do row[name] = value end
    method:train()
  end
  warn(self, row)
end

-- The rows of the epochs before, of a training that goes on: on_warning gets `again` = true for what they warn of.
function Monitor:replay(rows)
  for _, row in ipairs(rows) do warn(self, row, true) end
end

local function integer(o, name, least)
  if math.type(o[name]) ~= "integer" or o[name] < least then
    error(("monitor: %s must be a whole number of at least %d, got %s"):format(name, least, tostring(o[name])), 3)
  end
end

-- monitor{dataset = {images, labels, classes}, images = 1000, every = 1, norm =, batch = 256, knn = true, probe = true,
-- spectrum = true, qscore = true, epsilon = 4, collapse = true, plateau = true, on_warning = f(warning, again)}
-- -> monitor, with monitor.warnings, the list so far: {kind = "collapse" | "rank" | "plateau" | "floor", epoch, message}.
-- The figures it adds to a row:
--   embedding_std, embedding_rank, embedding_width   collapse: of the embeddings of the epoch's last batch; healthy: near
--                                                    1/sqrt(embedding_width), near 0 where all images get the same one
--   plateau, floor                                   losses at which nothing is learned, of methods that have them: that of a
--                                                    uniform guess (ln K), that of one prototype for all images
--   rankme, alpha_req, qscore, qscore_empty, probe_top1, knn_top1     after every `every`-th epoch and the last one, of the
--                                                    encoder on the first `images` training images; labels, where there are
--                                                    any, serve the two accuracies alone. See monitor/bank.lua
-- Without dataset, or with images = 0, the last line is left out. on_warning: by default a line on stderr.
return function(given)
  given = given or {}
  local allowed = {}
  for name in pairs(defaults) do allowed[name] = true end
  for name in pairs(others) do allowed[name] = true end
  options_of.check("monitor", given, allowed)
  local self = setmetatable({warnings = {}, state = {}}, Monitor)
  for name, value in pairs(defaults) do self[name] = value end
  for name, value in pairs(given) do self[name] = value end
  integer(self, "images", 0)
  integer(self, "every", 1)
  integer(self, "batch", 1)
  self.on_warning = self.on_warning or function(w) io.stderr:write("lunette: warning: epoch ", w.epoch, ": ", w.message, "\n") end
  return self
end
