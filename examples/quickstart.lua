---@type lunette.Recipe
-- The whole path in a few minutes on two cores, on images made on the fly: an encoder learns without labels, a probe
-- and the Q-Score measure it, Q-Score regularization fine-tunes it, and heatmaps are scored against the true masks.
-- Tests run this with: --set data.shapes.n_train=96 --set data.shapes.n_test=48 --set model.width=4 --set maps.images=8
-- Tests run this with: --set pretrain.batch=16 --set pretrain.epochs=1 --set regularized.batch=16 --set regularized.epochs=1

local batch = 128

return {
  format = 1,
  name = "quickstart",
  about = "SimCLR on shapes, its Q-Scores, a regularized encoder beside it, heatmaps against masks",
  seed = 1,
  data = {
    shapes = { kind = "shapes", n_train = 4000, n_test = 1000, size = 32, classes = 8, correlation = 0.9 },
  },
  model = { backbone = "resnet18", stem = "cifar", width = 16, projector = { 256, 64 } },
  stages = {
    -- What the untrained encoder is worth: everything below is measured against it.
    { name = "random_probe", task = "linear_probe", from = "random", data = "shapes:train", test = "shapes:test" },
    { name = "pretrain", task = "simclr", data = "shapes:train", epochs = 6, batch = batch,
      temperature = 0.5,
      augment = { crop = { 0.2, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.4, 0.1 }, jitter_p = 0.8, gray = 0.2 },
      optim = { kind = "sgd", lr = 0.06 * batch / 128, momentum = 0.9, weight_decay = 5e-4 },
      schedule = { kind = "cosine", warmup_epochs = 1 },
      save = { every_epochs = 2, keep = 2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe", data = "shapes:train", test = "shapes:test",
      epsilon = 2, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 2,
      optim = { lr = 0.005 },
      schedule = { warmup_epochs = 0 },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 2 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
    { name = "maps", task = "interpretability", from = "pretrain", against = "regularized", probe = "probe",
      data = "shapes:test", images = 200, epsilon = 2 },
  },
  report = {
    title = "Quickstart: SimCLR and Q-Score on shapes",
    compare = { "random_probe", "probe", "regularized_probe" },
    figures = { "maps" },
  },
}
