-- lunette.loss: self-supervised losses; lunette.ssl: whole methods.

local function view(name, doc) return { name, "tensor (n,d)", doc } end
local function number(name, default, doc) return { name, "number = " .. default, doc } end
local scalar = { { "tensor ()", "the loss, a mean over samples" } }
local pair = "local a, b = lunette.randn(8, 16), lunette.randn(8, 16)\n"

local rows = {
  { name = "loss.simclr", doc = "NT-Xent of two views: the other view of an image is to be the nearest of the 2n - 1 other samples. "
    .. "Rows are "
      .. "L2-normalised here.",
    args = { view("z1", "embeddings of one view"), view("z2", "of the other") }, options = { number("temperature", "0.5", "above 0") },
    returns = scalar, source = "Chen et al. 2020, arXiv 2002.05709, equation 1",
      fails = "lunette.loss.simclr(lunette.ones(4, 2), lunette.ones(3, 2))",
    example = pair .. "print(lunette.loss.simclr(a, b, {temperature = 0.2}):item())" },
  { name = "loss.byol", doc = "Mean of 2 - 2 cos of predictions and targets, no gradient to the targets. One direction: a method adds "
    .. "the other.",
    args = { view("p", "predictions"), view("z", "targets") }, returns = scalar, source = "Grill et al. 2020, arXiv 2006.07733, equation 2",
    fails = "lunette.loss.byol(lunette.ones(4, 2))", example = pair .. "print(lunette.loss.byol(a, b):item())" },
  { name = "loss.simsiam", doc = "Mean of -cos of predictions and targets, no gradient to the targets. One direction: a method takes "
    .. "half of both.",
    args = { view("p", "predictions"), view("z", "targets") }, returns = scalar, source = "Chen and He 2021, arXiv 2011.10566, equation 1",
    fails = "lunette.loss.simsiam(lunette.ones(4), lunette.ones(4))", example = pair .. "print(lunette.loss.simsiam(a, b):item())" },
  { name = "loss.moco", doc = "InfoNCE of queries and keys against a queue of older keys; no gradient to keys and queue. One direction.",
    args = { view("q", "queries, L2-normalised here"), view("k", "their keys, L2-normalised here"),
      { "queue", "tensor (K,d)", "rows of unit length" } },
    options = { number("temperature", "0.07", "above 0") }, returns = scalar, source = "He et al. 2020, arXiv 1911.05722, equation 1",
    fails = "lunette.loss.moco(lunette.ones(4, 2), lunette.ones(4, 2))",
    example = pair .. "print(lunette.loss.moco(a, b, (lunette.randn(32, 16):normalize())):item())" },
  { name = "loss.mocov3", doc = "InfoNCE within the batch, times 2 temperature; no gradient to the keys. One direction: a method adds "
    .. "the other.",
    args = { view("q", "predictions, L2-normalised here"), view("k", "keys, L2-normalised here") },
      options = { number("temperature", "0.2", "above 0") },
    returns = scalar, source = "Chen, Xie and He 2021, arXiv 2104.02057, equation 1 and algorithm 1",
    fails = "lunette.loss.mocov3(lunette.ones(4, 2), lunette.ones(4, 3))", example = pair .. "print(lunette.loss.mocov3(a, b):item())" },
  { name = "loss.sinkhorn", doc = "SwAV's assignments of samples to prototypes: rows sum to 1, prototypes get equal shares. No gradient.",
    args = { { "scores", "tensor (n,K)", "products of features and prototypes" } },
    options = { number("epsilon", "0.05", "smaller is sharper"), { "iterations", "integer = 3", "rounds of scaling" } },
    returns = { { "tensor (n,K)", "targets" } }, source = "Caron et al. 2020, arXiv 2006.09882, equation 3 and appendix A",
    fails = "lunette.loss.sinkhorn(lunette.ones(4))", example = "print(lunette.loss.sinkhorn(lunette.randn(4, 3)):sum({2}))" },
  { name = "loss.swav", doc = "Cross entropy of one view's scores with the other view's assignments. One ordered pair of views.",
    args = { { "scores", "tensor (n,K)", "of one view" }, { "targets", "tensor (n,K)", "of the other, from sinkhorn; no gradient" } },
    options = { number("temperature", "0.1", "above 0") }, returns = scalar, source = "Caron et al. 2020, arXiv 2006.09882, equation 2",
    fails = "lunette.loss.swav(lunette.ones(4, 2), lunette.ones(4, 3))",
    example = pair .. "print(lunette.loss.swav(a, lunette.loss.sinkhorn(b)):item())" },
  { name = "loss.dino", doc = "Cross entropy of one pair of different views' logits; no gradient to teacher and center.",
    args = { { "student", "tensor (n,K)", "raw logits" }, { "teacher", "tensor (n,K)", "raw logits" },
      { "center", "tensor (K)", "mean of the teacher's" } },
    options = { number("student_temp", "0.1", "above 0"), number("teacher_temp", "0.04", "above 0") }, returns = scalar,
    source = "Caron et al. 2021, arXiv 2104.14294, equation 2 and algorithm 1",
      fails = "lunette.loss.dino(lunette.ones(4, 2), lunette.ones(4, 2))",
    example = pair .. "print(lunette.loss.dino(a, b, lunette.zeros(16)):item())" },
  { name = "loss.vicreg", doc = "Distance of the views, deviation of every dimension below 1, and covariances; rows are not normalised.",
    args = { view("z1", "n at least 2"), view("z2", "of the other view") },
    options = { number("invariance", "25", "weight of the distance"), number("variance", "25", "of the deviations"),
      number("covariance", "1", "of the covariances") },
    returns = scalar, source = "Bardes et al. 2022, arXiv 2105.04906, equations 1 to 6; the form of the authors' code",
    fails = "lunette.loss.vicreg(lunette.ones(1, 2), lunette.ones(1, 2))", example = pair .. "print(lunette.loss.vicreg(a, b):item())" },
  { name = "loss.barlow", doc = "The cross-correlation of two views drawn towards the identity; columns are normalised here.",
    args = { view("z1", "n at least 2"), view("z2", "of the other view") },
    options = { number("lambda", "0.0051", "weight of what is off the diagonal"), number("scale", "1", "of the whole") }, returns = scalar,
    source = "Zbontar et al. 2021, arXiv 2103.03230, equations 1 and 2",
      fails = "lunette.loss.barlow(lunette.ones(1, 2), lunette.ones(1, 2))",
    example = pair .. "print(lunette.loss.barlow(a, b):item())" },
  { name = "loss.cross_entropy", doc = "Mean of -log softmax(scores)[label].",
    args = { { "scores", "tensor (n,classes)", "logits" }, { "labels", "tensor (n)", "i64, from 1" } }, returns = scalar,
    fails = "lunette.loss.cross_entropy(lunette.ones(2, 3), lunette.tensor({0, 1}, {dtype = \"i64\"}))",
    example = "print(lunette.loss.cross_entropy(lunette.eye(3), lunette.arange(3, {dtype = \"i64\"})):item())" },
  { name = "ssl.mlp", doc = "A head: Linear, ReLU, ..., Linear, drawn from the seed.",
    args = { { "inputs", "integer", "features in" }, { "sizes", "integer[]", "widths of the hidden layers, then of the output" } },
    options = { { "batch_norm", "boolean = false", "after every hidden layer" },
      { "last_batch_norm", "false|\"affine\"|\"plain\" = false", "after the output" },
      { "last_bias", "boolean?", "of the last layer; by default where no batch norm follows" },
      { "activation", "\"ReLU\"|\"GELU\" = \"ReLU\"", "between the layers" },
      { "std", "number?", "weights normal with this deviation, biases 0; by default uniform, as PyTorch's" },
      { "seed", "integer = 0", "of the draws" }, { "name", "string = \"\"", "put before the parameters' names" } },
    returns = { { "module" } }, fails = "lunette.ssl.mlp(8, {4}, {batchnorm = true})",
    example = "print(lunette.ssl.mlp(8, {16, 4}, {batch_norm = true})(lunette.randn(4, 8)):shape(2))" },
}

-- The methods, from their own settings.
local papers = {
  simclr = "Chen et al. 2020, arXiv 2002.05709", moco = "He et al. 2020, arXiv 1911.05722; Chen et al. 2020, arXiv 2003.04297",
  mocov3 = "Chen, Xie and He 2021, arXiv 2104.02057", byol = "Grill et al. 2020, arXiv 2006.07733",
    simsiam = "Chen and He 2021, arXiv 2011.10566",
  swav = "Caron et al. 2020, arXiv 2006.09882", dino = "Caron et al. 2021, arXiv 2104.14294",
    vicreg = "Bardes et al. 2022, arXiv 2105.04906",
  barlow = "Zbontar et al. 2021, arXiv 2103.03230",
}
local small = { moco = ", queue = 8", swav = ", queue = 0, prototypes = 4", dino = ", prototypes = 8" }

local function shown(value)
  if type(value) == "table" then return "{" .. table.concat(value, ", ") .. "}" end
  if type(value) ~= "number" then return tostring(value) end
  return value == math.floor(value) and math.abs(value) < 1e6 and ("%d"):format(value) or ("%.4g"):format(value)
end

local function range(type_)
  if type_.above then return (" (above %s, at most %s)"):format(shown(type_.above), shown(type_.max)) end
  return type_.min and (" (%s to %s)"):format(shown(type_.min), shown(type_.max)) or ""
end

for _, method in ipairs(require("lunette.ssl").methods) do
  local names, options = {}, { { "encoder", "module", "a model: the part that is trained and kept" },
    { "seed", "integer = 0", "of the heads" } }
  for name in pairs(method.settings) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local type_ = method.settings[name]
    local kind = type_.type == "list" and "integer[]" or type_.type
    options[#options + 1] = { name, ("%s = %s"):format(kind, shown(type_.default)), type_.doc .. range(type_) }
  end
  rows[#rows + 1] = { name = "ssl." .. method.name,
    doc = ("Method: %s. Trained by lunette.train; a recipe's task of that name takes the same settings."):format(method.doc),
    options = options, returns = { { "module", "method:loss(views) -> loss, representations (rows, features), embeddings (rows, width)" } },
    source = papers[method.name], fails = ("lunette.ssl.%s{}"):format(method.name),
    example = ([[
local encoder = lunette.models.resnet18{stem = "cifar", width = 2}
local method = lunette.ssl.%s{encoder = encoder%s}
print(method:loss{lunette.rand(4, 3, 8, 8), lunette.rand(4, 3, 8, 8)})]]):format(method.name, small[method.name] or "") }
end

return rows
