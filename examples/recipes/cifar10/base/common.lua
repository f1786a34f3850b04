-- What the recipes for CIFAR-10 share: the data, the encoder, what is measured, and the Q-Score regularization behind. Not a
-- recipe by itself: each of ../*.lua extends it by the method, its published settings and their source.
-- Stage `regularized`: Q-Score regularization after the paper (arXiv 2203.01881): 50 epochs at learning rate 1e-5, both
--   weights 1e-4, epsilon 4. Optimizer and constant rate are our choice; schedules of the method itself begin anew.
-- Data: cifar10/data_batch_1.bin to data_batch_5.bin and test_batch.bin below the data root.

return {
  format = 1,
  seed = 1,
  data = { cifar10 = { kind = "cifar10", path = "cifar10" } },
  model = { backbone = "resnet18", stem = "cifar", width = 64 },
  stages = {
    -- What the untrained encoder is worth: everything below is measured against it.
    { name = "random_probe", task = "linear_probe", from = "random", data = "cifar10:train", test = "cifar10:test" },
    -- The recipe that extends this names the method and its settings.
    { name = "pretrain", data = "cifar10:train", save = { every_epochs = 10, keep = 2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", task = "knn", from = "pretrain", data = "cifar10:train", test = "cifar10:test", k = 20 },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe",
      data = "cifar10:train", test = "cifar10:test", epsilon = 4, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 50,
      optim = { lr = 1e-5 },
      schedule = { kind = "constant" },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 4 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
  },
  report = { compare = { "random_probe", "probe", "regularized_probe" } },
  -- Recipes whose method has more to make small add that.
  smoke = {
    ["data.cifar10.limit"] = 512, ["model.width"] = 4, ["random_probe.iterations"] = 5, ["random_probe.resamples"] = 20,
    ["pretrain.epochs"] = 1, ["pretrain.batch"] = 16, ["pretrain.size"] = 16,
    ["pretrain.schedule.warmup_epochs"] = 0, ["knn.resamples"] = 20, ["qscore.resamples"] = 20,
    ["regularized.epochs"] = 1, ["regularized.regularize.epsilon"] = 1,
  },
}
