-- golden_layers.lua: layers and elementary ops against PyTorch's values, forward and backward, in f64 and f32.
local lunette = require "lunette"
local t = require "tap"
local golden = require "golden_support"
local ops = lunette.ops

local convolutions = {
  ["3x3_s1_p1"] = {1, 1}, ["3x3_s1_p1_bias"] = {1, 1}, ["3x3_s1_p2"] = {1, 2}, ["3x3_s2_p1"] = {2, 1}, ["1x1_s1"] = {1, 0},
  ["1x1_s2"] = {2, 0}, ["7x7_s2_p3"] = {2, 3}, ["3x3_wide"] = {1, 1},
}
for name, how in pairs(convolutions) do
  t.case("conv2d " .. name, function()
    golden.check("conv2d_" .. name, {inputs = {"x", "weight", "bias"}, f32 = 2e-5, run = function(x, w, b)
      return ops.conv2d(x, w, {bias = b, stride = how[1], padding = how[2]})
    end})
  end)
end

local function norm(op, training)
  return function(x, gamma, beta, mean, var, residual)
    local shape = x:shape()
    local image = #shape == 2 and x:reshape(shape[1], shape[2], 1, 1) or x
    local options = {gamma = gamma, beta = beta, running_mean = mean, running_var = var, training = training}
    local y = residual and ops[op](image, residual, options) or ops[op](image, options)
    return y:reshape(shape)
  end
end
local norms = {
  train = {"batch_norm", true}, train_2d = {"batch_norm", true}, train_relu = {"batch_norm_relu", true},
  train_residual_relu = {"batch_norm_add_relu", true}, train_large_mean = {"batch_norm", true}, eval = {"batch_norm", false},
  eval_residual_relu = {"batch_norm_add_relu", false},
}
for name, how in pairs(norms) do
  t.case("batch norm " .. name, function()
    golden.check("batch_norm_" .. name, {inputs = {"x", "gamma", "beta", "running_mean", "running_var", "residual"},
      f32 = name == "train_large_mean" and 1e-4 or 1e-5, f64 = name == "train_large_mean" and 1e-8 or 1e-10,
      run = norm(how[1], how[2])})
  end)
  t.case("batch norm " .. name .. ": running statistics", function()
    local file = golden.load("batch_norm_" .. name)
    local x, mean, var = file.x:to("f64"), file.running_mean:to("f64"):clone(), file.running_var:to("f64"):clone()
    norm(how[1], how[2])(x, file.gamma:to("f64"), file.beta:to("f64"), mean, var, file.residual and file.residual:to("f64"))
    golden.near(mean, file.new_running_mean or file.running_mean, 1e-9, "running mean")
    golden.near(var, file.new_running_var or file.running_var, 1e-9, "running variance")
  end)
end

for _, name in ipairs{"max_pool", "max_pool_ties"} do
  t.case(name, function()
    golden.check(name, {inputs = {"x"}, run = function(x) return (ops.max_pool2d(x, {kernel = 3, stride = 2, padding = 1})) end})
  end)
end
t.case("global average pool", function()
  golden.check("global_avg_pool", {inputs = {"x"}, run = function(x) return ops.global_avg_pool(x) end})
end)
t.case("linear", function()
  golden.check("linear", {inputs = {"x", "weight", "bias"}, run = function(x, w, b) return ops.linear(x, w, {bias = b}) end})
end)
t.case("matmul", function()
  golden.check("matmul", {inputs = {"a", "b"}, run = function(a, b) return ops.matmul(a, b) end})
end)
for _, name in ipairs{"softmax", "log_softmax"} do
  t.case(name, function() golden.check(name, {inputs = {"x"}, run = function(x) return ops[name](x) end}) end)
end
t.case("cross entropy", function()
  golden.check("cross_entropy", {inputs = {"x", "labels"}, output = "loss", run = function(x, labels)
    return (ops.cross_entropy(x, labels))
  end})
end)
t.case("normalize", function()
  golden.check("normalize", {inputs = {"x"}, run = function(x) return (ops.normalize(x)) end})
  local file = golden.load("normalize_zero_row")
  golden.near((ops.normalize(file.x)), file.y, 1e-6, "a row of zeros")
end)
for _, name in ipairs{"relu", "exp", "log", "sqrt", "abs", "tanh", "sigmoid", "gelu"} do
  t.case(name, function() golden.check("pointwise_" .. name, {inputs = {"x"}, run = function(x) return x[name](x) end}) end)
end
for _, name in ipairs{"add", "sub", "mul", "div"} do
  t.case("broadcast " .. name, function()
    golden.check("broadcast_" .. name, {inputs = {"a", "b"}, run = function(a, b) return ops[name](a, b) end})
  end)
end

for name, heads in pairs{attention = 2, attention_one_head = 1, attention_large_scores = 1} do
  t.case(name, function()
    golden.check(name, {inputs = {"qkv"}, run = function(qkv) return (ops.attention(qkv, heads)) end})
  end)
end
t.case("layer norm", function()
  for name, tolerance in pairs{layer_norm = 1e-5, layer_norm_large_mean = 5e-5} do
    golden.check(name, {inputs = {"x", "gamma", "beta"}, f32 = tolerance,
      run = function(x, gamma, beta) return (ops.layer_norm(x, gamma, beta)) end})
  end
end)

t.case("weight-normalised linear layer", function()
  local file = golden.load("weight_norm_linear")
  local layer = lunette.nn.WeightNormLinear(7, 4)
  layer:load_state{weight_v = file.weight_v, weight_g = file.weight_g}
  local x = file.x:clone()
  x.requires_grad = true
  local y = layer(x)
  golden.near(y, file.y, 1e-6, "y")
  y:backward(file.dy)
  golden.near(x.grad, file.dx, 1e-6, "dx")
  golden.near(layer.weight_v.grad, file.dweight_v, 1e-6, "dweight_v")
  golden.near(layer.weight_g.grad, file.dweight_g, 1e-6, "dweight_g")
end)
t.case("weight-normalised linear layer without gain: rows of length 1, the gain in the state but not trained", function()
  local file = golden.load("weight_norm_linear")
  local layer = lunette.nn.WeightNormLinear(7, 4, {gain = false}):initialize(3)
  t.equal(#layer:parameters(), 1)
  t.equal(layer:state().weight_g:reshape(-1):totable(), {1, 1, 1, 1})
  golden.near(layer(file.x), ops.linear(file.x, (layer.weight_v:normalize())), 1e-6, "y")
end)
t.case("prototypes have unit rows at first and after normalize_rows", function()
  local layer = lunette.nn.Prototypes(6, 9):initialize(1)
  local function off() return (layer.weight:square():sum(2) - 1):abs():max(1):item() end
  t.ok(off() < 1e-6, "at first")
  local before = layer.weight:clone()
  ops.assign(layer.weight, layer.weight:detach() * 3)
  t.ok(off() > 1, "changed")
  layer:normalize_rows()
  golden.near(layer.weight, before, 1e-6, "direction")
  t.ok(layer.weight.requires_grad, "still trained")
end)

t.finish()
