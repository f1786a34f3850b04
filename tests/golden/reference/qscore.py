"""Q-Score, activation share, discriminative features and the regularizer.

Kalibhat et al., "Measuring Self-Supervised Representation Quality for Downstream Classification using
Discriminative Features" (2203.01881, v6), and the form of v1. The values come from plain loops over
samples; the gradients from PyTorch, whose values are compared with the loops' before they are stored.

    mu_i, sigma_i   mean and standard deviation (ddof 1) over the r features of row i
    L_i             { j : h_ij > mu_i + epsilon sigma_i }, strictly greater
    A_j             |{ i : j in L_i }| / n
    D               { j : P50 <= A_j <= P95 }, percentiles with linear interpolation over all features,
                    or over those with A_j > 0 (over = nonzero; a feature with A_j = 0 is then never in D)
    Q_i  (v6)       mean of h_ij - mu_i over j in L_i and D; 0 where that set is empty
    Q_i  (v3)       the same with every feature in D
    Q_i  (v1)       h L2-normalised first, then ((max_j h_ij - mu_i) / sigma_i) / |h_i|_1; 0 where sigma_i is 0,
                    which covers all-zero and constant rows (the formula divides by zero there)
"""

import numpy as np
import torch

from .common import Case, double, generator, normal, positions, scalar

LOW, HIGH = 50, 95


def highly_active(h, epsilon):
    active = np.zeros(h.shape, bool)
    for i, row in enumerate(h):
        active[i] = row > row.mean() + epsilon * row.std(ddof=1)
    return active


def discriminative(share, over):
    """(indices of D, counted from 0; low bound; high bound)"""
    pool = share if over == "all" else share[share > 0]
    if len(pool) == 0:
        return np.zeros(0, np.int64), 0.0, 0.0
    low, high = np.percentile(pool, [LOW, HIGH])
    keep = (share >= low) & (share <= high)
    if over == "nonzero":
        keep &= share > 0
    return np.flatnonzero(keep), low, high


def score_sets(h, active, features):
    """(Q, size of the set) by form v6; with every feature, by form v3."""
    allowed = np.zeros(h.shape[1], bool)
    allowed[features] = True
    q, count = np.zeros(len(h)), np.zeros(len(h), np.int64)
    for i, row in enumerate(h):
        chosen = np.flatnonzero(active[i] & allowed)
        count[i] = len(chosen)
        if len(chosen):
            q[i] = np.mean([row[j] - row.mean() for j in chosen])
    return q, count


def score_v1(h):
    q = np.zeros(len(h))
    for i, row in enumerate(h):
        norm = np.sqrt((row**2).sum())
        if norm > 0 and np.ptp(row) > 0:
            row = row / norm
            q[i] = (row.max() - row.mean()) / row.std(ddof=1) / np.abs(row).sum()
    return q


def torch_sets(h, active, features):
    mask = torch.zeros(h.shape, dtype=torch.float64)
    mask[:, features] = torch.from_numpy(active[:, features].astype(np.float64))
    return ((h - h.mean(1, keepdim=True)) * mask).sum(1) / mask.sum(1).clamp(min=1)


def torch_v1(h):
    h = h / h.norm(dim=1, keepdim=True)
    return (h.amax(1) - h.mean(1)) / h.std(1) / h.abs().sum(1)


def torch_regularizer(h, q, low_weight, over_weight):
    """- low_weight mean_i [Q_i < alpha] Q_i + over_weight mean_j [ |H_.j|_1 > beta ] |H_.j|_1.

    alpha = mean_i Q_i, beta = mean_j |H_.j|_1. They and every index set (L, D and the two brackets) are
    constants in the gradient; mu_i is not. The means run over all n samples and all r features, also
    those whose bracket is 0. d|h|/dh at 0 is 0.
    """
    columns = h.abs().sum(0)
    low, over = (q < q.mean()).detach(), (columns > columns.mean()).detach()
    return -low_weight * (q * low).mean() + over_weight * (columns * over).mean()


def gradient(h, function, dy=None):
    leaf = double(h).requires_grad_()
    y = function(leaf)
    y.backward(None if dy is None else double(dy))
    return y.detach().numpy(), leaf.grad.numpy()


def require_margin(h, epsilon):
    """No h_ij may lie so near its threshold that float32 could decide otherwise."""
    spread = h.std(1, ddof=1, keepdims=True)
    gap = np.abs(h - h.mean(1, keepdims=True) - epsilon * spread) / np.where(spread > 0, spread, np.inf)
    assert gap[spread[:, 0] > 0].min() > 2e-5, gap[spread[:, 0] > 0].min()


def require_bracket_margin(values, threshold):
    """Nor may a bracket of the regularizer hang on the last bits, unless all its values are 0."""
    assert not values.any() or np.abs(values - threshold).min() > 1e-5 * np.abs(values).max()


def regularized(h, active, chosen, tensors, weights):
    """Adds loss and dh of the regularizer for both forms and each pair of weights."""
    every = np.arange(h.shape[1])
    columns = np.abs(h).sum(0)
    require_bracket_margin(columns, columns.mean())
    for label, (low, over) in weights.items():
        for form, features in (("v6", chosen), ("v3", every)):
            q = score_sets(h, active, features)[0]
            require_bracket_margin(q, q.mean())
            run = lambda x: torch_regularizer(x, torch_sets(x, active, features), low, over)
            loss, dh = gradient(h, run)
            tensors[f"{label}_{form}_loss"], tensors[f"{label}_{form}_dh"] = scalar(loss), dh


# The gradient is linear in the weights: the defaults, then the first term alone.
WEIGHTS = {"reg": (1e-4, 1e-4), "reg_low": (0.5, 0.0)}


def case(name, stored, epsilon, over="all", features=None, gradients=True):
    h = stored.astype(np.float64)
    require_margin(h, epsilon)
    active = highly_active(h, epsilon)
    share = active.mean(0)
    found, low, high = discriminative(share, over)
    chosen = found if features is None else features
    tensors = {
        "h": stored,
        "mean": h.mean(1),
        "std": h.std(1, ddof=1),
        "highly_active": active.astype(np.uint8),
        "activation": share,
        "bounds": np.array([low, high]),
        "discriminative": positions(found),
        "score_v1": score_v1(h),
    }
    if features is not None:
        tensors["features"] = positions(features)
    for form, f in (("v6", chosen), ("v3", np.arange(h.shape[1]))):
        tensors["score_" + form], tensors["count_" + form] = score_sets(h, active, f)
    if gradients:
        dscore = normal(generator(name + "/dscore"), len(h))
        forms = {
            "v6": lambda x: torch_sets(x, active, chosen),
            "v3": lambda x: torch_sets(x, active, np.arange(h.shape[1])),
            "v1": torch_v1,
        }
        tensors["dscore"] = dscore
        for form, run in forms.items():
            # The gradient of v1 is not defined where the score is set to 0, so such cases leave it out.
            if form == "v1" and (tensors["std"] == 0).any():
                continue
            q, tensors["dh_" + form] = gradient(h, run, dscore)
            assert np.allclose(q, tensors["score_" + form], rtol=1e-12, atol=1e-14)
        regularized(h, active, chosen, tensors, WEIGHTS)
    # percentiles are numbers of 100 here and fractions of 1 in `low` and `high`
    return Case(name, tensors, {"epsilon": epsilon, "over": over, "low": LOW / 100, "high": HIGH / 100, "ddof": 1})


def encoder_like(name, n, r, strength=6.0):
    """ReLU outputs with per-feature rates and a few strong features per row, so that all sets are populated."""
    rng = generator(name)
    h = np.maximum(normal(rng, n, r) * 0.6 + 0.1, 0) * np.exp(0.4 * normal(rng, r))
    rate = rng.dirichlet(np.full(r, 0.4))
    for row in h:
        # a quarter of the rows keep no feature beyond 4 sigma
        for j in rng.choice(r, rng.randint(0, 3), replace=False, p=rate * 0.8 + 0.2 / r):
            row[j] += strength * (1 + rng.rand())
    return h.astype(np.float32)


def cases():
    h = encoder_like("qscore", 18, 40)
    for epsilon in (4, 1):
        for over in ("all", "nonzero"):
            gradients = over == ("nonzero" if epsilon == 4 else "all")
            yield case(f"qscore_eps{epsilon}_{over}", h, epsilon, over, gradients=gradients)
    small = encoder_like("qscore_given_features", 10, 18)
    yield case("qscore_given_features", small, 1, features=np.array([0, 3, 4, 6, 11, 12, 13, 17]))
    # r - 1 = 40, so the percentiles fall on features themselves: both ends belong to D.
    yield case("qscore_bounds_on_features", encoder_like("qscore_bounds", 50, 41), 1, gradients=False)
    # Odd sizes, one row: the share of a feature is 0 or 1.
    yield case("qscore_one_row", encoder_like("qscore_one_row", 1, 37), 1, gradients=False)
    yield case("qscore_no_high_features", np.abs(normal(generator("qscore_none"), 6, 9)), 4)
    yield edge_rows()
    yield signed()


def edge_rows():
    """Rows 2 and 5 all zero, row 3 constant, row 7 constant and not exact in binary: their sets are empty."""
    h = encoder_like("qscore_edge", 12, 32)
    h[1], h[4], h[2], h[6] = 0, 0, 0.5, 0.1
    return case("qscore_edge_rows", h, 1)


def signed():
    """Outputs that are not behind a ReLU: the L1 norms need the absolute value."""
    return case("qscore_signed", normal(generator("qscore_signed"), 16, 20), 1)
