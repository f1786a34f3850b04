--- What both probes check beforehand and report afterwards.
local lunette = require "lunette"
local metrics = require "lunette.metrics"

local outcome = {}

local function need_features(who, name, h)
  if not lunette.is_tensor(h) or h:ndim() ~= 2 then
    error(("%s: %s must be a tensor (n,d), one representation per row"):format(who, name), 0)
  end
  if h:numel() == 0 then error(("%s: %s holds nothing, its shape is (%s)"):format(who, name, table.concat(h:shape(), ",")), 0) end
end

local function need_finite(who, name, x)
  local s = x:sum():item()
  if s - s ~= 0 then error(("%s: %s holds NaN or values too large for f32"):format(who, name), 0) end
end

local function labels_of(who, name, value, n, device)
  local y = value
  if type(y) == "table" then y = lunette.tensor(y, { dtype = "i64" }) end
  if not lunette.is_tensor(y) or y:ndim() ~= 1 then error(("%s: %s must be a tensor or list of labels (n)"):format(who, name), 0) end
  if y:dtype() ~= "i64" then y = y:to("i64") end
  if y:numel() ~= n then error(("%s: %d %s for %d rows of features"):format(who, y:numel(), name, n), 0) end
  return y:to(device), y:totable()
end

local function check_range(who, name, list, classes)
  for i, label in ipairs(list) do
    if label < 1 or label > classes then
      error(("%s: %s[%d] is %d, outside 1..%d%s"):format(who, name, i, label, classes,
        label == 0 and " (labels count from 1)" or ""), 0)
    end
  end
end

--- Checked inputs: features (n,d) and test_features (m,d) as f32, labels as i64 and as lists, number of classes.
function outcome.inputs(who, o)
  for _, name in ipairs { "features", "labels", "test_features", "test_labels" } do
    if o[name] == nil then error(("%s: %s is missing; it takes features, labels, test_features, test_labels"):format(who, name), 0) end
  end
  need_features(who, "features", o.features)
  need_features(who, "test_features", o.test_features)
  local n, d = table.unpack(o.features:shape())
  local m, e = table.unpack(o.test_features:shape())
  if d ~= e then error(("%s: features have %d columns, test_features %d"):format(who, d, e), 0) end
  local device = o.features:device() -- where everything is computed
  local y, train = labels_of(who, "labels", o.labels, n, device)
  local test_y, test = labels_of(who, "test_labels", o.test_labels, m, device)
  local classes = o.classes
  if not classes then
    classes = 2
    for _, list in ipairs { train, test } do
      for _, label in ipairs(list) do classes = math.max(classes, label) end
    end
  end
  if math.type(classes) ~= "integer" or classes < 2 then
    error(("%s: classes must be a whole number of at least 2, got %s"):format(who, tostring(classes)), 0)
  end
  check_range(who, "labels", train, classes)
  check_range(who, "test_labels", test, classes)
  local seen = {}
  for _, label in ipairs(train) do seen[label] = true end
  -- Who says how many classes there are knows that a part of the data may lack some: the images of a training stage's
  -- kNN come as the files have them, perhaps sorted by class.
  if not o.classes and next(seen, (next(seen))) == nil then
    error(("%s: every label is %d; a probe needs samples of at least 2 classes"):format(who, (next(seen))), 0)
  end
  for i, label in ipairs(test) do
    if not seen[label] and not o.classes then
      error(("%s: test_labels[%d] is class %d, of which there is no training sample"):format(who, i, label), 0)
    end
  end
  local x, test_x = o.features:detach():to("f32"), o.test_features:detach():to("f32", device)
  need_finite(who, "features", x)
  need_finite(who, "test_features", test_x)
  return { x = x, y = y, test_x = test_x, test_y = test_y, test = test, n = m, classes = classes }
end

--- From a probability per class and test sample (n, classes): the figures every probe returns.
---   top1, ci_low, ci_high (Wilson, level), n; predictions (n) i64; confidence (n) f32, the largest probability;
---   correct (n) bool; per_class, a list of {class, n, correct, top1}
function outcome.figures(given, probability, level)
  local confidence, predictions = probability:to("f32"):max(2)
  local correct = lunette.ops.eq(predictions:to("f64"), given.test_y:to("f64")):to("bool")
  local flags, per_class, hits = correct:totable(), {}, 0
  for k = 1, given.classes do per_class[k] = { class = k, n = 0, correct = 0 } end
  for i, label in ipairs(given.test) do
    local row = per_class[label]
    row.n = row.n + 1
    if flags[i] then
      row.correct = row.correct + 1
      hits = hits + 1
    end
  end
  for _, row in ipairs(per_class) do row.top1 = row.n > 0 and row.correct / row.n or nil end
  local low, high = metrics.wilson(hits, given.n, level)
  return { top1 = hits / given.n, ci_low = low, ci_high = high, n = given.n, classes = given.classes, predictions = predictions,
    confidence = confidence, correct = correct, per_class = per_class }
end

return outcome
