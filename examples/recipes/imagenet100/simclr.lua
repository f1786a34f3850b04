---@type lunette.Recipe
-- SimCLR on ImageNet-100 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/simclr.yaml with
--   augmentations/symmetric.yaml; a ResNet-18, 400 epochs.
-- Published accuracy: 77.64 % top-1 by the classifier trained along with the encoder (online), as solo-learn's README has
--   it; no offline figure.
-- Differs from solo-learn: Both views pass the encoder as one batch; there, each is a batch of its own for batch norm.
--   One batch of 256 on one device: its batch norm sees all 256, as the SyncBN of 2 x 128 there. Each picture's
--   central square is brought to 224 x 224 once and views are cut from that; there, from the whole picture at its own
--   size. Probes see it too; there, the centre of 256. Precision is this program's choice (f32 or bf16), there 16-bit
--   mixed. The probe is fitted to convergence on standardised features of plain images, not online or by SGD on crops:
--   compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/imagenet100/simclr.lua
--   lunette run --data-root PATH --smoke examples/recipes/imagenet100/simclr.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.8, 0.8, 0.8, 0.2 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  extends = "base/common.lua",
  name = "imagenet100-simclr",
  about = "SimCLR on ImageNet-100, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "simclr", epochs = 400, batch = 256,
      projector = { 4096, 512 }, temperature = 0.2,
      augment = { view, view },
      optim = { kind = "lars", lr = 0.3, momentum = 0.9, weight_decay = 1e-4, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
  },
  report = { title = "SimCLR on ImageNet-100" },
  smoke = { ["pretrain.projector"] = { 32, 16 } },
}
