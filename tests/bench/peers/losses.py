"""losses.py NAME n d k: seconds of one loss, forward and backward, in PyTorch.

The losses as their authors' code writes them; see ../losses.lua.
"""

import statistics
import sys
import time

import torch
import torch.nn.functional as F


def simclr(z1, z2):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = (z @ z.T / 0.5).fill_diagonal_(-torch.inf)
    n = len(z1)
    return F.cross_entropy(s, (torch.arange(2 * n) + n) % (2 * n))


def byol(p, z):
    return 2 - 2 * F.cosine_similarity(p, z, dim=1).mean()


def simsiam(p, z):
    return -F.cosine_similarity(p, z, dim=1).mean()


def moco(q, k, queue):
    q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ queue.T], 1) / 0.07
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


def mocov3(q, k):
    logits = F.normalize(q, dim=1) @ F.normalize(k, dim=1).T / 0.2
    return F.cross_entropy(logits, torch.arange(len(q))) * 0.4


@torch.no_grad()
def sinkhorn(scores):
    q = torch.exp((scores - scores.max()) / 0.05).T
    size, batch = q.shape
    q /= q.sum()
    for _ in range(3):
        q /= q.sum(1, keepdim=True)
        q /= size
        q /= q.sum(0, keepdim=True)
        q /= batch
    return (q * batch).T


def swav(scores, targets):
    return -(targets * F.log_softmax(scores / 0.1, 1)).sum(1).mean()


def dino(student, teacher, center):
    target = F.softmax((teacher - center) / 0.04, 1)
    return -(target * F.log_softmax(student / 0.1, 1)).sum(1).mean()


def off_diagonal(c):
    n = len(c)
    return c.flatten()[:-1].view(n - 1, n + 1)[:, 1:].flatten()


def vicreg(z1, z2):
    loss = 25 * F.mse_loss(z1, z2)
    for z in (z1, z2):
        z = z - z.mean(0)
        loss = loss + 25 * F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() / 2
        loss = loss + off_diagonal(z.T @ z / (len(z) - 1)).pow(2).sum() / z.shape[1]
    return loss


def barlow(z1, z2):
    a, b = (F.batch_norm(z, None, None, training=True) for z in (z1, z2))
    c = a.T @ b / len(a)
    return (c.diagonal() - 1).pow(2).sum() + 0.0051 * off_diagonal(c).pow(2).sum()


def inputs(name, n, d, k):
    def leaf(columns):
        return torch.randn(n, columns, requires_grad=True)

    if name in ("simclr", "vicreg", "barlow"):
        return leaf(d), leaf(d)
    if name in ("byol", "simsiam", "mocov3"):
        return leaf(d), torch.randn(n, d)
    if name == "moco":
        return leaf(d), torch.randn(n, d), F.normalize(torch.randn(k, d), dim=1)
    if name == "dino":
        return leaf(k), torch.randn(n, k), torch.randn(k)
    scores = torch.randn(n, k) * 0.1
    return (scores,) if name == "sinkhorn" else (leaf(k), sinkhorn(scores))


def once(run, given):
    y = run(*given)
    if y.requires_grad:
        y.backward()
    for x in given:
        x.grad = None


def main():
    name, sizes = sys.argv[1], [int(a) for a in sys.argv[2:]]
    torch.manual_seed(1)
    run, given, times, count = globals()[name], inputs(name, *sizes), [], 1
    for repetition in range(10):
        start = time.perf_counter()
        for _ in range(count):
            once(run, given)
        took = (time.perf_counter() - start) / count
        if repetition == 0:
            once(run, given)
            count = max(1, round(0.1 / max(took / 5, 1e-6)))
        else:
            times.append(took)
    print(statistics.median(times))


if __name__ == "__main__":
    main()
