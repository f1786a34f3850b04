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


def follow(name, make, parameters, scale=1.0, frozen=(), before=None):
    """Parameters after each step of the optimizer that make(list of parameters) returns.

    frozen holds (parameter, step) without a gradient; before(optimizer, step) is called ahead of each step.
    """
    tensors = start(name, scale)
    leaves = {k: double(tensors[k + ".0"]).clone().requires_grad_() for k in ("weight", "bias")}
    optimizer = make(list(leaves.values()))
    for t in range(1, STEPS + 1):
        for k, p in leaves.items():
            p.grad = None if (k, t) in frozen else double(tensors[f"{k}.grad.{t}"]).clone()
        if before:
            before(optimizer, t)
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


class LarsUpdate:
    """LARS as Barlow Twins' and MoCo v3's own code have it: the ratio is eta |w| over the length of g + weight_decay w.

    1-D tensors get neither. Where a length is 0 the ratio is 1 and weight decay stays.
    """

    def __init__(self, parameters, lr, momentum, weight_decay, eta):
        self.parameters, self.lr, self.momentum, self.weight_decay, self.eta = parameters, lr, momentum, weight_decay, eta
        self.buffers = [torch.zeros_like(p) for p in parameters]

    def step(self):
        for w, buffer in zip(self.parameters, self.buffers):
            d = w.grad
            if w.dim() > 1:
                d = d + self.weight_decay * w.detach()
                wn, un = w.detach().norm(), d.norm()
                if wn > 0 and un > 0:
                    d = d * (self.eta * wn / un)
            buffer.mul_(self.momentum).add_(d)
            w.data -= self.lr * buffer


class Larc:
    """LARC around SGD, clip off, as SwAV uses it: every tensor's gradient becomes q (g + weight_decay w) first."""

    def __init__(self, parameters, lr, momentum, weight_decay, eta):
        self.parameters, self.weight_decay, self.eta = parameters, weight_decay, eta
        self.inner = torch.optim.SGD(parameters, lr=lr, momentum=momentum)

    def step(self):
        for w in self.parameters:
            wn, gn = w.detach().norm(), w.grad.norm()
            if wn > 0 and gn > 0:
                q = self.eta * wn / (gn + self.weight_decay * wn + 1e-8)
                w.grad = q * (w.grad + self.weight_decay * w.detach())
        self.inner.step()


class LarsDecayedOnly:
    """LARS as lightly writes it, in two groups: the weight with decay, which alone is scaled, the bias without."""

    def __init__(self, parameters, lr, momentum, weight_decay, eta):
        weight, bias = parameters
        self.scaled = Larc([weight], lr, momentum, weight_decay, eta)
        self.plain = torch.optim.SGD([bias], lr=lr, momentum=momentum)

    def step(self):
        self.scaled.step()
        self.plain.step()


def adamw_groups(p):
    """The weight with a tenfold rate, the bias without decay."""
    groups = [{"params": [p[0]], "lr": 0.1}, {"params": [p[1]], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.01, weight_decay=0.05)


def raise_decay(optimizer, t):
    optimizer.param_groups[0]["weight_decay"] = 0.05 * t


def clipping():
    """torch.nn.utils.clip_grad_norm_ on all tensors, and on each alone (DINO's clip_gradients)."""
    r = generator("clip_grad_norm")
    tensors = {"a": normal(r, 4, 3), "b": normal(r, 5, scale=0.1), "c": normal(r, 2, 3, 3, 3, scale=3)}
    for limit in (1.0, 100.0):
        for each in (False, True):
            leaves = [torch.zeros(v.shape, dtype=torch.float64, requires_grad=True) for v in tensors.values()]
            for p, v in zip(leaves, tensors.values()):
                p.grad = double(v).clone()
            norm = torch.cat([p.grad.flatten() for p in leaves]).norm()
            for some in [[p] for p in leaves] if each else [leaves]:
                torch.nn.utils.clip_grad_norm_(some, limit)
            found = {k + ".clipped": p.grad.numpy() for k, p in zip(tensors, leaves)}
            name = f"clip_{'each' if each else 'all'}_{limit:g}"
            yield Case(name, {**tensors, **found, "norm": norm.numpy().reshape(1)}, {"max_norm": limit, "each": each})


def ramps():
    """DINO's schedules: a cosine over all steps (of weight decay, momentum), a linear warm-up of the temperature."""
    steps = np.arange(30)
    for name, first, last in (("ramp_decay", 0.04, 0.4), ("ramp_momentum", 0.996, 1.0)):
        value = last + 0.5 * (first - last) * (1 + np.cos(np.pi * steps / len(steps)))
        yield Case(name, {"value": value}, {"from": first, "to": last, "steps": len(steps), "shape": "cosine"})
    value = np.concatenate([np.linspace(0.04, 0.07, 11), np.full(9, 0.07)])
    yield Case("ramp_temperature", {"value": value}, {"from": 0.04, "to": 0.07, "steps": 10, "shape": "linear"})


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
    for name, make in (("lars_update", LarsUpdate), ("lars_larc", Larc), ("lars_decayed_only", LarsDecayedOnly)):
        options = {"lr": 0.3, "momentum": 0.9, "weight_decay": 1e-2, "eta": 0.001}
        yield follow(name, lambda p: make(p, **options), options)
    yield follow("lars_update_zero_weights", lambda p: LarsUpdate(p, **options), options, 0)
    yield follow("adamw_frozen", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.05), {}, 1, {("bias", 1), ("bias", 2)})
    yield follow("adamw_groups", adamw_groups, {}, before=raise_decay)
    yield from clipping()
    yield from schedules()
    yield from ramps()
