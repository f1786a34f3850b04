---@type lunette.Recipe
-- DINO on ImageNet-100 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/dino.yaml with
--   augmentations/asymmetric.yaml; a ResNet-18, 400 epochs.
-- Published accuracy: 74.84 % top-1 online, 74.92 % offline, as solo-learn's README has it.
-- Differs from solo-learn: Both views pass as one batch through the head and the encoder; there, each is a batch of
--   its own for batch norm. One batch of 256 on one device: its batch norm sees all 256, as the SyncBN of 2 x 128
--   there. Each picture's central square is brought to 224 x 224 once and views are cut from that; there, from the
--   whole picture at its own size. Probes see it too; there, the centre of 256. Precision is this program's choice
--   (f32 or bf16), there 16-bit mixed. The probe is fitted to convergence on standardised features of plain images,
--   not online or by SGD on crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/imagenet100/dino.lua
--   lunette run --data-root PATH --smoke examples/recipes/imagenet100/dino.lua   seconds: shows that everything works

return {
  extends = "base/common.lua",
  name = "imagenet100-dino",
  about = "DINO on ImageNet-100, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "dino", epochs = 400, batch = 256,
      projector = { 2048, 2048, 256 }, prototypes = 4096, student_temp = 0.1, teacher_temp = 0.07,
      warmup_teacher_temp = 0.04, warmup_epochs = 50, center_momentum = 0.9, freeze_epochs = 1, ema = 0.9995,
      ema_final = 1,
      augment = {
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8, gray = 0.2, blur = 1 },
        { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.4, 0.4, 0.2, 0.1 }, jitter_p = 0.8,
          gray = 0.2, blur = 0.1, solarize = 0.2 },
      },
      optim = { kind = "lars", lr = 0.3, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
    { name = "regularized", freeze_epochs = 0, warmup_epochs = 0 },
  },
  report = { title = "DINO on ImageNet-100" },
  smoke = {
    ["pretrain.projector"] = { 32, 32, 16 }, ["pretrain.prototypes"] = 24,
    ["pretrain.freeze_epochs"] = 0, ["pretrain.warmup_epochs"] = 1,
  },
}
