-- An example for every public op; the rest of what help says of an op stands in its row of the op table.

local x = "local x = lunette.randn(3, 4, {seed = 1})\n"
local images = "local images = lunette.rand(2, 3, 8, 8, {seed = 1})\n"
local views = "local a, b = lunette.randn(8, 16, {seed = 1}), lunette.randn(8, 16, {seed = 2})\n"
local maps = "local map, mask = lunette.rand(1, 8, 8, {seed = 1}), lunette.rand(1, 8, 8, {seed = 2}):le(0.5)\n"
local ranked = "local scores = lunette.tensor({0.9, 0.8, 0.3, 0.1}, {dtype = \"f64\"})\n"
  .. "local right = lunette.tensor({true, false, true, false}, {dtype = \"bool\"})\n"
local scale = "local gamma, beta = lunette.ones(3), lunette.zeros(3)\n"
local probe = "local x = lunette.randn(8, 4, {seed = 1})\nlocal y = lunette.tensor({1, 2, 1, 2, 1, 2, 1, 2}, {dtype = \"i64\"})\n"
local steps = "local w, g = lunette.ones(3), lunette.tensor({0.1, 0.2, 0.3})\n"
local i64 = ", {dtype = \"i64\"})"

local examples = {
  contiguous = x .. "print(x:permute(2, 1):contiguous():is_dense())",
  channels_last = images .. "print(images:channels_last():is_dense())",
  clone = x .. "local y = x:clone()\ny[1] = 0\nprint(x[1], y[1])",
  cast = "print(lunette.ops.cast(lunette.tensor({1.7, -1.7}), \"i64\"))",
  full_like = x .. "print(lunette.ops.full_like(x, 2.5))",
  fill = x .. "lunette.ops.fill(x, 0)\nprint(x:sum():item())",
  assign = x .. "lunette.ops.assign(x, lunette.ones(3, 4))\nprint(x:sum():item())",
  reshape = x .. "print(x:reshape(2, -1):shape(2))",
  permute = x .. "print(x:permute(2, 1):shape(1))",
  narrow = x .. "print(x:narrow(2, 2, 4, 2)) -- columns 2 and 4",
  select = x .. "print(x:select(1, 2)) -- row 2",
  cat = x .. "print(lunette.ops.cat(x, x, 1):shape(1))",
  where = "local a = lunette.tensor({-1, 2})\nprint(lunette.ops.where(a:lt(0), a * 0, a))",
  sum = x .. "print(x:sum(), x:sum({2}), x:sum({1}, true))",
  mean = x .. "print(x:mean(), x:mean({2}))",
  sum_to = x .. "print(lunette.ops.sum_to(x, {1, 4}))",
  expand = "print(lunette.tensor({{1}, {2}}):expand(2, 3))",
  max = x .. "local largest, where = x:max(2)\nprint(largest, where)",
  argmax = x .. "print(x:argmax(2))",
  index_select = x .. "print(x:index_select(1, lunette.tensor({3, 1}" .. i64 .. "))",
  index_add = x .. "print(lunette.ops.index_add(x, 1, lunette.tensor({1, 1, 2}" .. i64 .. ", 2))",
  augment = images .. "print(lunette.ops.augment(images, lunette.tensor({1, 2}" .. i64 .. ", {seed = 1, epoch = 1, jitter = 0}))",
  augment_draws = "print(lunette.ops.augment_draws(lunette.tensor({1}" .. i64 .. ", {height = 8, width = 8, seed = 1, epoch = 1}))",
  resize = images .. "print(lunette.ops.resize(images, 4, 4, {filter = \"bilinear\"}):shape(3))",
  crop_resize = images .. "local boxes = lunette.tensor({{1, 1, 4, 4}, {3, 3, 6, 6}}" .. i64
    .. "\nprint(lunette.ops.crop_resize(images, boxes, 4, 4))",
  adjust_color = images .. "print(lunette.ops.adjust_color(images, lunette.tensor({{1.2, 1, 1, 0}, {0.8, 1, 1, 0.1}}), {1, 2, 3, 4}))",
  to_gray = images .. "print(lunette.ops.to_gray(images))",
  hflip = images .. "print(lunette.ops.hflip(images))",
  solarize = images .. "print(lunette.ops.solarize(images, 0.7))",
  gaussian_blur = images .. "print(lunette.ops.gaussian_blur(images, 1.0))",
  normalize_images = images .. "print(lunette.ops.normalize_images(images, lunette.augment.norm{mean = {0.5, 0.5, 0.5}, std = {0.2, "
    .. "0.2, 0.2}}))",
  softmax = x .. "print(x:softmax():sum({2}))",
  log_softmax = x .. "print(x:log_softmax())",
  cross_entropy = x .. "print((lunette.ops.cross_entropy(x, lunette.tensor({1, 4, 2}" .. i64 .. ")))",
  normalize = x .. "print((x:normalize()):square():sum({2}))",
  simclr = views .. "print((lunette.ops.simclr(a, b, {temperature = 0.2})))",
  byol = views .. "print((lunette.ops.byol(a, b)))",
  simsiam = views .. "print((lunette.ops.simsiam(a, b)))",
  moco = views .. "print((lunette.ops.moco(a, b, (lunette.randn(32, 16):normalize()))))",
  mocov3 = views .. "print((lunette.ops.mocov3(a, b)))",
  sinkhorn = views .. "print(lunette.ops.sinkhorn(a):sum({2}))",
  swav = views .. "print(lunette.ops.swav(a, lunette.ops.sinkhorn(b)))",
  dino = views .. "print(lunette.ops.dino(a, b, lunette.zeros(16)))",
  vicreg = views .. "print((lunette.ops.vicreg(a, b)))",
  barlow = views .. "print((lunette.ops.barlow(a, b)))",
  enqueue = "local queue = lunette.zeros(4, 2)\nlunette.ops.enqueue(queue, lunette.ones(3, 2), 3)\nprint(queue)",
  sgd_step = steps .. "lunette.ops.sgd_step({w}, {g}, {lunette.zeros(3)}, {lr = 0.1})\nprint(w)",
  lars_step = steps .. "lunette.ops.lars_step({w}, {g}, {lunette.zeros(3)}, {lr = 0.1})\nprint(w)",
  adamw_step = steps .. "lunette.ops.adamw_step({w}, {g}, {lunette.zeros(3)}, {lunette.zeros(3)}, {lr = 0.1, step = 1})\nprint(w)",
  ema_update = steps .. "lunette.ops.ema_update({g}, {w}, {momentum = 0.9})\nprint(g)",
  clip_grad_norm = steps .. "print(lunette.ops.clip_grad_norm({g}, 0.1), g)",
  random_normal = "print(lunette.ops.random_normal({2, 3}, {seed = 1, stream = \"weights\"}))",
  random_uniform = "print(lunette.ops.random_uniform({2, 3}, {seed = 1, low = -1, high = 1}))",
  permutation = "print(lunette.ops.permutation(5, {seed = 1, epoch = 2}))",
  shapes = "print((lunette.ops.shapes(2, {size = 16})))",
  matmul = x .. "print(x:matmul(x:permute(2, 1)), x:matmul(x, {tb = true}))",
  linear = x .. "print(lunette.ops.linear(x, lunette.ones(2, 4), {bias = lunette.ones(2)}))",
  linear_dx = "print(lunette.ops.linear_dx(lunette.ones(3, 2), lunette.ones(2, 4)))",
  linear_dw = x .. "print(lunette.ops.linear_dw(x, lunette.ones(3, 2)))",
  column_sum = x .. "print(lunette.ops.column_sum(x))",
  channel_sum = images .. "print(lunette.ops.channel_sum(images))",
  conv2d = images .. "print(lunette.ops.conv2d(images, lunette.ones(4, 3, 3, 3), {padding = 1}))",
  conv2d_dx = "print(lunette.ops.conv2d_dx(lunette.ones(2, 4, 6, 6), lunette.ones(4, 3, 3, 3), {height = 8, width = 8}))",
  conv2d_dw = images .. "print(lunette.ops.conv2d_dw(images, lunette.ones(2, 4, 6, 6), {kernel_h = 3, kernel_w = 3}))",
  batch_norm = images .. scale .. "print((lunette.ops.batch_norm(images, {gamma = gamma, beta = beta})))",
  batch_norm_relu = images .. scale .. "print((lunette.ops.batch_norm_relu(images, {gamma = gamma, beta = beta})))",
  batch_norm_add_relu = images .. scale .. "print((lunette.ops.batch_norm_add_relu(images, images, {gamma = gamma, beta = beta})))",
  normalize_relu = images .. "print(lunette.ops.normalize_relu(images, lunette.zeros(3), lunette.ones(3)))",
  layer_norm = x .. "print((lunette.ops.layer_norm(x, lunette.ones(4), lunette.zeros(4))))",
  attention = "print((lunette.ops.attention(lunette.randn(1, 5, 12), 2))) -- 5 tokens of width 4, 2 heads",
  max_pool2d = images .. "print((lunette.ops.max_pool2d(images, 2)))",
  avg_pool2d = images .. "print(lunette.ops.avg_pool2d(images, 2))",
  global_avg_pool = images .. "print(lunette.ops.global_avg_pool(images))",
  qscore = "print(lunette.ops.qscore(lunette.randn(4, 32, {seed = 1}):relu(), {epsilon = 2}))",
  qscore_activation = "print((lunette.ops.qscore_activation(lunette.randn(4, 8, {seed = 1}):relu(), {epsilon = 1})))",
  qscore_summary = "print((lunette.ops.qscore_summary(lunette.randn(4, 8, {seed = 1}):relu(), {epsilon = 1})))",
  qscore_regularizer = "print((lunette.ops.qscore_regularizer(lunette.randn(4, 8, {seed = 1}):relu(), {epsilon = 1})))",
  average_precision = ranked .. "print(lunette.ops.average_precision(scores, right))",
  auroc = ranked .. "print(lunette.ops.auroc(scores, right))",
  ranking_curve = ranked .. "print(lunette.ops.ranking_curve(scores, right))",
  bootstrap_ranking = ranked .. "print(lunette.ops.bootstrap_ranking(scores, right, {draws = 5}))",
  bootstrap_mean = "print(lunette.ops.bootstrap_mean(lunette.tensor({1, 0, 1}), {draws = 5}))",
  bootstrap_positions = "print(lunette.ops.bootstrap_positions(5, {draw = 2}))",
  symmetric_eigenvalues = "print(lunette.ops.symmetric_eigenvalues(lunette.eye(3, {dtype = \"f64\"})))",
  topk = x .. "print(lunette.ops.topk(x, 2))",
  knn_vote = "local near, at = lunette.ops.topk(lunette.rand(2, 4, {seed = 1}), 3)\n"
    .. "print(lunette.ops.knn_vote(near, at, lunette.tensor({1, 2, 1, 2}" .. i64 .. ", 2))",
  logistic_regression = probe .. "print((lunette.ops.logistic_regression(x, y, 2)))",
  logistic_sgd = probe .. "print((lunette.ops.logistic_sgd(x, y, 2, {epochs = 3})))",
  gradcam = images .. "print(lunette.ops.gradcam(images, images * 0.1))",
  channel_magnitude = images .. "print(lunette.ops.channel_magnitude(images))",
  map_scores = maps .. "print(lunette.ops.map_scores(map, mask, lunette.tensor({0.5}, {dtype = \"f64\"})))",
  overlay = images .. "print(lunette.ops.overlay(images, lunette.rand(2, 8, 8)))",
  montage = "print(lunette.ops.montage(lunette.data.shapes{n = 4, size = 16}.images, 2))",
  draw_text = "local sheet = lunette.zeros(1, 3, 16, 64, {dtype = \"u8\"})\nprint(lunette.ops.draw_text(sheet, \"LOSS 0.5\", {shade = "
    .. "255}))",
}

for _, name in ipairs { "neg", "relu", "exp", "log", "sqrt", "square", "abs", "tanh", "sigmoid", "gelu" } do
  examples[name] = ("print(lunette.tensor({1, -2, 0.5}):%s())"):format(name)
end
for _, name in ipairs { "add", "sub", "mul", "div", "pow" } do
  examples[name] = ("print(lunette.ops.%s(lunette.tensor({1, 2, 3}), lunette.tensor({2})))"):format(name)
end
for _, name in ipairs { "maximum", "minimum", "eq", "lt", "le" } do
  examples[name] = ("print(lunette.tensor({1, 2, 3}):%s(2))"):format(name)
end

return examples
