-- What the recipes for ImageNet-100 share: the data, the encoder, what is measured, and the Q-Score regularization behind. Not a
-- recipe by itself: each of ../*.lua extends it by the method, its published settings and their source.
-- Stage `regularized`: Q-Score regularization after the paper (arXiv 2203.01881): 50 epochs at learning rate 1e-5, both
--   weights 1e-4, epsilon 4. Optimizer and constant rate are our choice; schedules of the method itself begin anew.
-- Data: imagenet100/train/<class>/*.JPEG and imagenet100/val/<class>/*.JPEG below the data root. All pictures are held
--   decoded: about 20 GB, and about as much again (an estimate) for a batch's activations. They are decoded at the start
--   of a run by one thread; nothing is decoded while training. With less memory, data.imagenet100.size = 112 takes a
--   quarter, and is another experiment.
-- Classes: the list of solo-learn's ImageNet-100, by WordNet identifier.

return {
  format = 1,
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
    -- The recipe that extends this names the method and its settings.
    { name = "pretrain", data = "imagenet100:train", save = { every_epochs = 10, keep = 2 } },
    { name = "probe", like = "random_probe", from = "pretrain" },
    { name = "knn", task = "knn", from = "pretrain", data = "imagenet100:train", test = "imagenet100:val", k = 20 },
    { name = "qscore", task = "qscore", from = "pretrain", probe = "probe",
      data = "imagenet100:train", test = "imagenet100:val", epsilon = 4, sweep = { 1, 2, 3, 4 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 50,
      optim = { lr = 1e-5 },
      schedule = { kind = "constant" },
      regularize = { kind = "qscore", low_weight = 1e-4, over_weight = 1e-4, epsilon = 4 } },
    { name = "regularized_probe", like = "probe", from = "regularized" },
  },
  report = { compare = { "random_probe", "probe", "regularized_probe" } },
  -- Recipes whose method has more to make small add that.
  smoke = {
    ["needs.memory_gb"] = 1, ["data.imagenet100.size"] = 32, ["data.imagenet100.limit"] = 4, ["model.width"] = 4,
    ["random_probe.iterations"] = 5, ["random_probe.resamples"] = 20, ["pretrain.epochs"] = 1,
    ["pretrain.batch"] = 16, ["pretrain.size"] = 16, ["pretrain.schedule.warmup_epochs"] = 0,
    ["knn.resamples"] = 20, ["qscore.resamples"] = 20, ["regularized.epochs"] = 1,
    ["regularized.regularize.epsilon"] = 1,
  },
}
