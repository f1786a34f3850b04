-- lunette.optim, lunette.schedule, lunette.train and lunette.monitor.

local net = "local net = lunette.nn.Linear(3, 1):initialize(1)\n"
local params = { "params", "table[]", "net:named_parameters(), or a list of {params =, lr =, lr_scale =, weight_decay =, ...}" }
local lr = { "lr", "number", "learning rate per step" }
local groups = { "groups", "table[]?", "rules {match = \"*.bias\", max_ndim =, lr =, lr_scale =, ...}; the first that fits a "
  .. "parameter holds" }
local decay_1d = { "decay_1d", "boolean = true", "whether parameters of one axis decay" }
local clip = { "clip_norm", "number?", "longer gradients are scaled to this length" }
local each = { "clip_each", "boolean = false", "every tensor by its own length" }
local decay = { "weight_decay", "number = 0", "added to the gradient, times the parameter" }
local momentum = { "momentum", "number = 0.9", "share of the step before" }
local nesterov = { "nesterov", "boolean = false", "look ahead along the momentum" }
local optimizer = { { "optimizer" } }

local function step_of(kind, more)
  return net .. ("local optimizer = lunette.optim.%s{params = net:named_parameters(), lr = 0.1%s}\n"):format(kind, more or "")
    .. "net(lunette.ones(4, 3)):mean():backward()\noptimizer:step()"
end

local function row(rest, made)
  local method = "local encoder = lunette.models.resnet18{stem = \"cifar\", width = 2}\n"
    .. "local method = lunette.ssl.simclr{encoder = encoder, projector = {8}}\n"
    .. "local train = lunette.data.shapes{n = 8, size = 8}\n"
    .. "local loader = lunette.data.loader{dataset = train, batch = 4, augment = lunette.augment{preset = \"weak\"}}\n"
    .. "local optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.05}\n"
  return method .. (made or "") .. "lunette.train{method = method, loader = loader, optimizer = optimizer, epochs = 1" .. rest
end

return {
  { name = "optim.sgd", doc = "SGD with momentum.", options = { params, lr, momentum, decay, nesterov, groups, decay_1d, clip, each },
    returns = optimizer, source = "Sutskever et al. 2013 (momentum)", fails = "lunette.optim.sgd{params = {}, lr = 1}",
      example = step_of "sgd" },
  { name = "optim.lars", doc = "SGD with a rate of its own for every layer.",
    options = { params, lr, momentum, decay, { "eta", "number = 0.02", "trust coefficient" },
      { "clip", "boolean = true", "the layer's rate is at most lr" },
      { "exclude_1d", "boolean = true", "parameters of one axis take plain steps" }, nesterov,
      { "trust", "\"sum\"|\"update\" = \"sum\"", "norm the rate is relative to" },
      { "decayed_only", "boolean = false", "only parameters that decay get a rate of their own" }, groups, decay_1d, clip, each },
    returns = optimizer, source = "You et al. 2017, arXiv 1708.03888", fails = "lunette.optim.lars{lr = 1}", example = step_of "lars" },
  { name = "optim.adamw", doc = "Adam with decoupled weight decay.",
    options = { params, lr, { "beta1", "number = 0.9", "of the first moment" }, { "beta2", "number = 0.999", "of the second" },
      { "eps", "number = 1e-8", "added to the root" }, { "weight_decay", "number = 0.01", "times lr and the parameter" }, groups, decay_1d,
        clip, each },
    returns = optimizer, source = "Loshchilov and Hutter 2019, arXiv 1711.05101",
      fails = "lunette.optim.adamw{params = {lunette.ones(1)}, lr = \"x\"}",
    example = step_of "adamw" },
  { name = "optimizer:step", doc = "Updates every parameter that has a gradient. Gradients stay until zero_grad.",
    args = { { "lr", "number?", "of this step, the optimizer's own by default" },
      { "now", "table?", "options of this step alone, such as {weight_decay = 0.1}" } },
    returns = {}, fails = "lunette.optim.sgd{params = {lunette.ones(1)}, lr = 1}:step()", example = step_of "sgd" },
  { name = "optimizer:clip_gradients", doc = "The length of all gradients together; clipped here where clip_norm is set, and not again "
    .. "by the step that follows. Waits for a device.",
    args = {}, returns = { { "number", "Euclidean, before clipping; NaN or infinite where a gradient is" } },
    fails = "lunette.optim.sgd{params = {lunette.ones(1)}, lr = 1}:clip_gradients()",
    example = "local w = lunette.ones(2, {requires_grad = true})\nlocal loss = (w * 3):sum()\nloss:backward()\n"
      .. "print(lunette.optim.sgd{params = {w}, lr = 0.1}:clip_gradients())" },
  { name = "optimizer:zero_grad", doc = "Forgets all gradients.", args = {}, returns = {},
    example = net .. "lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}:zero_grad()" },
  { name = "optimizer:state", doc = "Buffers by \"PARAMETER.BUFFER\" and the steps taken, for a checkpoint.", args = {},
    returns = { { "table" } },
    example = net .. "print(next(lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}:state()))" },
  { name = "optimizer:load_state", doc = "Takes over a state.",
    args = { { "state", "table", "as state() gave it" }, { "steps", "integer", "taken so far" } }, returns = {},
    fails = "lunette.optim.sgd{params = {lunette.ones(1)}, lr = 1}:load_state({}, 0)",
    example = net .. "local o = lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}\no:load_state(o:state(), o.steps)" },
  { name = "schedule.cosine", doc = "Linear warm-up, then half a cosine.",
    options = { { "value", "number", "reached after the warm-up" }, { "steps", "integer", "where the end is reached" },
      { "warmup", "integer = 0", "steps" }, { "start", "number = 0", "of the warm-up" }, { "final", "number = 0", "at the end" } },
    returns = { { "function", "f(step) -> number, step from 0" } }, source = "Loshchilov and Hutter 2017, arXiv 1608.03983",
    fails = "lunette.schedule.cosine{value = 1}", example = "local f = lunette.schedule.cosine{value = 1, steps = 100, warmup = "
      .. "10}\nprint(f(0), f(10), f(100))" },
  { name = "schedule.constant", doc = "Constant after a linear warm-up.",
    options = { { "value", "number", "reached after the warm-up" }, { "warmup", "integer = 0", "steps" },
      { "start", "number = 0", "of the warm-up" },
      { "steps", "integer?", "has no effect; taken so that schedules are alike" } },
    returns = { { "function", "f(step) -> number, step from 0" } }, fails = "lunette.schedule.constant{valeu = 1}",
    example = "print(lunette.schedule.constant{value = 1, warmup = 4}(2))" },
  { name = "schedule.ramp", doc = "From one value to another, then constant; for momentum, weight decay, temperature.",
    options = { { "from", "number", "first value" }, { "to", "number", "last value" }, { "steps", "integer", "between them" },
      { "delay", "integer = 0", "steps before" }, { "shape", "\"cosine\"|\"linear\" = \"cosine\"", "of the way" } },
    returns = { { "function", "f(step) -> number, step from 0" } },
      fails = "lunette.schedule.ramp{from = 0, to = 1, steps = 10, shape = \"round\"}",
    example = "print(lunette.schedule.ramp{from = 0.99, to = 1, steps = 100}(50))" },
  { name = "schedule.steps", doc = "The value times factor for every milestone passed.",
    options = { { "value", "number", "at first" }, { "milestones", "integer[]", "steps" }, { "factor", "number = 0.1", "at each" } },
    returns = { { "function", "f(step) -> number, step from 0" } }, fails = "lunette.schedule.steps{value = 1, milestone = {5}}",
    example = "print(lunette.schedule.steps{value = 1, milestones = {5, 8}}(6))" },
  { name = "train", doc = "The training loop: steps, schedules, a check for NaN that names the first op that made one, interrupts.",
    options = { { "method", "module", "of lunette.ssl" }, { "loader", "loader", "of lunette.data.loader" },
      { "optimizer", "optimizer", "of the method's parameters" },
      { "epochs", "integer", "passes over the data" }, { "learning_rate", "function?", "f(step) -> number from 0 on, step from 0" },
      { "weight_decay", "function?", "f(step) -> number" }, { "schedules", "table?", "{name = f(step)}: values of the method" },
      { "regularize", "function?", "f(h, epoch) -> scalar tensor to add to the loss, or nil" },
        { "monitor", "table?", "of lunette.monitor" },
      { "on_step", "function?", "f{epoch, step, batch, batches, loss, regularizer, lr, grad_norm}" },
      { "on_epoch", "function?", "f(row, progress): {epoch, step, loss, lr, ...}" },
      { "interrupted", "function?", "f() -> signal or nil, asked after every step" }, { "on_interrupt", "function?",
        "f(progress), before the error" },
      { "start", "table?", "progress to go on from" } },
    returns = { { "table", "progress {epoch, batch, step, loss_sum, extra_sum}" } }, fails = "lunette.train{epoch = 1}",
    example = row(",\n  on_epoch = function(r) print(r.epoch, r.loss) end}") },
  { name = "monitor", doc = "For lunette.train: figures of embeddings and encoder in every epoch's row, and warnings of a collapse or "
    .. "a loss "
      .. "that does not move. It changes nothing in the training.",
    options = { { "dataset", "table?", "{images, labels, classes}: what figures of the encoder are taken on" },
      { "images", "integer = 1000", "how many of them, 0 for none" }, { "every", "integer = 1", "epochs between those figures" },
      { "norm", "tensor?", "(2,3) means and deviations of the network's input" }, { "batch", "integer = 256", "images at a time" },
      { "knn", "boolean = true", "accuracy of nearest neighbours" }, { "probe", "boolean = true", "accuracy of a linear probe" },
      { "spectrum", "boolean = true", "RankMe and alpha-ReQ" }, { "qscore", "boolean = true", "mean Q-Score" },
        { "epsilon", "number = 4", "of the Q-Score" },
      { "collapse", "boolean = true", "spread of the embeddings" }, { "plateau", "boolean = true", "losses at which nothing is learned" },
      { "on_warning", "function?", "f(warning, again); by default a line on stderr" } },
    returns = { { "table", "monitor.warnings lists {kind, epoch, message}" } },
    source = "RankMe: Garrido et al. 2023, arXiv 2210.02885; alpha-ReQ: Agrawal et al. 2022", fails = "lunette.monitor{images = -1}",
    example = row(", monitor = monitor}\nprint(#monitor.warnings)",
      "local monitor = lunette.monitor{dataset = train, probe = false, knn = false, "
      .. "on_warning = function(w) print(w.message) end}\n") },
}
