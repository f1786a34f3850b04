-- monitor_warnings.lua: trainings that collapse are warned of, the same trainings with what keeps them from it are not.
local lunette = require "lunette"
local t = require "tap"
local rules = require "lunette.monitor.rules"

local WEAK = lunette.augment{preset = "weak"}

-- Trains a tiny encoder; returns the kinds of the warnings as a text, the warnings and the rows.
local function train(name, settings, o)
  settings.encoder = lunette.models.resnet18{width = 4, seed = 1}
  settings.projector, settings.seed = settings.projector or {32, 16}, 1
  local method = lunette.ssl[name](settings)
  local set = lunette.data.shapes{n = o.n or 128, size = 16, seed = 1}
  local loader = lunette.data.loader{dataset = set, batch = o.batch or 32, views = 2, augment = WEAK, seed = 1}
  local given = {params = method:named_parameters(), lr = o.lr, weight_decay = 5e-4}
  local monitor = lunette.monitor{on_warning = function() end}
  local rows = {}
  lunette.train{method = method, loader = loader, optimizer = lunette.optim[o.optim or "sgd"](given), epochs = o.epochs,
                monitor = monitor, on_epoch = function(row) rows[#rows + 1] = row end}
  loader:close()
  local kinds = {}
  for i, warning in ipairs(monitor.warnings) do kinds[i] = warning.kind end
  return table.concat(kinds, " "), monitor.warnings, rows
end

local function describe(rows)
  local texts = {}
  for i, r in ipairs(rows) do
    texts[i] = ("%.3f (std %.3f of %.3f, rank %.1f)"):format(r.loss, r.embedding_std, 1 / math.sqrt(r.embedding_width), r.embedding_rank)
  end
  return table.concat(texts, ", ")
end

local cases = {
  {"byol", "without predictor", {predictor = 0}, {predictor = 32}, {lr = 0.1, epochs = 8}, "collapse"},
  {"simsiam", "without stop-gradient", {predictor = 32, stop_gradient = false}, {predictor = 32}, {lr = 0.3, epochs = 16}, "rank"},
  {"swav", "without Sinkhorn-Knopp", {prototypes = 16, sinkhorn = false}, {prototypes = 16},
    {optim = "adamw", lr = 3e-3, n = 240, batch = 48, epochs = 6}, "floor"},
}

for _, case in ipairs(cases) do
  local name, how, broken, healthy, options, expected = table.unpack(case)
  t.case(("%s %s is caught"):format(name, how), function()
    local kinds, warnings, rows = train(name, broken, options)
    t.contains(kinds, expected, describe(rows))
    t.contains(warnings[1].message, "usual causes: ")
    t.ok(warnings[1].epoch > 1, "epoch")
  end)
  t.case(("%s as it is is not warned of"):format(name), function()
    local kinds, _, rows = train(name, healthy, options)
    t.equal(kinds, "", describe(rows))
  end)
end

t.case("a loss that stays at a uniform guess is warned of: SimCLR that does not move", function()
  local kinds, warnings, rows = train("simclr", {temperature = 50}, {lr = 1e-30, epochs = 4})
  t.contains(kinds, "plateau", describe(rows))
  t.contains(warnings[1].message, "4.143, stays at 4.143, that of a uniform guess") -- ln 63
  t.equal(warnings[1].epoch, 4)
end)

-- The warnings of rows made by hand, as "kind epoch".
local function seen(rows)
  local state, said = {}, {}
  for i, row in ipairs(rows) do
    row.epoch, row.loss = i, row.loss or 1
    for _, w in ipairs(rules.see(state, row)) do said[#said + 1] = w.kind .. " " .. w.epoch end
  end
  return table.concat(said, ", ")
end

t.case("each rule: a single bad epoch is none, after the successive ones it takes it is said once", function()
  local function spread(share, rank) return {embedding_std = share / 4, embedding_width = 16, embedding_rank = rank or 8} end
  t.equal(seen{spread(0.09), spread(0.5), spread(0.09), spread(0.5)}, "")
  t.equal(seen{spread(0.5), spread(0.09), spread(0.09), spread(0.5), spread(0.01), spread(0.01)}, "collapse 3")
  t.equal(seen{spread(0.11), spread(0.11), spread(0.11)}, "")
  t.equal(seen{spread(0.5, 2.4), spread(0.5, 2.4)}, "rank 2")
  t.equal(seen{spread(0.5, 2.6), spread(0.5, 2.6)}, "")
  t.equal(seen{spread(0.01, 1), spread(0.01, 1), spread(0.01, 1)}, "collapse 2")
  local narrow = {embedding_std = 0.3, embedding_width = 4, embedding_rank = 2}
  t.equal(seen{narrow, narrow, narrow}, "")
  local function loss(value, floor) return {loss = value, plateau = 4, floor = floor} end
  t.equal(seen{loss(4), loss(4), loss(4)}, "")
  t.equal(seen{loss(4), loss(4.01), loss(3.99), loss(4)}, "plateau 4")
  t.equal(seen{loss(4), loss(4.01), loss(3.97), loss(4), loss(4.03)}, "")
  t.equal(seen{loss(1, 0), loss(0.03, 0), loss(0.03, 0)}, "floor 3")
  t.equal(seen{loss(1), loss(0.03), loss(0.03)}, "")
end)

t.case("the plateau of a method is its loss where all embeddings are the same, or all scores", function()
  local z = lunette.ones(6, 4)
  local queue = lunette.ones(24, 4):normalize()
  local function method(name, more)
    more.encoder, more.projector = lunette.models.resnet18{width = 4}, {8, 4}
    return lunette.ssl[name](more)
  end
  local function near(a, b, what) t.ok(math.abs(a - b) < 1e-5 * b, ("%s: %g and %g"):format(what, a, b)) end
  near(method("simclr", {}):plateau(6), lunette.loss.simclr(z, z, {temperature = 0.5}):item(), "simclr")
  near(method("moco", {queue = 24}):plateau(6), lunette.loss.moco(z, z, queue, {temperature = 0.2}):item(), "moco")
  near(method("mocov3", {temperature = 0.3, predictor = 8}):plateau(6), 2 * lunette.loss.mocov3(z, z, {temperature = 0.3}):item(), "mocov3")
  local scores = lunette.zeros(6, 10)
  near(method("swav", {prototypes = 10}):plateau(6), lunette.loss.swav(scores, lunette.loss.sinkhorn(scores)):item(), "swav")
  near(method("dino", {prototypes = 10}):plateau(6), lunette.loss.dino(scores, scores, lunette.zeros(10)):item(), "dino")
  t.equal({method("vicreg", {}):plateau(6)}, {})
end)

t.finish()
