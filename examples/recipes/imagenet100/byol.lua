---@type lunette.Recipe
-- BYOL on ImageNet-100 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/byol.yaml with
--   augmentations/asymmetric.yaml; a ResNet-18, 400 epochs.
-- Published accuracy: 80.16 % top-1 online, 80.32 % offline, as solo-learn's README has it.
-- Differs from solo-learn: No difference in the method is known. One batch of 256 on one device: its batch norm sees
--   all 256, as the SyncBN of 2 x 128 there. Each picture's central square is brought to 224 x 224 once and views are
--   cut from that; there, from the whole picture at its own size. Probes see it too; there, the centre of 256.
--   Precision is this program's choice (f32 or bf16), there 16-bit mixed. The probe is fitted to convergence on
--   standardised features of plain images, not online or by SGD on crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/imagenet100/byol.lua
--   lunette run --data-root PATH --smoke examples/recipes/imagenet100/byol.lua   seconds: shows that everything works

return {
  extends = "base/common.lua",
  name = "imagenet100-byol",
  about = "BYOL on ImageNet-100, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "byol", epochs = 400, batch = 256,
      projector = { 4096, 256 }, predictor = 8192, ema = 0.99, ema_final = 1,
      augment = {
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8, gray = 0.2, blur = 1 },
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8,
          gray = 0.2, blur = 0.1, solarize = 0.2 },
      },
      optim = { kind = "lars", lr = 0.5, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
  },
  report = { title = "BYOL on ImageNet-100" },
  smoke = { ["pretrain.projector"] = { 32, 16 }, ["pretrain.predictor"] = 16 },
}
