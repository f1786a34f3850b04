---@type lunette.Recipe
-- SwAV on ImageNet-100 with published settings.
-- Source: solo-learn (github.com/vturrisi/solo-learn), scripts/pretrain/imagenet-100/swav.yaml with
--   augmentations/symmetric.yaml; a ResNet-18, 400 epochs.
-- Published accuracy: 74.04 % top-1 online, 74.28 % offline, as solo-learn's README has it.
-- Differs from solo-learn: The method is the authors': both views pass as one batch for batch norm (there, each by
--   itself), prototypes are rows brought to unit length after each step (there, weight normalisation), and the queue is
--   written after the step. One batch of 256 on one device: its batch norm sees all 256, as the SyncBN of 2 x 128 there.
--   Each picture's central square is brought to 224 x 224 once and views are cut from that; there, from the whole picture
--   at its own size. Probes see it too; there, the centre of 256. The warm-up begins at 0, there at 3e-5. Precision is
--   this program's choice (f32 or bf16), there 16-bit mixed. The probe is fitted to convergence on standardised features
--   of plain images, not online or by SGD on crops: compare with care.
-- Stage `regularized`: Q-Score regularization after the paper (arXiv 2203.01881): 50 epochs at learning rate 1e-5, both
--   weights 1e-4, epsilon 4. Optimizer and constant rate are our choice; schedules of the method itself begin anew.
-- Data: imagenet100/train/<class>/*.JPEG and imagenet100/val/<class>/*.JPEG below the data root. All pictures are held
--   decoded: about 20 GB, and about as much again (an estimate) for a batch's activations. They are decoded at the start
--   of a run by one thread; nothing is decoded while training. With less memory, data.imagenet100.size = 112 takes a
--   quarter, and is another experiment.
-- Classes: the list of solo-learn's ImageNet-100, by WordNet identifier.
--
--   lunette run --data-root PATH examples/recipes/imagenet100/swav.lua
--   lunette run --data-root PATH --smoke examples/recipes/imagenet100/swav.lua   seconds: shows that everything works

local view = { crop = { 0.08, 1 }, flip = 0.5, jitter = { 0.8, 0.8, 0.8, 0.2 }, jitter_p = 0.8, gray = 0.2, blur = 0.5 }

return {
  format = 1,
  name = "imagenet100-swav",
  about = "SwAV on ImageNet-100, settings of solo-learn; probes, Q-Scores, Q-Score regularization",
  seed = 1,
  needs = { memory_gb = 40 },
  data = {
    imagenet100 = {
      kind = "folder",
      path = "imagenet100",
      size = 224,
      classes = {
        "n01558993", "n01692333", "n01729322", "n01735189", "n01749939", "n01773797", "n01820546", "n01855672",
        "n01978455", "n01980166", "n01983481", "n02009229", "n02018207", "n02085620", "n02086240", "n02086910",
        "n02087046", "n02089867", "n02089973", "n02090622", "n02091831", "n02093428", "n02099849", "n02100583",
        "n02104029", "n02105505", "n02106550", "n02107142", "n02108089", "n02109047", "n02113799", "n02113978",
        "n02114855", "n02116738", "n02119022", "n02123045", "n02138441", "n02172182", "n02231487", "n02259212",
        "n02326432", "n02396427", "n02483362", "n02488291", "n02701002", "n02788148", "n02804414", "n02859443",
        "n02869837", "n02877765", "n02974003", "n03017168", "n03032252", "n03062245", "n03085013", "n03259280",
        "n03379051", "n03424325", "n03492542", "n03494278", "n03530642", "n03584829", "n03594734", "n03637318",
        "n03642806", "n03764736", "n03775546", "n03777754", "n03785016", "n03787032", "n03794056", "n03837869",
        "n03891251", "n03903868", "n03930630", "n03947888", "n04026417", "n04067472", "n04099969", "n04111531",
        "n04127249", "n04136333", "n04229816", "n04238763", "n04336792", "n04418357", "n04429376", "n04435653",
        "n04485082", "n04493381", "n04517823", "n04589890", "n04592741", "n07714571", "n07715103", "n07753275",
        "n07831146", "n07836838", "n13037406", "n13040303",
      },
    },
  },
  model = { backbone = "resnet18", stem = "imagenet", width = 64 },
  stages = {
    -- What the untrained encoder is worth: everything below is measured against it.
    { name = "random_probe", task = "linear_probe", from = "random", data = "imagenet100:train", test = "imagenet100:val" },
    { name = "pretrain", task = "swav", data = "imagenet100:train", epochs = 400, batch = 256,
      projector = { 2048, 128 }, prototypes = 3000, temperature = 0.1, epsilon = 0.05, iterations = 3,
      freeze_epochs = 2, queue = 3840, queue_from_epoch = 51,
      augment = { view, view },
      optim = { kind = "lars", lr = 0.6, momentum = 0.9, weight_decay = 1e-6, eta = 0.02, clip = true, exclude_1d = true },
      schedule = { kind = "cosine", warmup_epochs = 10 },
      save = { every_epochs = 10, keep = 2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", task = "knn", from = "pretrain", data = "imagenet100:train", test = "imagenet100:val", k = 20 },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe",
      data = "imagenet100:train", test = "imagenet100:val", epsilon = 4, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 50,
      freeze_epochs = 0, queue_from_epoch = 1,
      optim = { lr = 1e-5 },
      schedule = { kind = "constant" },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 4 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
  },
  report = {
    title = "SwAV on ImageNet-100",
    compare = { "random_probe", "probe", "regularized_probe" },
  },
  smoke = {
    ["needs.memory_gb"] = 1, ["data.imagenet100.size"] = 32, ["model.width"] = 4, ["random_probe.iterations"] = 5,
    ["random_probe.resamples"] = 20, ["pretrain.epochs"] = 1, ["pretrain.batch"] = 16, ["pretrain.size"] = 16,
    ["pretrain.schedule.warmup_epochs"] = 0, ["pretrain.projector"] = { 32, 16 }, ["pretrain.prototypes"] = 24,
    ["pretrain.queue"] = 32, ["pretrain.queue_from_epoch"] = 1, ["pretrain.freeze_epochs"] = 0,
    ["knn.resamples"] = 20, ["qscore.resamples"] = 20, ["regularized.epochs"] = 1,
    ["regularized.regularize.epsilon"] = 1,
  },
}
