-- lunette.nn: layers and containers, and what all of them share; lunette.models: encoders.

local inputs, outputs = { "inputs", "integer", "features in" }, { "outputs", "integer", "features out" }
local layer = { { "module", "callable: layer(x) -> y" } }
local init = { "init", "function?", "init(shape, seed, stream) -> tensor: first value of the weight" }
local net = "local net = lunette.nn.Linear(3, 2)\n"

local models = {}
local precision = { "precision", "\"f32\"|\"bf16\" = \"f32\"", "dtype of the activations" }
local seed = { "seed", "integer = 0", "parameters are drawn from it and their names" }
local encoder = { { "module", "encoder: images (n,3,h,w) f32 -> representations (n, features_out); :features(x) adds the last feature "
  .. "map" } }

local function resnet(name, like, width)
  models[#models + 1] = { name = "models." .. name, doc = like,
    options = { { "stem", "\"cifar\"|\"imagenet\"", "3x3 without pooling, or 7x7 with stride 2 and max pooling" },
      { "width", "integer = 64", "channels of the first stage; representations have " .. width .. " times as many" },
      { "zero_init_residual", "boolean = false", "blocks start as their shortcut (Goyal et al. 2017, 5.1)" }, precision, seed },
    returns = encoder, source = "He et al. 2015", fails = ("lunette.models.%s{stem = \"cifra\"}"):format(name),
    example = ("local encoder = lunette.models.%s{stem = \"cifar\", width = 2}\nprint(encoder(lunette.rand(2, 3, 8, 8)))"):format(name) }
end
resnet("resnet18", "A residual network of 2, 2, 2 and 2 basic blocks, with torchvision's parameter names.", 8)
resnet("resnet34", "A residual network of 3, 4, 6 and 3 basic blocks.", 8)
resnet("resnet50", "A residual network of 3, 4, 6 and 3 bottleneck blocks.", 32)

local function vit(name, doc, more)
  local options = { { "patch", "integer = 16", "pixels along a patch's side" },
    { "image", "integer = 224", "size the position embedding is made for; interpolated for others" },
    { "depth", "integer = 12", "blocks" }, precision, seed }
  for _, option in ipairs(more) do options[#options + 1] = option end
  models[#models + 1] = { name = "models." .. name, doc = doc .. " The class token after the last norm; its features are signed, "
      .. "which Q-Scores do not expect. DINO's parameter names.", options = options,
    returns = encoder, source = "Dosovitskiy et al. 2021; Caron et al. 2021", fails = ("lunette.models.%s{path = 8}"):format(name),
    example = ("local encoder = lunette.models.%s{patch = 4, image = 8, depth = 1}\nprint(encoder(lunette.rand(2, 3, 8, 8)):shape(2))")
      :format(name) }
end
vit("vit_tiny", "A vision transformer of width 192 with 3 heads.", {})
vit("vit_small", "A vision transformer of width 384 with 6 heads.", {})
vit("vit", "A vision transformer of any size.", { { "dim", "integer = 192", "width" }, { "heads", "integer = 3", "attention heads" } })
models[#models + 1] = { name = "models.conv4", doc = "The four-block network of few-shot learning; images are at least 16 x 16.",
  options = { { "width", "integer = 64", "channels, and size of a representation" }, precision, seed }, returns = encoder,
  source = "Vinyals et al. 2016, section 4.1", fails = "lunette.models.conv4{width = 0}",
  example = "print(lunette.models.conv4{width = 4}(lunette.rand(2, 3, 16, 16)))" }

local rows = {
  { name = "nn.Conv2d", doc = "A convolution of images: (n,in,h,w) -> (n,out,h',w'), h' = (h + 2 padding - kernel) / stride + 1.",
    args = { { "inputs", "integer", "channels in" }, { "outputs", "integer", "channels out" }, { "kernel", "integer", "side in pixels" } },
    options = { { "stride", "integer = 1", "pixels between outputs" }, { "padding", "integer = 0", "zeros around, in pixels" },
      { "bias", "boolean = false", "one number per channel added" }, init },
    returns = layer, source = "He et al. 2015 (initial weights)", fails = "lunette.nn.Conv2d(3, 8, \"x\")",
    example = "local conv = lunette.nn.Conv2d(3, 8, 3, {padding = 1}):initialize(1)\nprint(conv(lunette.ones(2, 3, 4, 4)):shape(2))" },
  { name = "nn.Linear", doc = "x (...,in) times weight (out,in), transposed, plus bias (out).",
    args = { inputs, outputs }, options = { { "bias", "boolean = true", "whether there is one" }, init }, returns = layer,
    fails = "lunette.nn.Linear(3, \"x\")",
    example = "local layer = lunette.nn.Linear(3, 2):initialize(1)\nprint(layer(lunette.ones(4, 3)))" },
  { name = "nn.WeightNormLinear", doc = "A linear layer without bias whose row i is weight_g[i] times a unit vector; DINO's last layer.",
    args = { inputs, outputs }, options = { { "gain", "boolean = true", "whether weight_g is trained; it starts at 1" } }, returns = layer,
    source = "Salimans and Kingma 2016", fails = "lunette.nn.WeightNormLinear(3)",
    example = "print(lunette.nn.WeightNormLinear(3, 2):initialize(1)(lunette.ones(1, 3)))" },
  { name = "nn.Prototypes", doc = "A linear layer with rows of unit length, which :normalize_rows() restores after a step; SwAV's "
    .. "prototypes.",
    args = { inputs, outputs }, returns = layer, source = "Caron et al. 2020", fails = "lunette.nn.Prototypes(3)",
    example = "local p = lunette.nn.Prototypes(3, 2):initialize(1)\np:normalize_rows()\nprint(p.weight:square():sum({2}))" },
  { name = "nn.BatchNorm", doc = "Batch normalisation of (n,c,h,w) or (n,c) per channel: statistics of the batch in training, running ones "
      .. "in evaluation.",
    args = { { "channels", "integer", "c" } },
    options = { { "relu", "boolean = false", "ReLU in the same pass" }, { "affine", "boolean = true", "scale and shift" },
      { "gamma", "number = 1", "first value of the scale" }, { "momentum", "number = 0.1", "share of the batch in the running statistics" },
      { "eps", "number = 1e-5", "added to the variance" } },
    returns = layer, source = "Ioffe and Szegedy 2015", fails = "lunette.nn.BatchNorm(3)(lunette.ones(2, 4))",
    example = "print(lunette.nn.BatchNorm(3)(lunette.randn(8, 3)):mean({1}))" },
  { name = "nn.LayerNorm", doc = "Layer normalisation over the last axis, of size d.",
    args = { { "d", "integer", "size of the last axis" } },
    options = { { "eps", "number = 1e-5", "added to the variance" } }, returns = layer, source = "Ba et al. 2016",
    fails = "lunette.nn.LayerNorm(3)(lunette.ones(2, 4))", example = "print(lunette.nn.LayerNorm(3)(lunette.randn(2, 3)))" },
  { name = "nn.ReLU", doc = "Negative elements become 0.", args = {}, returns = layer,
    example = "print(lunette.nn.ReLU()(lunette.tensor({-1, 2})))" },
  { name = "nn.GELU", doc = "Gaussian error linear unit, in its exact form.", args = {}, returns = layer,
    source = "Hendrycks and Gimpel 2016", example = "print(lunette.nn.GELU()(lunette.tensor({-1, 2})))" },
  { name = "nn.MaxPool2d", doc = "The largest element of each window of images (n,c,h,w).",
    args = { { "kernel", "integer", "side in pixels, 1..15" } },
    options = { { "stride", "integer?", "pixels between windows, kernel by default" },
      { "padding", "integer = 0", "at most half the kernel" } },
    returns = layer, fails = "lunette.nn.MaxPool2d(99)(lunette.ones(1, 1, 4, 4))",
    example = "print(lunette.nn.MaxPool2d(2)(lunette.randn(1, 1, 4, 4)))" },
  { name = "nn.GlobalAvgPool", doc = "Images (n,c,h,w) to their mean over the pixels (n,c).", args = {}, returns = layer,
    fails = "lunette.nn.GlobalAvgPool()(lunette.ones(2))", example = "print(lunette.nn.GlobalAvgPool()(lunette.ones(2, 3, 4, 4)))" },
  { name = "nn.Flatten", doc = "All axes but the first become one.", args = {}, returns = layer,
    example = "print(lunette.nn.Flatten()(lunette.ones(2, 3, 4)):shape(2))" },
  { name = "nn.Identity", doc = "What comes in.", args = {}, returns = layer, example = "print(lunette.nn.Identity()(lunette.ones(2)))" },
  { name = "nn.Sequential", doc = "One module after the other; children are named \"0\", \"1\", ...",
    args = { { "...", "module", "in order" } }, returns = layer,
      fails = "lunette.nn.Sequential(lunette.nn.Linear(3, 2))(lunette.ones(2, 4))",
    example = "local net = lunette.nn.Sequential(lunette.nn.Linear(3, 4), lunette.nn.ReLU(), lunette.nn.Linear(4, 1)):initialize(1)\n"
      .. "print(net(lunette.ones(2, 3)))" },
  { name = "module:initialize", doc = "Draws every parameter from the seed and its name, and resets every buffer.",
    args = { { "seed", "integer", "of the draws" }, { "prefix", "string = \"\"", "put before the names" } },
      returns = { { "module", "itself" } },
    example = net .. "net:initialize(1)\nprint(net.weight)" },
  { name = "module:parameters", doc = "The trained tensors, in order of definition.", args = {}, returns = { { "tensor[]" } },
    example = net .. "print(#net:parameters())" },
  { name = "module:named_parameters", doc = "The trained tensors with their full names, as optimizers take them.", args = {},
    returns = { { "table[]", "{name =, tensor =}" } }, example = net .. "print(net:named_parameters()[1].name)" },
  { name = "module:state", doc = "All parameters and buffers by full name; the tensors themselves, not copies.", args = {},
    returns = { { "table" } }, example = net .. "print(net:state().weight)" },
  { name = "module:load_state", doc = "Copies values from a table of tensors by name.",
    args = { { "state", "table", "tensors by full name, of the module's shapes" } },
    options = { { "partial", "boolean = false", "names may be missing or left over; they are then returned" },
      { "prefix", "string?", "put before each name" } },
    returns = { { "table?", "names missing" }, { "table?", "names left over" } },
    fails = "lunette.nn.Linear(3, 2):load_state({})", example = net .. "net:load_state(lunette.nn.Linear(3, 2):initialize(2):state())" },
  { name = "module:train", doc = "Training mode for this module and all below it: batch norm uses the batch.",
    args = { { "on", "boolean = true", "false: evaluation mode" } }, returns = { { "module", "itself" } }, example = net .. "net:train()" },
  { name = "module:eval", doc = "Evaluation mode: batch norm uses its running statistics.", args = {}, returns = { { "module", "itself" } },
    example = net .. "net:eval()" },
  { name = "module:count", doc = "Number of trained numbers.", args = {}, returns = { { "integer" } }, example = net
    .. "print(net:count())" },
  { name = "module:copy", doc = "The same module with tensors of its own, equal to this one's.", args = {}, returns = { { "module" } },
    example = net .. "print(net:copy():count())" },
  { name = "module:freeze", doc = "Every parameter becomes a buffer: part of the state, no longer trained.", args = {}, returns = {},
    example = net .. "net:freeze()\nprint(#net:parameters())" },
}
table.move(models, 1, #models, #rows + 1, rows)
return rows
