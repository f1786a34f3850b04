-- ssl_losses.lua: what the losses refuse, where they stop gradients, and the layers that methods build around them.
local lunette = require "lunette"
local t = require "tap"
local loss = lunette.loss

local function leaf(...)
  local x = lunette.randn(...)
  x.requires_grad = true
  return x
end

t.case("nothing flows to targets, keys, queue and teacher", function()
  local p, z, queue, center = leaf(4, 3, {seed = 1}), leaf(4, 3, {seed = 2}), leaf(5, 3, {seed = 3}), leaf(3, {seed = 4})
  local targets = loss.sinkhorn(z)
  t.ok(not targets.requires_grad, "sinkhorn's targets are constants")
  local sum = loss.byol(p, z) + loss.simsiam(p, z) + loss.moco(p, z, queue) + loss.mocov3(p, z) + loss.swav(p, targets)
    + loss.dino(p, z, center)
  sum:backward()
  t.ok(p.grad, "a gradient to the prediction")
  t.equal({z.grad, queue.grad, center.grad}, {})
end)

t.case("a gradient arrives at one view where only one asks for it, scaled by what follows the loss", function()
  for _, name in ipairs{"vicreg", "barlow"} do
    local z1, z2 = leaf(6, 4, {seed = 1}), lunette.randn(6, 4, {seed = 2})
    loss[name](z1, z2):backward()
    local once = z1.grad
    z1.grad = nil;
    (loss[name](z1, z2) * 3):backward()
    t.ok((z1.grad - once * 3):abs():reshape(-1):max(1):item() < 1e-5, name)
    t.ok(not z2.grad, name .. ": the other view")
  end
end)

-- Where every positive is far above the negatives, its share of the softmax rounds to 1 in f32: what is left of the loss and of
-- its gradient is the negatives' alone.
t.case("contrastive losses stay exact as they go to 0", function()
  local first = lunette.randn(64, 256, {seed = 1})
  local second = first + lunette.randn(64, 256, {seed = 2}) * 0.1
  local queue = lunette.randn(100, 256, {seed = 3}):normalize()
  local function of(dtype, name)
    local z1, z2 = first:detach():to(dtype), second:to(dtype)
    z1.requires_grad = true
    local arguments = name == "moco" and {z2, queue:to(dtype), {temperature = 0.07}} or {z2, {temperature = 0.07}}
    local l = loss[name](z1, table.unpack(arguments))
    l:backward()
    return l:item(), z1.grad:to("f64")
  end
  for _, name in ipairs{"simclr", "moco", "mocov3"} do
    local l, g = of("f32", name)
    local expected, gradient = of("f64", name)
    t.ok(expected < 1e-3, name .. ": the loss is nearly 0, " .. expected)
    t.ok(math.abs(l / expected - 1) < 1e-4, ("%s: loss %.9g, exact %.9g"):format(name, l, expected))
    local off = (g - gradient):abs():reshape(-1):max(1):item() / gradient:abs():reshape(-1):max(1):item()
    t.ok(off < 2e-5, ("%s: the gradient is off by %.2g of its largest element"):format(name, off))
  end
end)

t.case("a variance needs two samples", function()
  local one = lunette.zeros(1, 3)
  t.raises(function() loss.vicreg(one, one) end, "vicreg: z1 must hold at least two samples, for a variance, and one feature; got (1,3)")
  t.raises(function() loss.barlow(one, one) end, "barlow: z1 must hold at least two samples")
end)

t.case("losses name the argument that does not fit", function()
  local a, b = lunette.zeros(2, 3), lunette.zeros(2, 4)
  t.raises(function() loss.byol(a, b) end, "byol: z")
  t.raises(function() loss.moco(a, a, b) end, "moco: queue must have as many columns as q, 3, got 4")
  t.raises(function() loss.moco(a, a, lunette.zeros(0, 3)) end, "queue must hold at least one row")
  t.raises(function() loss.dino(a, a, lunette.zeros(4)) end, "dino: center")
  t.raises(function() loss.swav(a, a, {temperature = 0}) end, "swav: temperature must be above 0, got 0")
  t.raises(function() loss.sinkhorn(a, {iterations = 0}) end, "iterations must be at least 1, got 0")
  t.raises(function() loss.barlow(a, a, {lamda = 1}) end, "did you mean 'lambda'")
end)

-- DINO's last layer with its gain fixed at 1, SwAV's prototypes: rows of the weight are unit, the gradient passes through.
t.case("a linear layer of unit rows does not see how long its weights are", function()
  local x, w = leaf(5, 4, {seed = 1}), leaf(3, 4, {seed = 2})
  local y = lunette.ops.linear(x, (w:normalize()))
  local longer = lunette.ops.linear(x, ((w:detach() * 7):normalize()))
  t.ok((y - longer):abs():reshape(-1):max(1):item() < 1e-6, "the same result")
  loss.dino(y, y:detach(), y:detach():mean(1)):backward()
  local along = (w.grad * w:detach()):sum(2):abs():max(1):item()
  t.ok(along < 1e-5, "the gradient is perpendicular to every row, got " .. along)
  t.ok(w.grad:abs():reshape(-1):max(1):item() > 1e-3, "and not zero")
end)

t.finish()
