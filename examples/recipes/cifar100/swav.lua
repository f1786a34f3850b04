---@type lunette.Recipe
-- SwAV on CIFAR-100 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/cifar/swav.yaml with
--   augmentations/symmetric.yaml; a ResNet-18, 1000 epochs.
-- Published accuracy: 64.88 % top-1, by a linear classifier trained along with the encoder (online), as solo-learn's
--   README has it.
-- Differs from solo-learn: The method is the authors': both views pass as one batch for batch norm (there, each by
--   itself), prototypes are rows brought to unit length after each step (there, weight normalisation), and the queue
--   is written after the step. The first convolution pads by 1, so that maps are 32, 16, 8 and 4 pixels wide; there by
--   2: 34, 17, 9 and 5. Precision is this program's choice (f32 or bf16), there 16-bit mixed. The probe is fitted to
--   convergence on standardised features of plain images, not online or by SGD on crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/cifar100/swav.lua
--   lunette run --data-root PATH --smoke examples/recipes/cifar100/swav.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.8, 0.8, 0.8, 0.2 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  extends = "base/common.lua",
  name = "cifar100-swav",
  about = "SwAV on CIFAR-100, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "swav", epochs = 1000, batch = 256,
      projector = { 2048, 128 }, prototypes = 3000, temperature = 0.1, epsilon = 0.05, iterations = 3,
      freeze_epochs = 2, queue = 3840, queue_from_epoch = 51,
      augment = { view, view },
      optim = { kind = "lars", lr = 0.6, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
    { name = "regularized", freeze_epochs = 0, queue_from_epoch = 1 },
  },
  report = { title = "SwAV on CIFAR-100" },
  smoke = {
    ["pretrain.projector"] = { 32, 16 }, ["pretrain.prototypes"] = 24, ["pretrain.queue"] = 32,
    ["pretrain.queue_from_epoch"] = 1, ["pretrain.freeze_epochs"] = 0,
  },
}
