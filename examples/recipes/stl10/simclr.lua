---@type lunette.Recipe
-- SimCLR on STL-10. No recipe with published figures is known for it: solo-learn reads STL-10 but ships none. This file
--   is its ImageNet-100 recipe with views of 96 x 96 pixels, as that set is near in number of images (105,000 and
--   126,689) and STL-10's pictures come from ImageNet.
-- Derived from: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/simclr.yaml with
--   augmentations/symmetric.yaml.
-- Published accuracy: none for these settings. For orientation: sthalles/SimCLR reports 74.45 % linear accuracy after 100
--   epochs with other settings (ResNet-18, Adam 3e-4, batch 256, temperature 0.07).
-- Differs from solo-learn: Both views pass the encoder as one batch; there, each is a batch of its own for batch norm.
--   One batch of 256 on one device: its batch norm sees all 256, as the SyncBN of 2 x 128 there. Views are 96 x 96 of
--   96 x 96 pictures, not 224 of larger ones; the blur's sigma of 0.1 to 2 pixels is the same, so it is relatively
--   stronger. Precision is this program's choice (f32 or bf16), there 16-bit mixed. The probe is fitted to convergence
--   on standardised features of plain images, not online or by SGD on crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/stl10/simclr.lua
--   lunette run --data-root PATH --smoke examples/recipes/stl10/simclr.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.8, 0.8, 0.8, 0.2 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  extends = "base/common.lua",
  name = "stl10-simclr",
  about = "SimCLR on STL-10, after solo-learn's ImageNet-100 recipe; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "simclr", epochs = 400, batch = 256,
      projector = { 4096, 512 }, temperature = 0.2,
      augment = { view, view },
      optim = { kind = "lars", lr = 0.3, momentum = 0.9, weight_decay = 1e-4, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
  },
  report = { title = "SimCLR on STL-10" },
  smoke = { ["pretrain.projector"] = { 32, 16 } },
}
