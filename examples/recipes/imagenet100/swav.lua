---@type lunette.Recipe
-- SwAV on ImageNet-100 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/swav.yaml with
--   augmentations/symmetric.yaml; a ResNet-18, 400 epochs.
-- Published accuracy: 74.04 % top-1 online, 74.28 % offline, as solo-learn's README has it.
-- Differs from solo-learn: The method is the authors': both views pass as one batch for batch norm (there, each by
--   itself), prototypes are rows brought to unit length after each step (there, weight normalisation), and the queue
--   is written after the step. One batch of 256 on one device: its batch norm sees all 256, as the SyncBN of 2 x 128
--   there. Each picture's central square is brought to 224 x 224 once and views are cut from that; there, from the
--   whole picture at its own size. Probes see it too; there, the centre of 256. Precision is this program's choice
--   (f32 or bf16), there 16-bit mixed. The probe is fitted to convergence on standardised features of plain images,
--   not online or by SGD on crops: compare with care.
-- Data, encoder, measurements and the stage `regularized`: base/common.lua.
--
--   lunette run --data-root PATH examples/recipes/imagenet100/swav.lua
--   lunette run --data-root PATH --smoke examples/recipes/imagenet100/swav.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.8, 0.8, 0.8, 0.2 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  extends = "base/common.lua",
  name = "imagenet100-swav",
  about = "SwAV on ImageNet-100, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  stages = {
    { name = "pretrain", task = "swav", epochs = 400, batch = 256,
      projector = { 2048, 128 }, prototypes = 3000, temperature = 0.1, epsilon = 0.05, iterations = 3,
      freeze_epochs = 2, queue = 3840, queue_from_epoch = 51,
      augment = { view, view },
      optim = { kind = "lars", lr = 0.6, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10, start_lr = 3e-5 } },
    { name = "regularized", freeze_epochs = 0, queue_from_epoch = 1 },
  },
  report = { title = "SwAV on ImageNet-100" },
  smoke = {
    ["pretrain.projector"] = { 32, 16 }, ["pretrain.prototypes"] = 24, ["pretrain.queue"] = 32,
    ["pretrain.queue_from_epoch"] = 1, ["pretrain.freeze_epochs"] = 0,
  },
}
