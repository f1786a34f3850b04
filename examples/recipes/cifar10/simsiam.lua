---@type lunette.Recipe
-- SimSiam on CIFAR-10 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/cifar/simsiam.yaml with
--   augmentations/symmetric_weak.yaml; a ResNet-18, 1000 epochs.
-- Published accuracy: 90.51 % top-1, by a linear classifier trained along with the encoder (online), as solo-learn's
--   README has it.
-- Differs from solo-learn: No difference in the method is known; the predictor's constant learning rate is a group of
--   parameters. The first convolution pads by 1, so that maps are 32, 16, 8 and 4 pixels wide; there by 2: 34, 17, 9 and
--   5. The warm-up begins at 0, there at 3e-5. Precision is this program's choice (f32 or bf16), there 16-bit mixed. The
--   probe is fitted to convergence on standardised features of plain images, not online or by SGD on crops: compare with
--   care.
-- Stage `regularized`: Q-Score regularization after the paper (arXiv 2203.01881): 50 epochs at learning rate 1e-5, both
--   weights 1e-4, epsilon 4. Optimizer and constant rate are our choice; schedules of the method itself begin anew.
-- Data: cifar10/data_batch_1.bin to data_batch_5.bin and test_batch.bin below the data root.
--
--   lunette run --data-root PATH examples/recipes/cifar10/simsiam.lua
--   lunette run --data-root PATH --smoke examples/recipes/cifar10/simsiam.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.4, 0.1 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  format = 1,
  name = "cifar10-simsiam",
  about = "SimSiam on CIFAR-10, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  seed = 1,
  data = { cifar10 = { kind = "cifar10", path = "cifar10" } },
  model = { backbone = "resnet18", stem = "cifar", width = 64 },
  stages = {
    -- What the untrained encoder is worth: everything below is measured against it.
    { name = "random_probe", task = "linear_probe", from = "random", data = "cifar10:train", test = "cifar10:test" },
    { name = "pretrain", task = "simsiam", data = "cifar10:train", epochs = 1000, batch = 256,
      projector = { 2048, 2048, 2048 }, predictor = 512,
      augment = { view, view },
      optim = { kind = "sgd", lr = 0.5, momentum = 0.9, weight_decay = 1e-5,
        groups = { { match = { "predictor.*" }, lr = 0.5 } } },
      schedule = { kind = "cosine", warmup_epochs = 10 },
      save = { every_epochs = 10, keep = 2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", task = "knn", from = "pretrain", data = "cifar10:train", test = "cifar10:test", k = 20 },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe",
      data = "cifar10:train", test = "cifar10:test", epsilon = 4, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 50,
      optim = { lr = 1e-5, groups = { { match = { "predictor.*" }, lr = 1e-5 } } },
      schedule = { kind = "constant" },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 4 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
  },
  report = {
    title = "SimSiam on CIFAR-10",
    compare = { "random_probe", "probe", "regularized_probe" },
  },
  smoke = {
    ["model.width"] = 4, ["random_probe.iterations"] = 5, ["random_probe.resamples"] = 20, ["pretrain.epochs"] = 1,
    ["pretrain.batch"] = 16, ["pretrain.size"] = 16, ["pretrain.schedule.warmup_epochs"] = 0,
    ["pretrain.projector"] = { 32, 32, 32 }, ["pretrain.predictor"] = 8, ["knn.resamples"] = 20,
    ["qscore.resamples"] = 20, ["regularized.epochs"] = 1, ["regularized.regularize.epsilon"] = 1,
  },
}
