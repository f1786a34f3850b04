---@type lunette.Recipe
-- MoCo v3 on CIFAR-10 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/cifar/mocov3.yaml with
--   augmentations/asymmetric.yaml; a ResNet-18, 1000 epochs.
-- Published accuracy: 93.10 % top-1, by a linear classifier trained along with the encoder (online), as solo-learn's
--   README has it.
-- Differs from solo-learn: No difference in the method is known. The first convolution pads by 1, so that maps are 32,
--   16, 8 and 4 pixels wide; there by 2: 34, 17, 9 and 5. Precision is this program's choice (f32 or bf16), there
--   16-bit mixed. The probe is fitted to convergence on standardised features of plain images, not online or by SGD on
--   crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/cifar10/mocov3.lua
--   lunette run --data-root PATH --smoke examples/recipes/cifar10/mocov3.lua   seconds: shows that everything works

return {
  extends = "base/common.lua",
  name = "cifar10-mocov3",
  about = "MoCo v3 on CIFAR-10, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "mocov3", epochs = 1000, batch = 256,
      projector = { 4096, 256 }, predictor = 4096, temperature = 0.2, ema = 0.99, ema_final = 1,
      augment = {
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8, gray = 0.2 },
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8,
          gray = 0.2, solarize = 0.2 },
      },
      optim = { kind = "lars", lr = 0.3, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
  },
  report = { title = "MoCo v3 on CIFAR-10" },
  smoke = { ["pretrain.projector"] = { 32, 16 }, ["pretrain.predictor"] = 16 },
}
