---@type lunette.Recipe
-- MoCo v2+ on CIFAR-10 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/cifar/mocov2plus.yaml with
--   augmentations/symmetric_weak.yaml; a ResNet-18, 1000 epochs.
-- Published accuracy: 92.94 % top-1, by a linear classifier trained along with the encoder (online), as solo-learn's
--   README has it.
-- Differs from solo-learn: No difference in the method is known: "v2+" is two directions with a queue each, which
--   `symmetric = true` says. The first convolution pads by 1, so that maps are 32, 16, 8 and 4 pixels wide; there by
--   2: 34, 17, 9 and 5. Precision is this program's choice (f32 or bf16), there 16-bit mixed. The probe is fitted to
--   convergence on standardised features of plain images, not online or by SGD on crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/cifar10/moco.lua
--   lunette run --data-root PATH --smoke examples/recipes/cifar10/moco.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.4, 0.1 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  extends = "base/common.lua",
  name = "cifar10-moco",
  about = "MoCo v2+ on CIFAR-10, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "moco", epochs = 1000, batch = 256,
      projector = { 2048, 256 }, temperature = 0.2, queue = 32768, symmetric = true, ema = 0.99, ema_final = 0.999,
      augment = { view, view },
      optim = { kind = "sgd", lr = 0.3, momentum = 0.9, weight_decay = 1e-4 },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
  },
  report = { title = "MoCo v2+ on CIFAR-10" },
  smoke = { ["pretrain.projector"] = { 32, 16 }, ["pretrain.queue"] = 32 },
}
