---@type lunette.Recipe
-- SimCLR on CIFAR-10 for 200 epochs on a GPU: how long it takes and what kNN makes of the features. Run it with the folder
-- that holds cifar10/ (the official .bin files) as data root:
--
--   lunette run --data-root PATH examples/cifar10_200_epochs.lua
--
-- Source: lightly (github.com/lightly-ai/lightly), its CIFAR-10 benchmark: 84.8 % kNN (k = 200, temperature 0.1, the best
-- epoch of all) after 200 epochs of batch 512 in 87 minutes on one RTX A6000, fp32.
-- Differs from lightly: the last epoch's kNN and not the best one's, bf16, a ReLU behind the stem's batch norm.
-- On the CPU: the time of `--set device=cpu` is in days.
-- Tests run this with: --data-root DATA --set device=cpu --set pretrain.epochs=1 --set pretrain.batch=16 --set model.width=4
-- Tests run this with: --set pretrain.size=16 --set model.precision=f32

return {
  format = 1,
  name = "cifar10-200-epochs",
  about = "SimCLR on CIFAR-10, 200 epochs after lightly's benchmark; kNN and linear probe, on a GPU",
  seed = 1,
  device = "cuda",
  data = { cifar10 = { kind = "cifar10", path = "cifar10" } },
  model = { backbone = "resnet18", stem = "cifar", width = 64, projector = { 512, 128 }, precision = "bf16" },
  stages = {
    { name = "random_knn", task = "knn", from = "random", data = "cifar10:train", test = "cifar10:test", k = 200,
      temperature = 0.1 },
    { name = "pretrain", task = "simclr", data = "cifar10:train", epochs = 200, batch = 512,
      temperature = 0.5, save = { every_epochs = 20, keep = 2 },
      augment = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.4, 0.1 }, jitter_p = 0.8, gray = 0.2 },
      optim = { kind = "sgd", lr = 0.24, momentum = 0.9, weight_decay = 5e-4 },
      schedule = { kind = "cosine", warmup_epochs = 0 } },
    { name = "knn", like = "random_knn", from = "pretrain" },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "cifar10:train", test = "cifar10:test" },
  },
  report = { title = "SimCLR on CIFAR-10, 200 epochs" },
}
