-- What the wrong calls that help shows say. Written by tests/scripts/help_messages.lua.
-- luacheck: no max line length

return {
  ["error(tostring(select(2, lunette.recipe.check(\"/nonexistent.lua\"))[1]))"] =
    "/nonexistent.lua: no such file",
  ["error(tostring(select(2, lunette.recipe.files(\"/nonexistent.lua\"))[1]))"] =
    "/nonexistent.lua: no such file",
  ["error(tostring(select(2, lunette.recipe.from_config(\"1\", \"text\"))[1]))"] =
    "text: is not a configuration: no JSON object",
  ["error(tostring(select(2, lunette.recipe.from_text(\"return {\", \"text\"))[1]))"] =
    "unexpected symbol near <eof>",
  ["error(tostring(select(2, lunette.recipe.load(\"/nonexistent.lua\"))[1]))"] =
    "/nonexistent.lua: no such file",
  ["error(tostring(select(2, lunette.recipe.variants(\"/nonexistent.lua\", {}))[1]))"] =
    "/nonexistent.lua: no such file",
  ["local t = lunette.ones(2); t:free(); t:sum()"] =
    "this tensor was freed, by t:free(), t <close> or the end of a lunette.scope (return it from the scope, or use lunette.keep)",
  ["lunette.arange(1, 5, 0)"] =
    "arange: first, last and step must be finite and the step not 0",
  ["lunette.augment.norm({1, 2})"] =
    "augment: norm must be a tensor (2,3) or {mean = {r, g, b}, std = {r, g, b}}",
  ["lunette.augment{preset = \"symetric\"}"] =
    "augment: unknown preset 'symetric' (did you mean 'symmetric'?)",
  ["lunette.augment{}:apply(lunette.ones(1, 3, 4, 4), lunette.ones(1), {epcoh = 1})"] =
    "augment:apply: unknown option 'epcoh' (did you mean 'epoch'?)",
  ["lunette.data.cifar100{}"] =
    "cifar100: root must be the folder with the .bin files",
  ["lunette.data.cifar10{}"] =
    "cifar10: root must be the folder with the .bin files",
  ["lunette.data.folder{root = \"/nonexistent\"}"] =
    "folder: no such folder '/nonexistent'",
  ["lunette.data.loader{dataset = lunette.data.shapes{n = 2}, batch = 4}"] =
    "loader: a batch of 4 is larger than the data set of 2 images; lower batch or add data",
  ["lunette.data.loader{dataset = lunette.data.shapes{n = 4}, batch = 4}:epoch(-1)"] =
    "loader: epoch must be a whole number from 0, got -1",
  ["lunette.data.shapes{n = 4, split = \"tset\"}"] =
    "shapes: split must be one of train|test|heldout, got \"tset\"",
  ["lunette.data.stl10{}"] =
    "stl10: root must be the folder with the .bin files",
  ["lunette.debug.profile(1)"] =
    "bad argument #1 to 'profile' (function expected, got number)",
  ["lunette.debug.trace_nan()"] =
    "bad argument #1 to 'trace_nan' (boolean expected, got no value)",
  ["lunette.defer_interrupts()"] =
    "bad argument #1 to 'defer_interrupts' (boolean expected, got no value)",
  ["lunette.determinism(\"loose\")"] =
    "determinism: expected \"strict\" or \"fast\", got loose",
  ["lunette.device(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.device_graphs(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.device_step(1)"] =
    "bad argument #1 to 'device_step' (function expected, got number)",
  ["lunette.explain.energy(1, 2)"] =
    "energy: map and mask must be tensors",
  ["lunette.explain.heatmap(lunette.models.conv4{width = 4}, lunette.ones(3, 16, 16))"] =
    "heatmap: give one of feature = j, features = {j, ...}, per_image = {one j or {j, ...} per image}",
  ["lunette.explain.iou(lunette.ones(2, 2), lunette.ones(3, 3))"] =
    "iou: map and mask must have one shape, (h,w) or (n,h,w), got (2,2) and (3,3)",
  ["lunette.explain.montage(lunette.zeros(0, 3, 4, 4, {dtype = \"u8\"}))"] =
    "montage: there are no pictures",
  ["lunette.explain.overlay(lunette.ones(3, 4, 4), lunette.ones(5, 5))"] =
    "overlay: map must be (1,4,4) one value per pixel of x, got (1,5,5)",
  ["lunette.explain.pointing(1, 2)"] =
    "pointing: map and mask must be tensors",
  ["lunette.explain.scores(1, 2)"] =
    "scores: map and mask must be tensors",
  ["lunette.explain.unit_range(1)"] =
    "unit_range: map must be a tensor (h,w) or (n,h,w), got a number",
  ["lunette.eye(-2)"] =
    "eye: a size must be a whole number >= 0, got the number -2",
  ["lunette.flush_memory(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.frombytes(\"abc\", \"f32\", {1})"] =
    "frombytes: this shape and dtype take 4 bytes, the string holds 3",
  ["lunette.full({2}, \"x\")"] =
    "full: expected full({sizes}, value, options), got the string \"x\" as value",
  ["lunette.image.encode(1)"] =
    "image.encode: expected a tensor, got a number",
  ["lunette.image.montage(lunette.zeros(0, 3, 4, 4, {dtype = \"u8\"}))"] =
    "montage: there are no pictures",
  ["lunette.image.overlay(lunette.ones(3, 4, 4), lunette.ones(5, 5))"] =
    "overlay: map must be (1,4,4) one value per pixel of x, got (1,5,5)",
  ["lunette.image.read(\"/nonexistent.png\")"] =
    "/nonexistent.png: cannot open: No such file or directory",
  ["lunette.image.resize(lunette.ones(3, 4, 4), 0, 4)"] =
    "resize: height must lie in 1..16384, got 0",
  ["lunette.image.write(\"x.png\", lunette.ones(2, 4, 4))"] =
    "image.write: expected one picture (h,w), (1|3,h,w) or (1,1|3,h,w), got (2,4,4)",
  ["lunette.keep(1)"] =
    "keep: argument 1 must be a tensor, got the number 1; call methods with a colon, t:method()",
  ["lunette.loss.barlow(lunette.ones(1, 2), lunette.ones(1, 2))"] =
    "barlow: z1 must hold at least two samples, for a variance, and one feature; got (1,2)",
  ["lunette.loss.byol(lunette.ones(4, 2))"] =
    "byol: argument 2, z, is missing: a tensor was expected",
  ["lunette.loss.cross_entropy(lunette.ones(2, 3), lunette.tensor({0, 1}, {dtype = \"i64\"}))"] =
    "cross_entropy: labels[1] is 0, outside 1..3 (labels count from 1)",
  ["lunette.loss.dino(lunette.ones(4, 2), lunette.ones(4, 2))"] =
    "dino: argument 3, center, is missing: a tensor was expected",
  ["lunette.loss.moco(lunette.ones(4, 2), lunette.ones(4, 2))"] =
    "moco: argument 3, queue, is missing: a tensor was expected",
  ["lunette.loss.mocov3(lunette.ones(4, 2), lunette.ones(4, 3))"] =
    "mocov3: k must be (4,2) like q, got (4,3)",
  ["lunette.loss.simclr(lunette.ones(4, 2), lunette.ones(3, 2))"] =
    "simclr: z2 must be (4,2) like z1, got (3,2)",
  ["lunette.loss.simsiam(lunette.ones(4), lunette.ones(4))"] =
    "simsiam: p must have 2 axes, got (4)",
  ["lunette.loss.sinkhorn(lunette.ones(4))"] =
    "sinkhorn: scores must have 2 axes, got (4)",
  ["lunette.loss.swav(lunette.ones(4, 2), lunette.ones(4, 3))"] =
    "swav: targets must be (4,2) like scores, got (4,3)",
  ["lunette.loss.vicreg(lunette.ones(1, 2), lunette.ones(1, 2))"] =
    "vicreg: z1 must hold at least two samples, for a variance, and one feature; got (1,2)",
  ["lunette.manual_seed(\"x\")"] =
    "bad argument #1 to 'manual_seed' (number expected, got string)",
  ["lunette.memory(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.memory_limit(\"much\")"] =
    "bad argument #1 to 'memory_limit' (number expected, got string)",
  ["lunette.metrics.accuracy({1, 2}, {1})"] =
    "accuracy: 2 predictions for 1 labels",
  ["lunette.metrics.alpha_req(lunette.ones(3))"] =
    "alpha_req: expected representations (n,r), one per row, none of the two 0",
  ["lunette.metrics.auprc({1, 2}, {1, 2})"] =
    "auprc: positive[2] must be true, false, 1 or 0, got 2",
  ["lunette.metrics.auroc({1, 2}, {1})"] =
    "auroc: 2 scores for 1 labels",
  ["lunette.metrics.base_rate({2})"] =
    "base_rate: positive[1] must be true, false, 1 or 0, got 2",
  ["lunette.metrics.baselines(1)"] =
    "baselines: h must be a tensor (n,r), got a number",
  ["lunette.metrics.bootstrap{metric = \"auroc\", scores = {1, 2}, positive = {1}}"] =
    "bootstrap: 2 scores for 1 labels",
  ["lunette.metrics.covariance_eigenvalues(lunette.ones(3))"] =
    "covariance_eigenvalues: expected representations (n,r), one per row, none of the two 0",
  ["lunette.metrics.knn_density(lunette.ones(2, 3), lunette.ones(2, 4))"] =
    "knn_density: queries and bank must be (n,d) and (m,d), got (2,3) and (2,4)",
  ["lunette.metrics.paired({1}, {1, 0})"] =
    "bootstrap: against must hold as many values: the samples are paired",
  ["lunette.metrics.pr_curve({1}, {1, 0})"] =
    "pr_curve: 1 scores for 2 labels",
  ["lunette.metrics.rankme(lunette.ones(3))"] =
    "rankme: expected representations (n,r), one per row, none of the two 0",
  ["lunette.metrics.roc_curve({1}, {1, 0})"] =
    "roc_curve: 1 scores for 2 labels",
  ["lunette.metrics.singular_values(lunette.ones(3))"] =
    "singular_values: expected representations (n,r), one per row, none of the two 0",
  ["lunette.metrics.wilson(3, 2)"] =
    "wilson: hits must be within 0..n with n >= 1, got 3 of 2",
  ["lunette.models.conv4{width = 0}"] =
    "models.conv4: width must be a whole number of at least 1, got 0",
  ["lunette.models.resnet18{stem = \"cifra\"}"] =
    "models.resnet: stem must be \"cifar\" or \"imagenet\", got \"cifra\"",
  ["lunette.models.resnet34{stem = \"cifra\"}"] =
    "models.resnet: stem must be \"cifar\" or \"imagenet\", got \"cifra\"",
  ["lunette.models.resnet50{stem = \"cifra\"}"] =
    "models.resnet: stem must be \"cifar\" or \"imagenet\", got \"cifra\"",
  ["lunette.models.vit_small{path = 8}"] =
    "models.vit_small: unknown option 'path' (did you mean 'patch'?)",
  ["lunette.models.vit_tiny{path = 8}"] =
    "models.vit_tiny: unknown option 'path' (did you mean 'patch'?)",
  ["lunette.models.vit{path = 8}"] =
    "models.vit: unknown option 'path' (did you mean 'patch'?)",
  ["lunette.monitor{images = -1}"] =
    "monitor: images must be a whole number of at least 0, got -1",
  ["lunette.nn.BatchNorm(3)(lunette.ones(2, 4))"] =
    "batch_norm: gamma must be (4) (channels of x), got (3)",
  ["lunette.nn.Conv2d(3, 8, \"x\")"] =
    "zeros: a size must be a whole number >= 0, got the string \"x\"",
  ["lunette.nn.GlobalAvgPool()(lunette.ones(2))"] =
    "global_avg_pool: x must be a batch of images (n,c,h,w), got (2)",
  ["lunette.nn.LayerNorm(3)(lunette.ones(2, 4))"] =
    "layer_norm: gamma must be (4) (d), the size of x's last axis, got (3)",
  ["lunette.nn.Linear(3, \"x\")"] =
    "zeros: a size must be a whole number >= 0, got the string \"x\"",
  ["lunette.nn.Linear(3, 2):load_state({})"] =
    "load_state: 2 missing (weight bias), 0 left over (); pass {partial = true} to accept that",
  ["lunette.nn.MaxPool2d(99)(lunette.ones(1, 1, 4, 4))"] =
    "max_pool2d: kernel must lie in 1..15, got 99",
  ["lunette.nn.Prototypes(3)"] =
    "zeros: a size must be a whole number >= 0, got nothing",
  ["lunette.nn.Sequential(lunette.nn.Linear(3, 2))(lunette.ones(2, 4))"] =
    "linear: x must be (...,k) with weight's k 3, got x (2,4) and weight (2,3) (out,k)",
  ["lunette.nn.WeightNormLinear(3)"] =
    "zeros: a size must be a whole number >= 0, got nothing",
  ["lunette.no_grad()"] =
    "bad argument #1 to 'no_grad' (function expected, got no value)",
  ["lunette.npy.load(\"/nonexistent.npy\")"] =
    "/nonexistent.npy: cannot open: No such file or directory",
  ["lunette.npy.save(\"x.npy\", 1)"] =
    "npy.save: expected a tensor, got number",
  ["lunette.ones(2):copy(lunette.ones(3))"] =
    "copy: destination is (2), source is (3)",
  ["lunette.ones(2):item()"] =
    "item: the tensor must hold exactly one element, this one holds 2; use totable()",
  ["lunette.ones(2):move(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.ones(2):send(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.ones(2):to(\"f31\")"] =
    "to: 'f31' is neither a dtype (f32, bf16, f16, f64, i64, u8, bool) nor a device (cpu, cuda)",
  ["lunette.ones(2, 3):shape(3)"] =
    "shape: axis must be 1..2 (or -2..-1), got 3",
  ["lunette.ones(2, {requires_grad = true}):backward()"] =
    "backward: start from a scalar, or pass a gradient of this tensor's shape (2)",
  ["lunette.ones(2.5)"] =
    "ones: a size must be a whole number >= 0, got the number 2.5",
  ["lunette.optim.adamw{params = {lunette.ones(1)}, lr = \"x\"}"] =
    "optim.adamw: lr must be a number of 0 or more, got x",
  ["lunette.optim.lars{lr = 1}"] =
    "optim.lars: params must be a list of parameters, e.g. net:named_parameters()",
  ["lunette.optim.sgd{params = {lunette.ones(1)}, lr = 1}:clip_gradients()"] =
    "optim.sgd: no parameter has a gradient; call loss:backward() first",
  ["lunette.optim.sgd{params = {lunette.ones(1)}, lr = 1}:load_state({}, 0)"] =
    "optimizer state: param1.momentum is missing",
  ["lunette.optim.sgd{params = {lunette.ones(1)}, lr = 1}:step()"] =
    "optim.sgd: no parameter has a gradient; call loss:backward() first",
  ["lunette.optim.sgd{params = {}, lr = 1}"] =
    "optim.sgd: params must be a list of parameters, e.g. net:named_parameters()",
  ["lunette.plot.bars(1)"] =
    "plot: bars: expected a table of options with bars = {...}, got a number",
  ["lunette.plot.histogram(1)"] =
    "plot: histogram: expected a table of options with groups = {...}, got a number",
  ["lunette.plot.lines(1)"] =
    "plot: lines: expected a table of options with series = {...}, got a number",
  ["lunette.plot.pr_curve(1)"] =
    "plot: pr_curve: expected a table of options with curves = {...}, got a number",
  ["lunette.plot.roc(1)"] =
    "plot: roc: expected a table of options with curves = {...}, got a number",
  ["lunette.plot.save(\"/nonexistent/x.svg\", lunette.plot.scatter{series = {}})"] =
    "plot: save: cannot write /nonexistent/x.svg: No such file or directory",
  ["lunette.plot.scatter(1)"] =
    "plot: scatter: expected a table of options with series = {...}, got a number",
  ["lunette.plot.show(lunette.ones(2))"] =
    "plot.show: expected a heatmap (h,w) or a picture (1,h,w) or (3,h,w), got (2)",
  ["lunette.plot.svg{}"] =
    "plot: svg: expected a chart, as plot.lines and the others return it",
  ["lunette.probe.knn{labels = {1}}"] =
    "probe.knn: features is missing; it takes features, labels, test_features, test_labels",
  ["lunette.probe.linear{features = lunette.ones(2, 3)}"] =
    "probe.linear: labels is missing; it takes features, labels, test_features, test_labels",
  ["lunette.qscore.activation(lunette.ones(2, 3), {epsilon = -1})"] =
    "qscore.activation: epsilon must be a number of at least 0, got -1",
  ["lunette.qscore.discriminative(lunette.ones(2, 3), {low = 0.9, high = 0.1})"] =
    "qscore.discriminative: low and high must be shares with 0 <= low <= high <= 1, got 0.9 and 0.1",
  ["lunette.qscore.regularizer(lunette.ones(2, 3), {weight = 1})"] =
    "qscore.regularizer: unknown option 'weight'",
  ["lunette.qscore.score(lunette.ones(3))"] =
    "qscore.score: h must be (n,r), one representation per row, got (3)",
  ["lunette.qscore.sweep(lunette.ones(2, 3), {epsilon = 1, form = \"v7\"})"] =
    "qscore.sweep: unknown option 'epsilon' (did you mean 'epsilons'?)",
  ["lunette.rand(\"x\")"] =
    "rand: expected sizes, as in rand(2, 3) or rand({2, 3}, {dtype = \"f64\"}), got the string \"x\"",
  ["lunette.randn(2, {sede = 1})"] =
    "randn: unknown option 'sede' (did you mean 'seed'?); options: dtype, device, requires_grad, seed, stream",
  ["lunette.recipe.canonical(print)"] =
    "json.encode: a function cannot be written as JSON",
  ["lunette.recipe.resume()"] =
    "recipe.resume: expected a path, got nothing",
  ["lunette.recipe.run()"] =
    "recipe.run: expected a path, got nothing",
  ["lunette.report.html(\"/nonexistent\")"] =
    "report: /nonexistent is no run directory: neither config.json nor results.json can be read",
  ["lunette.report.write(\"/nonexistent\")"] =
    "report: /nonexistent is no run directory: neither config.json nor results.json can be read",
  ["lunette.reset_peak_memory(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.schedule.constant{valeu = 1}"] =
    "schedule.constant: unknown option 'valeu' (did you mean 'value'?)",
  ["lunette.schedule.cosine{value = 1}"] =
    "schedule.cosine: value and steps must be given",
  ["lunette.schedule.ramp{from = 0, to = 1, steps = 10, shape = \"round\"}"] =
    "schedule.ramp: shape must be \"cosine\" or \"linear\", got \"round\"",
  ["lunette.schedule.steps{value = 1, milestone = {5}}"] =
    "schedule.steps: unknown option 'milestone' (did you mean 'milestones'?)",
  ["lunette.scope(1)"] =
    "bad argument #1 to 'scope' (function expected, got number)",
  ["lunette.ssl.barlow{}"] =
    "ssl.barlow: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.byol{}"] =
    "ssl.byol: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.dino{}"] =
    "ssl.dino: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.mlp(8, {4}, {batchnorm = true})"] =
    "ssl.mlp: unknown option 'batchnorm' (did you mean 'batch_norm'?)",
  ["lunette.ssl.mocov3{}"] =
    "ssl.mocov3: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.moco{}"] =
    "ssl.moco: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.simclr{}"] =
    "ssl.simclr: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.simsiam{}"] =
    "ssl.simsiam: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.swav{}"] =
    "ssl.swav: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.ssl.vicreg{}"] =
    "ssl.vicreg: encoder must be a model, e.g. lunette.models.resnet18{}",
  ["lunette.synchronize(\"tpu\")"] =
    "unknown device \"tpu\": expected \"cpu\" or \"cuda\"",
  ["lunette.tensor({{1, 2}, {3}})"] =
    "tensor: rows must be equally long: [2] holds 1 elements, the first row 2",
  ["lunette.threads(0)"] =
    "threads: expected 1..1024, got 0",
  ["lunette.train{epoch = 1}"] =
    "train: unknown option 'epoch' (did you mean 'epochs'?)",
  ["lunette.weights.load(\"/nonexistent.safetensors\")"] =
    "/nonexistent.safetensors: cannot open: No such file or directory",
  ["lunette.weights.save(\"x\", {w = 1})"] =
    "weights.save: 'w' must be a tensor, got a number",
  ["lunette.zeros(-1)"] =
    "zeros: a size must be a whole number >= 0, got the number -1",
}
