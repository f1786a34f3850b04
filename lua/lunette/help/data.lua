-- lunette.data, lunette.augment, lunette.image, lunette.npy and lunette.weights.

local set = { { "table", "{n, images (n,3,h,w) u8, labels (n) i64 from 1, classes}" } }
local root = { "root", "string", "folder of the official binary files" }
local made = "local set = lunette.data.shapes{n = 8, size = 16}\n"
local loaded = made .. "local loader = lunette.data.loader{dataset = set, batch = 4, augment = lunette.augment{preset = \"symmetric\"}}\n"
local file = "local path = os.tmpname()\n"
local picture = { "picture", "tensor", "(h,w), (1|3,h,w) or (1,1|3,h,w): u8, or floating in [0, 1]" }

local function official(name, doc, splits, source)
  return { name = "data." .. name, doc = doc, options = { root, { "split", splits .. " = \"train\"", "which part" },
      { "limit", "integer?", "only the first so many images" },
      name ~= "stl10" and { "files", "string[]?", "names below root for a split of your own" } or nil },
    returns = set, source = source, fails = ("lunette.data.%s{}"):format(name),
    example = ("local known, set = pcall(lunette.data.%s, {root = \"data/%s\"})\nprint(known and set.n or set)"):format(name, name) }
end

return {
  { name = "data.shapes", doc = "Scenes made on the fly from a seed: an object with a shape and a texture (core) on a background that "
    .. "belongs to "
      .. "its class with a given probability (spurious), and exact masks of both.",
    options = { { "n", "integer = 4000", "images; a larger n begins with the images of a smaller one" },
      { "split", "\"train\"|\"test\"|\"heldout\" = \"train\"", "which draws" }, { "size", "integer = 32", "pixels along a side" },
      { "classes", "integer = 10", "at most 10" }, { "correlation", "number = 0.9", "of background and class, 0..1" },
        { "seed", "integer = 1", "of all draws" },
      { "start", "integer = 1", "number of the first scene" }, { "clutter", "integer = 3", "small distracting objects" },
      { "rotation", "number = 30", "of the object, at most so many degrees" },
        { "noise", "number = 0.04", "amplitude, as a share of the range" } },
    returns = { { "table", "{n, images, labels, classes, masks = {core, spurious} (n,size,size) u8, grounds (n)}" } },
    fails = "lunette.data.shapes{n = 4, split = \"tset\"}", example = made .. "print(set.images, set.classes[set.labels[1]])" },
  official("cifar10", "CIFAR-10 from its binary files.", "\"train\"|\"test\"|\"heldout\"", "Krizhevsky 2009"),
  official("cifar100", "CIFAR-100 with its 100 fine labels, from its binary files.", "\"train\"|\"test\"", "Krizhevsky 2009"),
  official("stl10", "STL-10 from its binary files; only train and test have labels.",
    "\"train\"|\"test\"|\"unlabeled\"|\"train+unlabeled\"",
    "Coates, Ng and Lee 2011"),
  { name = "data.folder", doc = "Pictures in one subfolder per class, decoded once and held in memory at 3 size^2 bytes each.",
    options = { { "root", "string", "folder" }, { "split", "string?", "subfolder of root" },
      { "size", "integer = 224", "pixels along a side" },
      { "classes", "string[]?", "subfolders to take, all by default" }, { "limit", "integer?", "pictures per class" } },
    returns = set, fails = "lunette.data.folder{root = \"/nonexistent\"}",
    example = "local known, set = pcall(lunette.data.folder, {root = \"pictures\", split = \"train\", size = 64})\nprint(known and "
      .. "set.n or set)" },
  { name = "data.loader", doc = "Batches of augmented views, made ahead by threads of its own.",
    options = { { "dataset", "table", "of lunette.data, with images (n,3,h,w)" }, { "batch", "integer", "images" },
      { "augment", "policy|string?", "of lunette.augment; without it the images themselves, in one view" },
      { "views", "integer?", "views of an image, as many as the policy has" }, { "seed", "integer = 1", "of order and views" },
      { "shuffle", "boolean = true", "another order every epoch" }, { "drop_last", "boolean = true", "leave out an incomplete batch" },
      { "threads", "integer = 1", "that make views" }, { "prefetch", "integer = 2", "batches made ahead" },
      { "size", "integer?", "pixels of a view" }, { "dtype", "dtype = \"f32\"", "of the views" },
      { "device", "\"cpu\"|\"cuda\"?", "where the views are to be; by default where the images are" } },
    returns = { { "loader", "with .batches per epoch" } }, fails = "lunette.data.loader{dataset = lunette.data.shapes{n = 2}, batch = 4}",
    example = loaded .. "for batch in loader:epoch(1) do print(batch.index, #batch.views, batch.labels) end" },
  { name = "loader:epoch", doc = "Goes through the batches of an epoch. A batch is freed when the next one is taken, unless batch:keep().",
    args = { { "epoch", "integer", "from 1; order and views depend on it" }, { "first", "integer = 1", "batch to begin with" } },
    returns = { { "function", "iterator over {views = {(batch,3,h,w), ...}, labels, ids, index}" } },
    fails = "lunette.data.loader{dataset = lunette.data.shapes{n = 4}, batch = 4}:epoch(-1)", example = loaded
      .. "for batch in loader:epoch(1) do print(batch.ids) end" },
  { name = "loader:ahead", doc = "Sends the next batch, where it is made here for a device, so that it travels while the device does "
      .. "what it was given. For loops of one's own, when a step's work has been given; lunette.train does it. Elsewhere nothing happens.",
    args = {}, returns = {}, example = loaded
      .. "for batch in loader:epoch(1) do\n  print(batch.ids)\n  loader:ahead()\nend" },
  { name = "loader:close", doc = "Ends the loader's threads.", args = {}, returns = {}, example = loaded .. "loader:close()" },
  { name = "augment", doc = "How views of an image are drawn. A table without preset or views makes two views alike; what it does not "
    .. "name is off, apart "
      .. "from crop and flip.",
    options = { { "preset", "string?", "\"symmetric\", \"weak\", \"asymmetric\", \"vicreg\", \"multicrop\", \"none\", or with "
      .. "_imagenet behind" },
      { "views", "string|table[]?", "a preset's name, or one table of these options per view" },
      { "crop", "number[] = {0.08, 1}", "share of the area kept" }, { "ratio", "number[] = {3/4, 4/3}", "width to height of the crop" },
      { "flip", "number = 0.5", "probability" }, { "jitter", "number[] = {0, 0, 0, 0}",
        "strength of brightness, contrast, saturation, hue" },
      { "jitter_p", "number = 0.8", "probability" }, { "gray", "number = 0", "probability" }, { "blur", "number = 0", "probability" },
      { "blur_sigma", "number[] = {0.1, 2}", "pixels" }, { "solarize", "number = 0", "probability" }, { "threshold", "number = 0.5",
        "of solarize" },
      { "size", "integer?", "pixels of the views, the images' by default" },
        { "norm", "tensor|table?", "(2,3) tensor, or {mean = {r, g, b}, std = {r, g, b}}" },
      { "dtype", "\"f32\"|\"bf16\" = \"f32\"", "of the views" } },
    returns = { { "policy", "for a loader; policy:apply(images, ids, {seed =, epoch =, view =})" } },
    source = "Chen et al. 2020, appendix A; solo-learn's recipes", fails = "lunette.augment{preset = \"symetric\"}",
    example = made .. "local policy = lunette.augment{crop = {0.2, 1}, jitter = {0.4, 0.4, 0.4, 0.1}}\n"
      .. "print(policy:apply(set.images, lunette.tensor({1, 2}, {dtype = \"i64\"})))" },
  { name = "augment.norm", doc = "Means and standard deviations per channel as the ops take them.",
    args = { { "norm", "tensor|table?", "such a tensor, or {mean = {...}, std = {...}}" } },
      returns = { { "tensor (2,c)?", "nil for nil" } },
    fails = "lunette.augment.norm({1, 2})", example = "print(lunette.augment.norm{mean = {0.5, 0.5, 0.5}, std = {0.2, 0.2, 0.2}})" },
  { name = "policy:apply", doc = "Views of images. The same numbers give the same bits.",
    args = { { "images", "tensor (N,3,h,w)", "u8, or f32 in [0, 1]" }, { "ids", "tensor (n)", "i64, positions into images" } },
    options = { { "seed", "integer = 1", "of the draws" }, { "epoch", "integer = 1", "of the draws" },
      { "view", "integer = 1", "which view" },
      { "size", "integer?", "pixels" }, { "dtype", "dtype?", "of the result" } },
    returns = { { "tensor (n,3,size,size)" } }, fails = "lunette.augment{}:apply(lunette.ones(1, 3, 4, 4), lunette.ones(1), {epcoh = 1})",
    example = made .. "print(lunette.augment \"weak\":apply(set.images, set.labels:narrow(1, 1, 2), {view = 2}))" },
  { name = "image.read", doc = "A PNG or JPEG, by content. Alpha is dropped, 16 bits are cut to 8, a JPEG's orientation is applied.",
    args = { { "path", "string", "of the file" } }, options = { { "channels", "1|3|nil", "3 repeats gray; the picture's own by default" },
      { "batch", "boolean = false", "(1,c,h,w), channels last" } },
    returns = { { "tensor (c,h,w)", "u8" } }, fails = "lunette.image.read(\"/nonexistent.png\")",
    example = file .. "lunette.image.write(path, lunette.rand(3, 8, 8))\nprint(lunette.image.read(path))\nos.remove(path)" },
  { name = "image.write", doc = "A picture as PNG; the file holds its old content or all of the new one.",
    args = { { "path", "string", "of the file" }, picture, { "text", "table?", "keywords and values kept in the file" } }, returns = {},
    fails = "lunette.image.write(\"x.png\", lunette.ones(2, 4, 4))", example = file
      .. "lunette.image.write(path, lunette.rand(8, 8))\nos.remove(path)" },
  { name = "image.resize", doc = "Antialiased, with Pillow's rule: the filter widens when shrinking. u8 becomes x/255.",
    args = { { "picture", "tensor", "(c,h,w) or (n,c,h,w)" }, { "height", "integer", "pixels" }, { "width", "integer", "pixels" } },
    options = { { "filter", "\"bicubic\"|\"bilinear\" = \"bicubic\"", "bicubic overshoots" }, { "clamp", "boolean = false",
      "keep within [0, 1]" } },
    returns = { { "tensor", "f32" } }, fails = "lunette.image.resize(lunette.ones(3, 4, 4), 0, 4)",
      example = "print(lunette.image.resize(lunette.rand(3, 8, 8), 4, 4))" },
  { name = "image.encode", doc = "A picture as the bytes of a PNG.", args = { picture }, returns = { { "string" } },
    fails = "lunette.image.encode(1)", example = "print(#lunette.image.encode(lunette.rand(3, 8, 8)))" },
  { name = "npy.load", doc = "A tensor from NumPy's .npy file.", args = { { "path", "string", "of the file" } },
    returns = { { "tensor", "f32, f64, f16, i64, u8 or bool" } },
    fails = "lunette.npy.load(\"/nonexistent.npy\")", example = file
      .. "lunette.npy.save(path, lunette.eye(2))\nprint(lunette.npy.load(path))\nos.remove(path)" },
  { name = "npy.save", doc = "A tensor to a .npy file; the file holds its old content or all of the new one.",
    args = { { "path", "string", "of the file" }, { "t", "tensor", "to save" } }, returns = {}, fails = "lunette.npy.save(\"x.npy\", 1)",
    example = file .. "lunette.npy.save(path, lunette.ones(2, 3))\nos.remove(path)" },
  { name = "weights.load", doc = "Tensors by name from a .safetensors file.", args = { { "path", "string", "of the file" } },
    options = { { "prefix", "string?", "only names that begin so, without it" },
      { "map", "table|function?", "from a name to the name to return, nil leaves it out" } },
    returns = { { "table", "tensors by name" }, { "table", "metadata" } }, fails = "lunette.weights.load(\"/nonexistent.safetensors\")",
    example = file .. "lunette.weights.save(path, {w = lunette.ones(2)})\nprint(lunette.weights.load(path).w)\nos.remove(path)" },
  { name = "weights.save", doc = "Tensors to a .safetensors file; the file holds its old content or all of the new one.",
    args = { { "path", "string", "of the file" }, { "tensors", "table", "by name" }, { "metadata", "table?", "strings by name" } },
      returns = {},
    fails = "lunette.weights.save(\"x\", {w = 1})", example = file
      .. "lunette.weights.save(path, lunette.nn.Linear(2, 2):state())\nos.remove(path)" },
}
