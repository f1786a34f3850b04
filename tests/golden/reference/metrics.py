"""Measures over scores and representations, from scikit-learn and NumPy."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from .common import Case, double, generator, normal, positions, scalar

RANKINGS = {
    # name: (n, share of positives, scores rounded to this many decimals)
    "ranking_no_ties": (150, 0.7, None),
    "ranking_ties": (150, 0.4, 0),
    "ranking_few_positives": (120, 0.03, 1),
}


def ranking(name, score, positive):
    """Average precision sums (R_k - R_k-1) P_k over distinct scores, so ties count as one step."""
    precision, recall, threshold = sk.precision_recall_curve(positive, score)
    tensors = {
        "scores": score,
        "positive": positive.astype(np.uint8),
        "average_precision": scalar(sk.average_precision_score(positive, score)),
        "auroc": scalar(sk.roc_auc_score(positive, score)),
        "base_rate": scalar(positive.mean()),
        "precision": precision,
        "recall": recall,
        "threshold": threshold.astype(np.float64),
    }
    return Case(name, tensors, {})


def rankings():
    for name, (n, share, decimals) in RANKINGS.items():
        r = generator(name)
        positive = r.rand(n) < share
        score = (r.standard_normal(n) + positive).astype(np.float32)
        score = score if decimals is None else np.round(score, decimals)
        yield ranking(name, score, positive)
    yield ranking("ranking_all_tied", np.full(10, 0.5, np.float32), np.arange(10) < 3)
    yield ranking("ranking_perfect", np.arange(8, dtype=np.float32), np.arange(8) >= 5)
    yield ranking("ranking_inverted", np.arange(8, dtype=np.float32), np.arange(8) < 3)


def accuracy():
    r = generator("accuracy")
    labels = r.randint(0, 7, 40)
    logits = normal(r, 40, 7) + np.eye(7, dtype=np.float32)[labels]
    top = np.argsort(-logits, 1)
    tensors = {
        "logits": logits,
        "labels": positions(labels),
        "predicted": positions(top[:, 0]),
        "top1": scalar((top[:, 0] == labels).mean()),
        "top5": scalar((top[:, :5] == labels[:, None]).any(1).mean()),
    }
    return Case("accuracy", tensors, {})


def rankme(z, eps=1e-7):
    """Garrido et al. 2023 (2210.02885), eq. 1-2: p_k = s_k / |s|_1 + eps, exp of the entropy of p."""
    s = np.linalg.svd(z.astype(np.float64), compute_uv=False)
    p = s / s.sum() + eps
    return s, np.exp(-(p * np.log(p)).sum())


def rankmes():
    r = generator("rankme")
    wide, narrow = normal(r, 40, 12), normal(r, 40, 3)
    rank_three = (narrow.astype(np.float64) @ normal(r, 3, 12)).astype(np.float32)
    for name, z in (("rankme", wide), ("rankme_rank3", rank_three), ("rankme_wide", normal(r, 7, 15))):
        s, value = rankme(z)
        yield Case(name, {"z": z, "singular_values": s, "rankme": scalar(value)}, {"eps": 1e-7})


def neighbours(name, n, d, classes, k, temperature, queries=12):
    """Wu et al. 2018 (1805.01978), section 3.4: each of the k most similar votes exp(cosine / T)."""
    r = generator(name)
    centre = normal(r, classes, d)
    draw = lambda labels: centre[labels] + normal(r, len(labels), d, scale=1.2)
    labels, truth = r.randint(0, classes, n), r.randint(0, classes, queries)
    bank, query = draw(labels).astype(np.float32), draw(truth).astype(np.float32)
    unit = lambda x: x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    similarity = unit(query) @ unit(bank).T
    used = min(k, n)
    nearest = np.argsort(-similarity, 1)[:, :used]
    votes = np.zeros((len(query), classes))
    for i, row in enumerate(nearest):
        for j in row:
            votes[i, labels[j]] += np.exp(similarity[i, j] / temperature)
    predicted = votes.argmax(1)
    tensors = {
        "bank": bank,
        "bank_labels": positions(labels),
        "query": query,
        "query_labels": positions(truth),
        "nearest": positions(nearest),
        "similarity": np.take_along_axis(similarity, nearest, 1),
        "votes": votes,
        "predicted": positions(predicted),
        "accuracy": scalar((predicted == truth).mean()),
    }
    return Case(name, tensors, {"k": k, "temperature": temperature, "classes": classes})


def logistic(name, n, d, classes, c, label_noise):
    """min_W,b  sum_i CE_i + |W|^2 / (2 C), which is n times  mean_i CE_i + l2/2 |W|^2  with l2 = 1/(C n).

    b is not penalised, so its sum is free; it is stored centred. scikit-learn's L-BFGS, then Newton steps.
    """
    r = generator(name)
    labels = r.randint(0, classes, n)
    x = (normal(r, classes, d)[labels] + normal(r, n, d, scale=label_noise)).astype(np.float32)
    w, b = minimum(x.astype(np.float64), labels, c)
    logits = x @ w.T + b
    chosen = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss, l2 = -chosen[np.arange(n), labels].mean(), 1 / (c * n)
    tensors = {
        "x": x,
        "labels": positions(labels),
        "weight": w,
        "bias": b,
        "cross_entropy": scalar(loss),
        "objective": scalar(loss + l2 / 2 * (w**2).sum()),
        "probability": np.exp(chosen),
        "predicted": positions(logits.argmax(1)),
        "accuracy": scalar((logits.argmax(1) == labels).mean()),
    }
    return Case(name, tensors, {"C": c, "l2": repr(l2), "classes": classes})


def polished(theta, x, labels, c):
    """Newton steps on the objective itself: scikit-learn stops at about 1e-5 of the minimum."""

    def objective(t):
        ce = F.cross_entropy(double(x) @ t[:, :-1].T + t[:, -1], torch.from_numpy(labels), reduction="sum")
        return ce + (t[:, :-1] ** 2).sum() / (2 * c)

    t = double(theta)
    for _ in range(5):
        g = torch.autograd.functional.jacobian(objective, t).reshape(-1).numpy()
        hessian = torch.autograd.functional.hessian(objective, t).reshape(len(g), -1).numpy()
        # least squares: the sum of the biases is a direction without curvature
        t = t - double(np.linalg.lstsq(hessian, g, rcond=1e-12)[0]).reshape(t.shape)
    assert torch.autograd.functional.jacobian(objective, t).abs().max() < 1e-9 * len(x)
    return t.numpy()


def minimum(x, labels, c):
    model = LogisticRegression(C=c, multi_class="multinomial", solver="lbfgs", tol=1e-8, max_iter=10000)
    model.fit(x, labels)
    theta = np.column_stack([model.coef_, model.intercept_])
    theta = np.vstack([-theta, theta]) if len(theta) == 1 else theta  # two classes: one row, softmax of (-z, z)
    t = polished(theta, x, labels, c)
    assert np.abs(t[:, :-1] - theta[:, :-1]).max() < 1e-3 * np.abs(t).max()
    return t[:, :-1], t[:, -1] - t[:, -1].mean()


def cases():
    yield from rankings()
    yield accuracy()
    yield from rankmes()
    yield neighbours("knn_k20_t007", 120, 8, 5, 20, 0.07)
    yield neighbours("knn_k200_t010", 240, 6, 4, 200, 0.1, queries=5)
    yield neighbours("knn_k_beyond_bank", 30, 6, 4, 200, 0.1)
    yield logistic("logistic_c1", 120, 6, 4, 1.0, 1.5)
    yield logistic("logistic_c001", 90, 10, 3, 0.01, 2.0)
    yield logistic("logistic_c100_two_classes", 100, 5, 2, 100.0, 1.5)
