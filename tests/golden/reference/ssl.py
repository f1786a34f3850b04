"""Losses of self-supervised methods, each from its paper. All reduce to a mean over samples."""

import numpy as np
import torch
import torch.nn.functional as F

from .common import Case, double, forward_backward, generator, normal, uniform


def unit(x):
    return F.normalize(x, dim=1)


def nt_xent(z1, z2, temperature):
    """Chen et al. 2020 (2002.05709), eq. 1: the positive of i is i+n; i itself is no negative; mean over 2n."""
    n = len(z1)
    z = unit(torch.cat([z1, z2]))
    s = (z @ z.T / temperature).masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
    return F.cross_entropy(s, (torch.arange(2 * n) + n) % (2 * n))


# n, d, temperature, scale of z
SIMCLR = {
    "simclr_n4_d8_t050": (4, 8, 0.5, 1),
    "simclr_n8_d16_t007": (8, 16, 0.07, 1),
    "simclr_n16_d32_t020": (16, 32, 0.2, 1),
    "simclr_n5_d7_t100": (5, 7, 1.0, 1),
    "simclr_n2_d3_t010": (2, 3, 0.1, 1),
    "simclr_n1_d4_t050": (1, 4, 0.5, 1),  # no negatives: loss and gradients are 0
    "simclr_n9_d33_t007_scale100": (9, 33, 0.07, 100),  # exp(1/0.07) = 1.6e6: the sum needs care
}


def simclr():
    for name, (n, d, t, scale) in SIMCLR.items():
        r = generator(name)
        z1, z2 = normal(r, n, d, scale=scale), normal(r, n, d, scale=scale)
        z2 = z1 * np.float32(0.5) + z2  # correlated, as two views are
        yield Case(name, forward_backward(lambda z1, z2: nt_xent(z1, z2, t), {"z1": z1, "z2": z2}), {"temperature": t})
    z = normal(generator("simclr_identical"), 6, 10)
    tensors = forward_backward(lambda z1, z2: nt_xent(z1, z2, 0.07), {"z1": z, "z2": z.copy()})
    yield Case("simclr_identical_views", tensors, {"temperature": 0.07})


def moco(q, k, queue, temperature):
    """He et al. 2020 (1911.05722): one positive against the queue."""
    positive = (unit(q) * unit(k)).sum(1, keepdim=True)
    logits = torch.cat([positive, unit(q) @ queue.T], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


def mocov3(q, k, temperature):
    """Chen, Xie and He 2021 (2104.02057), algorithm 1, function ctr; one direction."""
    logits = unit(q) @ unit(k).T / temperature
    return 2 * temperature * F.cross_entropy(logits, torch.arange(len(q)))


def vicreg(z1, z2, invariance=25, variance=25, covariance=1):
    """Bardes et al. 2022 (2105.04906), the authors' code: variance halved, squared covariances / d."""

    def spread(z):
        return F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean()

    def redundancy(z):
        z = z - z.mean(0)
        c = z.T @ z / (len(z) - 1)
        return (c**2).sum().sub((c.diagonal() ** 2).sum()) / z.shape[1]

    v = (spread(z1) + spread(z2)) / 2
    return invariance * F.mse_loss(z1, z2) + variance * v + covariance * (redundancy(z1) + redundancy(z2))


def barlow(z1, z2, lambd=0.0051, scale=1):
    """Zbontar et al. 2021 (2103.03230): batch-normalised without affine (biased variance, eps 1e-5)."""
    a, b = (F.batch_norm(z, None, None, training=True, eps=1e-5) for z in (z1, z2))
    c = a.T @ b / len(a)
    diagonal = c.diagonal()
    return scale * (((diagonal - 1) ** 2).sum() + lambd * ((c**2).sum() - (diagonal**2).sum()))


def dino(student, teacher, center, student_temp, teacher_temp):
    """Caron et al. 2021 (2104.14294), algorithm 1: one pair of views."""
    target = F.softmax((teacher - center) / teacher_temp, 1)
    return -(target * F.log_softmax(student / student_temp, 1)).sum(1).mean()


def sinkhorn(scores, epsilon, iterations):
    """Caron et al. 2020 (2006.09882), appendix A: rows of q are prototypes; every sample's target sums to 1."""
    q = np.exp(scores.astype(np.float64) / epsilon).T
    k, b = q.shape
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(1, keepdims=True) * k
        q /= q.sum(0, keepdims=True) * b
    return (q * b).T


def swav(scores, targets, temperature):
    return -(targets * F.log_softmax(scores / temperature, 1)).sum(1).mean()


def others():
    r = generator("ssl_losses")
    a, b = normal(r, 6, 9), normal(r, 6, 9)
    queue = unit(double(normal(r, 11, 9))).numpy().astype(np.float32)
    tensors = forward_backward(lambda q: moco(q, double(b), double(queue), 0.2), {"q": a})
    yield Case("moco", {**tensors, "k": b, "queue": queue}, {"temperature": 0.2})

    cosine = lambda p: (unit(p) * unit(double(b))).sum(1).mean()
    yield Case("byol", {**forward_backward(lambda p: 2 - 2 * cosine(p), {"p": a}), "z": b}, {})
    yield Case("simsiam", {**forward_backward(lambda p: -cosine(p), {"p": a}), "z": b}, {})

    pair = {"z1": a * np.float32(0.7), "z2": a * np.float32(0.5) + b * np.float32(0.3)}
    weights = {"invariance": 25, "variance": 25, "covariance": 1}
    yield Case("vicreg", forward_backward(lambda z1, z2: vicreg(z1, z2), pair), weights)
    for name, scale in (("barlow", 1), ("barlow_scaled", 0.024)):
        tensors = forward_backward(lambda z1, z2: barlow(z1, z2, 0.0051, scale), pair)
        yield Case(name, tensors, {"lambda": 0.0051, "scale": scale, "eps": 1e-5})

    center = normal(r, 9, scale=0.3)
    tensors = forward_backward(lambda student: dino(student, double(b), double(center), 0.1, 0.04), {"student": a})
    yield Case("dino", {**tensors, "teacher": b, "center": center}, {"student_temp": 0.1, "teacher_temp": 0.04})

    scores = (unit(double(normal(r, 8, 5))) @ unit(double(normal(r, 4, 5))).T).numpy().astype(np.float32)
    targets = sinkhorn(scores, 0.05, 3)
    yield Case("sinkhorn", {"scores": scores, "targets": targets}, {"epsilon": 0.05, "iterations": 3})
    targets = targets.astype(np.float32)
    tensors = forward_backward(lambda scores: swav(scores, double(targets), 0.1), {"scores": scores})
    yield Case("swav", {**tensors, "targets": targets}, {"temperature": 0.1})


# n, d, K, temperature, scale of q and k
MOCO = {
    "moco_n16_k700_t007": (16, 12, 700, 0.07, 1),
    "moco_n5_k9_t007_scale100": (5, 33, 9, 0.07, 100),
    "moco_n1_k1_t100": (1, 4, 1, 1.0, 1),
}
MOCOV3 = {"mocov3_n8_t020": (8, 16, 0.2), "mocov3_n33_t007": (33, 7, 0.07), "mocov3_n1_t100": (1, 5, 1.0)}


def contrast():
    """A key is half its query, as two views are alike. Nothing flows to keys and queue."""
    for name, (n, d, size, t, scale) in MOCO.items():
        r = generator(name)
        q, noise = normal(r, n, d, scale=scale), normal(r, n, d, scale=scale)
        k, queue = q * np.float32(0.5) + noise, unit(double(normal(r, size, d))).numpy().astype(np.float32)
        tensors = forward_backward(lambda q: moco(q, double(k), double(queue), t), {"q": q})
        yield Case(name, {**tensors, "k": k, "queue": queue}, {"temperature": t})
    for name, (n, d, t) in MOCOV3.items():
        r = generator(name)
        q, noise = normal(r, n, d), normal(r, n, d)
        k = q * np.float32(0.5) + noise
        yield Case(name, {**forward_backward(lambda q: mocov3(q, double(k), t), {"q": q}), "k": k}, {"temperature": t})


def cosines():
    """Rows of length 100 and 0.01: the loss does not see lengths, the gradient does."""
    for name, shape in {"n17_d33": (17, 33), "n1_d2": (1, 2)}.items():
        r = generator("cosine_" + name)
        p, z = normal(r, *shape), normal(r, *shape, scale=0.01)
        p[0] *= np.float32(100)
        cosine = lambda p: (unit(p) * unit(double(z))).sum(1).mean()
        yield Case("byol_" + name, {**forward_backward(lambda p: 2 - 2 * cosine(p), {"p": p}), "z": z}, {})
        yield Case("simsiam_" + name, {**forward_backward(lambda p: -cosine(p), {"p": p}), "z": z}, {})


# n, K, epsilon, iterations, scale of the scores
SINKHORN = {
    "sinkhorn_queue": (40, 12, 0.05, 3, 0.5),
    "sinkhorn_far_apart": (9, 14, 0.05, 3, 3.0),  # exp(s / epsilon) overflows float32
    "sinkhorn_one_iteration": (70, 5, 0.1, 1, 0.5),
    "sinkhorn_ten_iterations": (6, 6, 0.03, 10, 0.4),
    "sinkhorn_one_sample": (1, 7, 0.05, 3, 0.5),
}


def assignments():
    for name, (n, size, epsilon, iterations, scale) in SINKHORN.items():
        scores = normal(generator(name), n, size, scale=scale)
        tensors = {"scores": scores, "targets": sinkhorn(scores, epsilon, iterations)}
        yield Case(name, tensors, {"epsilon": epsilon, "iterations": iterations})
    r = generator("swav_queue")  # 8 samples after 24 of a queue share the assignment, as in the authors' code
    scores = normal(r, 8, 12, scale=0.4)
    targets = sinkhorn(normal(r, 32, 12, scale=0.4), 0.05, 3)[24:].astype(np.float32)
    tensors = forward_backward(lambda scores: swav(scores, double(targets), 0.07), {"scores": scores})
    yield Case("swav_queue", {**tensors, "targets": targets}, {"temperature": 0.07})


# n, K, temperatures of student and teacher, scale of the logits
DINO = {
    "dino_n7_k40_warm": (7, 40, 0.1, 0.07, 1),
    "dino_n1_k4200": (1, 4200, 0.1, 0.04, 0.3),
    "dino_n4_k9_scale30": (4, 9, 0.2, 0.05, 30),  # logits / temperature beyond what exp takes
    "dino_n1_k1": (1, 1, 0.1, 0.04, 1),
}


def distillation():
    for name, (n, k, ts, tt, scale) in DINO.items():
        r = generator(name)
        student, teacher, center = normal(r, n, k, scale=scale), normal(r, n, k, scale=scale), normal(r, k, scale=0.2)
        loss = lambda student: dino(student, double(teacher), double(center), ts, tt)
        tensors = forward_backward(loss, {"student": student})
        yield Case(name, {**tensors, "teacher": teacher, "center": center}, {"student_temp": ts, "teacher_temp": tt})


# n, d: many samples, many features, few of both; from two features per sample on, there is a cheaper way
REDUNDANCY = {
    "n40_d6": (40, 6),
    "n3_d50": (3, 50),
    "n20_d40": (20, 40),
    "n20_d39": (20, 39),
    "n4_d2": (4, 2),
    "n5_d1": (5, 1),
}


def redundancy():
    for name, (n, d) in REDUNDANCY.items():
        r = generator("redundancy_" + name)
        z1, noise = normal(r, n, d, shift=0.5), normal(r, n, d, scale=0.3)
        pair = {"z1": z1 * uniform(r, d, low=0.2, high=2.0), "z2": z1 * np.float32(0.8) + noise}
        weights = {"invariance": 10, "variance": 50, "covariance": 2}
        yield Case("vicreg_" + name, forward_backward(lambda z1, z2: vicreg(z1, z2, 10, 50, 2), pair), weights)
        tensors = forward_backward(lambda z1, z2: barlow(z1, z2, 0.02, 0.1), pair)
        yield Case("barlow_" + name, tensors, {"lambda": 0.02, "scale": 0.1, "eps": 1e-5})
    r = generator("vicreg_one_large")  # one column holds nearly all variance: its square hides the covariances
    pair = {"z1": normal(r, 5, 12), "z2": normal(r, 5, 12)}
    for z in pair.values():
        z[:, 3] *= np.float32(300)
    weights = {"invariance": 0, "variance": 0, "covariance": 1}
    yield Case("vicreg_one_large", forward_backward(lambda z1, z2: vicreg(z1, z2, 0, 0, 1), pair), weights)


def cases():
    yield from simclr()
    yield from others()
    yield from contrast()
    yield from cosines()
    yield from assignments()
    yield from distillation()
    yield from redundancy()
