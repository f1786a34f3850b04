---@type lunette.Recipe
-- SimCLR on 10,000 real images, its probes, Q-Score fine-tuning, and the comparison of both, in 8 to 20 minutes on two
-- cores. Run it with the folder that holds cifar10/ (the official .bin files) as data root:
--
--   lunette run --data-root PATH examples/cifar10_simclr.lua
--
-- Loss and optimizer after lightly's CIFAR-10 benchmark, temperature 0.2 as solo-learn has it: with so few steps it is
-- ahead of 0.5 (kNN accuracy 44 % after 12 epochs against 37 % after 8). Views of 16x16 pixels make a step four times
-- cheaper, so that there are enough of them; probes see the images as they are. Few epochs all the same: the figures are
-- far from lightly's 84.7 %.
-- Tests run this with: --data-root DATA --set pretrain.epochs=1 --set pretrain.batch=16 --set regularized.batch=16
-- Tests run this with: --set model.width=4

local batch = 64

return {
  format = 1,
  name = "cifar10-simclr",
  about = "SimCLR on one CIFAR-10 batch, linear and kNN probes, Q-Score fine-tuning and what it changed",
  seed = 1,
  data = {
    cifar10 = {
      kind = "cifar10",
      path = "cifar10",
      files = { train = { "data_batch_1.bin" }, test = { "test_batch.bin", "heldout_batch.bin" } },
    },
  },
  model = { backbone = "resnet18", stem = "cifar", width = 64, projector = { 512, 128 }, precision = "bf16" },
  stages = {
    { name = "random_probe", task = "linear_probe", from = "random", data = "cifar10:train", test = "cifar10:test" },
    { name = "random_knn", task = "knn", from = "random", data = "cifar10:train", test = "cifar10:test", k = 20 },
    { name = "pretrain", task = "simclr", data = "cifar10:train", epochs = 12, batch = batch, size = 16,
      temperature = 0.2, monitor = { every = 4 },
      augment = { crop = { 0.15, 0.8 }, flip = 0.5, jitter = { 0.4, 0.4, 0.4, 0.1 }, jitter_p = 0.8, gray = 0.2 },
      optim = { kind = "sgd", lr = 0.06, momentum = 0.9, weight_decay = 5e-4 },
      schedule = { kind = "cosine", warmup_epochs = 0.2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", like = "random_knn", from = "pretrain" },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe", data = "cifar10:train", test = "cifar10:test",
      epsilon = 2, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 1,
      optim = { lr = 0.005 },
      schedule = { warmup_epochs = 0 },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 2 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
    { name = "regularized_knn", like = "knn", from = "regularized" },
  },
  report = {
    title = "SimCLR and Q-Score on 10,000 CIFAR-10 images",
    compare = { "random_probe", "probe", "regularized_probe" },
  },
}
