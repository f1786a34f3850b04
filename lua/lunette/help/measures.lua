-- lunette.qscore, lunette.metrics and lunette.probe.

local h = { "h", "tensor (n,r)", "representations before the projector, one per row; at least 0, as after a ReLU" }
local epsilon = { "epsilon", "number = 4", "a feature is highly active above the row's mean + epsilon standard deviations (ddof 1)" }
local low, high = { "low", "number = 0.5", "percentile, as a share" }, { "high", "number = 0.95", "percentile, as a share" }
local over = { "over", "\"all\"|\"nonzero\" = \"all\"", "features whose shares are ranked" }
local form = { "form", "\"v6\"|\"v3\"|\"v1\" = \"v6\"", "version of the definition" }
local features = { "features", "tensor|integer[]?", "positions of the features that count" }
local paper = "arXiv 2203.01881"
local some = "local h = lunette.randn(20, 32, {seed = 1}):relu()\n"
local scores = { "scores", "tensor (n)|number[]", "higher is to mean positive" }
local positive = { "positive", "tensor (n)|table", "bool or 0/1" }
local ranked = "local scores, right = {0.9, 0.8, 0.3, 0.1}, {1, 0, 1, 0}\n"
local draws = { "draws", "integer = 1000", "resamples" }
local level = { "level", "number = 0.95", "of the interval" }
local seed = { "seed", "integer = 0", "of the draws" }
local z = { "z", "tensor (n,r)", "representations, one per row" }
local k = { "k", "integer = 20", "neighbours" }
local blobs = "local labels = {1, 2, 1, 2, 1, 2, 1, 2}\nlocal h = lunette.randn(8, 4, {seed = 1}) + lunette.tensor(labels):reshape(8, "
  .. "1) * 3\n"

local function probe(more)
  local options = { { "features", "tensor (n,d)", "of the training images" }, { "labels", "tensor (n)|integer[]", "from 1" },
    { "test_features", "tensor (m,d)", "of the test images" }, { "test_labels", "tensor (m)|integer[]", "from 1" },
    { "classes", "integer?", "how many; by default the largest label" } }
  return table.move(more, 1, #more, #options + 1, options)
end

return {
  { name = "qscore.score", doc = "The Q-Score of every row: the mean of h minus the row's mean over its highly active features among D.",
    args = { h }, options = { epsilon, { "features", "tensor|integer[]?", "D; by default found in h by low, high and over (form v6)" },
      form, low, high, over },
    returns = { { "tensor (n)", "scores, 0 where the set is empty" }, { "tensor (n)", "sizes of the sets" },
      { "tensor?", "D, positions from 1" } },
    source = paper, fails = "lunette.qscore.score(lunette.ones(3))", example = some .. "print(lunette.qscore.score(h, {epsilon = 2}))" },
  { name = "qscore.activation", doc = "Share of the samples in which each feature is highly active.", args = { h }, options = { epsilon },
    returns = { { "tensor (r)", "shares" }, { "tensor (n)", "highly active features of each row" } }, source = paper,
    fails = "lunette.qscore.activation(lunette.ones(2, 3), {epsilon = -1})", example = some
      .. "print((lunette.qscore.activation(h, {epsilon = 2})))" },
  { name = "qscore.discriminative", doc = "The features whose share lies between two percentiles, ends included.", args = { h },
    options = { epsilon, low, high, over }, returns = { { "tensor", "positions from 1, i64" }, { "number", "lower bound" },
      { "number", "upper bound" } },
    source = paper, fails = "lunette.qscore.discriminative(lunette.ones(2, 3), {low = 0.9, high = 0.1})",
    example = some .. "print(lunette.qscore.discriminative(h, {epsilon = 2}))" },
  { name = "qscore.regularizer", doc = "A loss to be added: it raises scores below their mean and holds back features with an L1 norm "
    .. "above theirs.",
    args = { h }, options = { { "low_weight", "number = 1e-4", "of low scores" }, { "over_weight", "number = 1e-4",
      "of features active for everyone" },
      epsilon, features },
    returns = { { "tensor ()", "the loss" }, { "tensor (n)", "scores" }, { "tensor (n)", "sizes of the sets" },
      { "tensor (r)", "L1 norms of h's columns" } },
    source = paper, fails = "lunette.qscore.regularizer(lunette.ones(2, 3), {weight = 1})", example = some
      .. "print((lunette.qscore.regularizer(h, {epsilon = 2})))" },
  { name = "qscore.sweep", doc = "The score over several epsilon, as a predictor of what is correct.", args = { h },
    options = { { "epsilons", "number[] = {1, 2, 3, 4}", "to try" }, { "correct", "tensor (n)|table?", "which samples are positive" },
      { "on", "tensor?", "representations in which D is found, h by default" }, features, form, low, high, over },
    returns = { { "table[]", "{epsilon, mean, empty_share, n, features, auroc, auprc, base_rate}" } }, source = paper,
    fails = "lunette.qscore.sweep(lunette.ones(2, 3), {epsilon = 1, form = \"v7\"})",
    example = some .. "for _, row in ipairs(lunette.qscore.sweep(h)) do print(row.epsilon, row.mean, row.empty_share) end" },
  { name = "metrics.auroc", doc = "Area under the ROC curve: the share of pairs in the right order, ties one half; 0.5 is chance.",
    args = { scores, positive },
    returns = { { "number?", "nil and a sentence where it is undefined" } }, source = "Fawcett 2006",
      fails = "lunette.metrics.auroc({1, 2}, {1})",
    example = ranked .. "print(lunette.metrics.auroc(scores, right))" },
  { name = "metrics.auprc", doc = "Average precision, equal scores taken as one step; compare it with base_rate(positive).",
    args = { scores, positive },
    returns = { { "number?", "nil and a sentence where it is undefined" } }, source = "Davis and Goadrich 2006",
      fails = "lunette.metrics.auprc({1, 2}, {1, 2})",
    example = ranked .. "print(lunette.metrics.auprc(scores, right))" },
  { name = "metrics.base_rate", doc = "Share of positives.", args = { positive }, returns = { { "number?", "0..1" } },
    fails = "lunette.metrics.base_rate({2})",
    example = "print(lunette.metrics.base_rate({1, 0, 1, 0}))" },
  { name = "metrics.pr_curve", doc = "Precision and recall at every threshold; the last point is precision 1 at recall 0.",
    args = { scores, positive },
    returns = { { "tensor (k+1)", "precision" }, { "tensor (k+1)", "recall" }, { "tensor (k)", "thresholds, ascending" } },
    fails = "lunette.metrics.pr_curve({1}, {1, 0})", example = ranked .. "print(lunette.metrics.pr_curve(scores, right))" },
  { name = "metrics.roc_curve", doc = "False and true positive rates, from (0, 0) to (1, 1).", args = { scores, positive },
    returns = { { "tensor (k+1)", "false positive rate" }, { "tensor (k+1)", "true positive rate" } },
      fails = "lunette.metrics.roc_curve({1}, {1, 0})",
    example = ranked .. "print(lunette.metrics.roc_curve(scores, right))" },
  { name = "metrics.accuracy", doc = "Share of samples that are right.",
    args = { { "predicted", "tensor|table", "positions (n), or scores (n,classes)" }, { "labels", "tensor (n)|integer[]", "from 1" } },
    options = { { "k", "integer = 1", "how many of the largest scores count" } }, returns = { { "number?", "0..1" } },
    fails = "lunette.metrics.accuracy({1, 2}, {1})", example = "print(lunette.metrics.accuracy({1, 2, 3}, {1, 2, 2}))" },
  { name = "metrics.bootstrap", doc = "A figure and its percentile interval over resamples with replacement.",
    options = { { "metric", "\"auroc\"|\"auprc\"|function?", "of scores and positive, or f(positions) with n; without it the mean of "
      .. "values" },
      { "scores", "tensor (n)|number[]?", "to rank by" }, { "positive", "tensor (n)|table?", "bool or 0/1" },
        { "values", "tensor (n)|number[]?", "to take the mean of" },
      { "against", "tensor (n)|number[]?", "other scores or values of the same samples: the figure is the difference" },
        { "n", "integer?", "samples of a function" },
      draws, level, seed },
    returns = { { "number", "the figure" }, { "number?", "lower end" }, { "number?", "upper end" },
      { "integer", "resamples in which it was undefined" } },
    source = "Efron 1979", fails = "lunette.metrics.bootstrap{metric = \"auroc\", scores = {1, 2}, positive = {1}}",
    example = "print(lunette.metrics.bootstrap{values = {1, 0, 1, 1}, draws = 100})" },
  { name = "metrics.paired", doc = "Difference of two accuracies on the same samples, with its interval.",
    args = { { "correct_a", "tensor (n)|table", "bool or 0/1" }, { "correct_b", "tensor (n)|table", "bool or 0/1" } },
      options = { draws, level, seed },
    returns = { { "number", "a minus b" }, { "number", "lower end" }, { "number", "upper end" } },
      fails = "lunette.metrics.paired({1}, {1, 0})",
    example = "print(lunette.metrics.paired({1, 0, 1, 1}, {1, 0, 0, 1}, {draws = 100}))" },
  { name = "metrics.wilson", doc = "Wilson's interval of a share.", args = { { "hits", "integer", "successes" },
    { "n", "integer", "trials" }, level },
    returns = { { "number", "lower end" }, { "number", "upper end" } }, source = "Wilson 1927", fails = "lunette.metrics.wilson(3, 2)",
      example = "print(lunette.metrics.wilson(90, 100))" },
  { name = "metrics.baselines", doc = "What a score must beat.", args = { h },
    returns = { { "table", "{max_activation, l1_norm, l2_norm}, each (n)" } },
    fails = "lunette.metrics.baselines(1)", example = some .. "print(lunette.metrics.baselines(h).l2_norm)" },
  { name = "metrics.knn_density", doc = "Mean cosine to the k nearest rows.",
    args = { h, { "bank", "tensor (m,r)", "rows to look among" } }, options = { k },
    returns = { { "tensor (n)", "f32" } }, fails = "lunette.metrics.knn_density(lunette.ones(2, 3), lunette.ones(2, 4))",
    example = some .. "print(lunette.metrics.knn_density(h, h, {k = 3}))" },
  { name = "metrics.rankme", doc = "How many directions the representations use: exp of the entropy of the singular values, from 1 to "
    .. "min(n,r).", args = { z },
    options = { { "eps", "number = 1e-7", "added to each share" } }, returns = { { "number" } },
      source = "Garrido et al. 2023, arXiv 2210.02885",
    fails = "lunette.metrics.rankme(lunette.ones(3))", example = "print(lunette.metrics.rankme(lunette.randn(20, 8, {seed = 1})))" },
  { name = "metrics.alpha_req", doc = "The exponent of the decay of the covariance's eigenvalues over ranks first..last.", args = { z },
    options = { { "first", "integer = 5", "rank" }, { "last", "integer = 100", "rank, or the last there is" } }, returns = { { "number" } },
    source = "Agrawal et al. 2022", fails = "lunette.metrics.alpha_req(lunette.ones(3))",
      example = "print(lunette.metrics.alpha_req(lunette.randn(40, 16, {seed = 1})))" },
  { name = "metrics.singular_values", doc = "Largest first, min(n,r) of them.", args = { z }, returns = { { "number[]" } },
    fails = "lunette.metrics.singular_values(lunette.ones(3))", example = "print(lunette.metrics.singular_values(lunette.eye(3))[1])" },
  { name = "metrics.covariance_eigenvalues", doc = "Largest first, min(n,r) of them; the covariance is divided by n - 1.", args = { z },
    returns = { { "number[]" } },
    fails = "lunette.metrics.covariance_eigenvalues(lunette.ones(3))",
      example = "print(lunette.metrics.covariance_eigenvalues(lunette.randn(9, 3, {seed = 1}))[1])" },
  { name = "probe.linear", doc = "Softmax regression on frozen features.",
    options = probe { { "solver", "\"lbfgs\"|\"sgd\" = \"lbfgs\"", "to convergence, or as papers do" },
      { "l2", "number?", "weight of the penalty, 1e-4 with lbfgs, 0 with sgd" },
      { "max_iter", "integer = 1000", "of lbfgs" }, { "tol", "number = 1e-5", "of lbfgs: largest element of the gradient" },
        { "epochs", "integer = 100", "of sgd" },
      { "batch", "integer = 256", "of sgd" }, { "lr", "number = 0.1", "of sgd, a tenth after 60 % and 80 %" },
        { "momentum", "number = 0.9", "of sgd" },
      { "seed", "integer = 0", "of sgd's order" }, { "standardise", "boolean = true", "features of mean 0 and variance 1" },
      { "columns", "tensor|integer[]?", "only these features" }, level },
    returns = { { "table", "{top1, ci_low, ci_high, n, predictions, confidence, correct, per_class, train_top1, loss, weight "
      .. "(classes,d), bias, ...}" } },
    fails = "lunette.probe.linear{features = lunette.ones(2, 3)}",
    example = blobs .. "print(lunette.probe.linear{features = h, labels = labels, test_features = h, test_labels = labels}.top1)" },
  { name = "probe.knn", doc = "A weighted vote of the k nearest rows by cosine, each with weight exp(cosine / temperature).",
    options = probe { k, { "temperature", "number = 0.07", "above 0" }, level },
    returns = { { "table", "{top1, ci_low, ci_high, n, k, predictions, confidence, correct, per_class, votes, nearest, similarity}" } },
    source = "Wu et al. 2018, arXiv 1805.01978, section 3.4", fails = "lunette.probe.knn{labels = {1}}",
    example = blobs .. "print(lunette.probe.knn{features = h, labels = labels, test_features = h, test_labels = labels, k = 3}.top1)" },
}
