---@type lunette.Recipe
-- BYOL on STL-10. No recipe with published figures is known for it: solo-learn reads STL-10 but ships none. This file is
--   its ImageNet-100 recipe with views of 96 x 96 pixels, as that set is near in number of images (105,000 and 126,689)
--   and STL-10's pictures come from ImageNet.
-- Derived from: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/byol.yaml with
--   augmentations/asymmetric.yaml.
-- Published accuracy: none for these settings.
-- Differs from solo-learn: No difference in the method is known. One batch of 256 on one device: its batch norm sees all
--   256, as the SyncBN of 2 x 128 there. Views are 96 x 96 of 96 x 96 pictures, not 224 of larger ones; the blur's sigma
--   of 0.1 to 2 pixels is the same, so it is relatively stronger. The warm-up begins at 0, there at 3e-5. Precision is
--   this program's choice (f32 or bf16), there 16-bit mixed. The probe is fitted to convergence on standardised features
--   of plain images, not online or by SGD on crops: compare with care.
-- Stage `regularized`: Q-Score regularization after the paper (arXiv 2203.01881): 50 epochs at learning rate 1e-5, both
--   weights 1e-4, epsilon 4. Optimizer and constant rate are our choice; schedules of the method itself begin anew.
-- Data: stl10/train_X.bin, train_y.bin, unlabeled_X.bin, test_X.bin and test_y.bin below the data root. Held in memory:
--   2.9 GB.
--
--   lunette run --data-root PATH examples/recipes/stl10/byol.lua
--   lunette run --data-root PATH --smoke examples/recipes/stl10/byol.lua   seconds: shows that everything works

return {
  format = 1,
  name = "stl10-byol",
  about = "BYOL on STL-10, after solo-learn's ImageNet-100 recipe; probes, Q-Scores, Q-Score regularization",
  seed = 1,
  data = { stl10 = { kind = "stl10", path = "stl10" } },
  model = { backbone = "resnet18", stem = "imagenet", width = 64 },
  stages = {
    -- What the untrained encoder is worth: everything below is measured against it.
    { name = "random_probe", task = "linear_probe", from = "random", data = "stl10:train", test = "stl10:test" },
    { name = "pretrain", task = "byol", data = "stl10:train+unlabeled", epochs = 400, batch = 256,
      projector = { 4096, 256 }, predictor = 8192, ema = 0.99, ema_final = 1,
      augment = {
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8, gray = 0.2, blur = 1 },
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8,
          gray = 0.2, blur = 0.1, solarize = 0.2 },
      },
      optim = { kind = "lars", lr = 0.5, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10 },
      save = { every_epochs = 10, keep = 2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", task = "knn", from = "pretrain", data = "stl10:train", test = "stl10:test", k = 20 },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe",
      data = "stl10:train", test = "stl10:test", epsilon = 4, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 50,
      optim = { lr = 1e-5 },
      schedule = { kind = "constant" },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 4 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
  },
  report = {
    title = "BYOL on STL-10",
    compare = { "random_probe", "probe", "regularized_probe" },
  },
  smoke = {
    ["model.width"] = 4, ["random_probe.iterations"] = 5, ["random_probe.resamples"] = 20, ["pretrain.epochs"] = 1,
    ["pretrain.batch"] = 16, ["pretrain.size"] = 16, ["pretrain.schedule.warmup_epochs"] = 0,
    ["pretrain.projector"] = { 32, 16 }, ["pretrain.predictor"] = 16, ["knn.resamples"] = 20,
    ["qscore.resamples"] = 20, ["regularized.epochs"] = 1, ["regularized.regularize.epsilon"] = 1,
  },
}
