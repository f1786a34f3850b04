"""What every reference shares: seeded inputs, double arithmetic, gradients, the case tuple.

Inputs are drawn from a Mersenne Twister (numpy RandomState, whose stream is frozen by numpy's
compatibility policy) seeded per case, so adding a case changes no other. They are float32;
all arithmetic is float64, so one file serves a float32 and a float64 run of the same operation.
"""

import zlib
from collections import namedtuple

import numpy as np
import torch

SEED = 2203

Case = namedtuple("Case", "name tensors parameters")


def generator(name):
    return np.random.RandomState((SEED + zlib.crc32(name.encode())) % 2**32)


def normal(r, *shape, scale=1.0, shift=0.0):
    return (shift + scale * r.standard_normal(shape)).astype(np.float32)


def uniform(r, *shape, low=0.0, high=1.0):
    return r.uniform(low, high, shape).astype(np.float32)


def double(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float64))


def scalar(value):
    """Scalars are stored with shape (1)."""
    return np.array([float(value)], dtype=np.float64)


def positions(zero_based):
    """Lunette counts from 1: stored labels and positions do too."""
    return np.asarray(zero_based, dtype=np.int64) + 1


def forward_backward(function, inputs, dy=None, r=None):
    """{y, dy, d<input>}: the gradient of sum(y * dy); dy is drawn from r if not given, 1 for a scalar y."""
    leaves = {k: double(v).requires_grad_() for k, v in inputs.items()}
    y = function(**leaves)
    if dy is None and y.dim() > 0:
        dy = normal(r, *y.shape)
    y.backward(double(dy) if dy is not None else None)
    found = {"d" + k: v.grad.numpy() for k, v in leaves.items()}
    found["y" if y.dim() else "loss"] = y.detach().numpy().reshape(y.shape or (1,))
    if dy is not None:
        found["dy"] = dy
    return {**inputs, **found}
