---@type lunette.Recipe
-- DINO on STL-10. No recipe with published figures is known for it: solo-learn reads STL-10 but ships none. This file is
--   its ImageNet-100 recipe with views of 96 x 96 pixels, as that set is near in number of images (105,000 and 126,689)
--   and STL-10's pictures come from ImageNet.
-- Derived from: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/dino.yaml with
--   augmentations/asymmetric.yaml.
-- Published accuracy: none for these settings.
-- Differs from solo-learn: Both views pass as one batch through the head and the encoder; there, each is a batch of
--   its own for batch norm. One batch of 256 on one device: its batch norm sees all 256, as the SyncBN of 2 x 128
--   there. Views are 96 x 96 of 96 x 96 pictures, not 224 of larger ones; the blur's sigma of 0.1 to 2 pixels is the
--   same, so it is relatively stronger. Precision is this program's choice (f32 or bf16), there 16-bit mixed. The
--   probe is fitted to convergence on standardised features of plain images, not online or by SGD on crops: compare
--   with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/stl10/dino.lua
--   lunette run --data-root PATH --smoke examples/recipes/stl10/dino.lua   seconds: shows that everything works

return {
  extends = "base/common.lua",
  name = "stl10-dino",
  about = "DINO on STL-10, after solo-learn's ImageNet-100 recipe; probes, Q-Scores, Q-Score regularization",
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
  report = { title = "DINO on STL-10" },
  smoke = {
    ["pretrain.projector"] = { 32, 32, 16 }, ["pretrain.prototypes"] = 24,
    ["pretrain.freeze_epochs"] = 0, ["pretrain.warmup_epochs"] = 1,
  },
}
