"""Optimizers over three steps, and the learning-rate schedule."""

import math

import numpy as np
import torch

from .common import Case, double, generator, normal

STEPS = 3


def start(name, scale=1.0):
    """A 2-D weight and a 1-D bias with a gradient for each step."""
    r = generator(name)
    shapes = {"weight": (4, 3), "bias": (4,)}
    tensors = {f"{k}.0": normal(r, *s, scale=scale) for k, s in shapes.items()}
    for k, s in shapes.items():
        tensors.update({f"{k}.grad.{t}": normal(r, *s) for t in range(1, STEPS + 1)})
    return tensors


def follow(name, make, parameters, scale=1.0):
    """Parameters after each step of the optimizer that make(list of parameters) returns."""
    tensors = start(name, scale)
    leaves = {k: double(tensors[k + ".0"]).clone().requires_grad_() for k in ("weight", "bias")}
    optimizer = make(list(leaves.values()))
    for t in range(1, STEPS + 1):
        for k, p in leaves.items():
            p.grad = double(tensors[f"{k}.grad.{t}"]).clone()
        optimizer.step()
        tensors.update({f"{k}.{t}": p.detach().numpy().copy() for k, p in leaves.items()})
    return Case(name, tensors, parameters)


class Lars:
    """You et al. 2017 (1708.03888) as solo-learn writes it.

    q = eta |w| / (|g| + weight_decay |w| + 1e-8), with clip q = min(q / lr, 1); g' = q (g + weight_decay w).
    Neither q nor weight decay where |w| = 0 or |g| = 0, nor, with exclude, for 1-D tensors.
    The momentum buffer holds g'; lr multiplies the buffer when w is changed.
    """

    def __init__(self, parameters, lr, momentum, weight_decay, eta, clip, exclude, nesterov=False):
        self.parameters, self.lr, self.momentum, self.weight_decay = parameters, lr, momentum, weight_decay
        self.eta, self.clip, self.exclude, self.nesterov = eta, clip, exclude, nesterov
        self.buffers = [None] * len(parameters)

    def scaled(self, w, g):
        wn, gn = w.norm(), g.norm()
        if (self.exclude and w.dim() == 1) or wn == 0 or gn == 0:
            return g
        q = self.eta * wn / (gn + self.weight_decay * wn + 1e-8)
        q = min(q / self.lr, 1) if self.clip else q
        return q * (g + self.weight_decay * w)

    def step(self):
        for i, w in enumerate(self.parameters):
            d = self.scaled(w.detach(), w.grad)
            buffer = d if self.buffers[i] is None else self.momentum * self.buffers[i] + d
            self.buffers[i] = buffer
            w.data -= self.lr * (d + self.momentum * buffer if self.nesterov else buffer)


SGD = {
    "sgd_plain": {"lr": 0.1},
    "sgd_weight_decay": {"lr": 0.1, "weight_decay": 0.01},
    "sgd_momentum": {"lr": 0.1, "momentum": 0.9},
    "sgd_momentum_weight_decay": {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4},
    "sgd_nesterov_weight_decay": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True},
}

LARS = {"lr": 0.3, "momentum": 0.9, "weight_decay": 1e-2, "eta": 0.02, "clip": True, "exclude": True}


def cosine(step, total, warmup, lr, start_lr, min_lr, last):
    """Loshchilov and Hutter 2017 (1608.03983) after a linear warm-up that ends `last` steps after step 0."""
    if step < warmup:
        return start_lr + (lr - start_lr) * step / last if last else start_lr
    return min_lr + 0.5 * (lr - min_lr) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def schedules():
    for name, total, warmup, lr, start_lr, min_lr in (
        ("cosine_warmup", 50, 10, 0.4, 3e-5, 0.0),
        ("cosine_warmup_floor", 40, 5, 0.3, 0.0, 6e-4),
        ("cosine_no_warmup", 20, 0, 0.1, 0.0, 0.0),
    ):
        steps = range(total + 1)
        both = {
            # reaches lr at step `warmup`, counting steps from 0
            "lr": np.array([cosine(t, total, warmup, lr, start_lr, min_lr, warmup) for t in steps]),
            # Lightning Bolts' rule, which solo-learn uses: reaches lr one step earlier, then stays for one
            "lr_bolts": np.array([cosine(t, total, warmup, lr, start_lr, min_lr, warmup - 1) for t in steps]),
        }
        yield Case(name, both, {"steps": total, "warmup": warmup, "lr": lr, "start_lr": start_lr, "min_lr": min_lr})


def cases():
    for name, options in SGD.items():
        yield follow(name, lambda p: torch.optim.SGD(p, **options), options)
    options = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.05}
    yield follow("adamw", lambda p: torch.optim.AdamW(p, **options), options)
    for name, change, scale in (
        ("lars", {}, 1),
        ("lars_clipped_at_one", {"lr": 1e-3}, 1),  # q / lr > 1: the clip holds it at 1
        ("lars_no_clip", {"clip": False}, 1),
        ("lars_all_tensors", {"exclude": False}, 1),
        ("lars_nesterov", {"nesterov": True}, 1),
        ("lars_zero_weights", {}, 0),  # |w| = 0 at the first step
    ):
        options = {**LARS, **change}
        yield follow(name, lambda p: Lars(p, **options), options, scale)
    yield from schedules()
