"""Ten whole training steps of each method in double: encoder, heads, slow copy, queue, schedules, optimizer.

Encoder, start and images are those of the ten SimCLR steps (train.py); views are an image's two noisy versions and, where
there are small ones, two 8x8 corners of them. Each class is written from its paper's pseudo-code; `stable` asks that neither
float32 nor the last bits of the start lead elsewhere, and the draw of the heads is one of many that meets it.
"""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import ssl, train
from .common import Case, double, generator
from .optim import Lars
from .ssl import unit

STEPS, PER_EPOCH, N = 10, 5, train.VIEWS
FEATURES = 8 * train.WIDTH
HEAD = 8  # entries of each tensor kept after the last step
KEPT = ("conv1.weight", "bn1.weight", "bn1.running_mean", "layer3.0.downsample.0.weight", "layer4.1.conv2.weight")


class Encoder(train.Net):
    def __init__(self):
        super().__init__()
        del self.projector

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return self.layer4(self.layer3(self.layer2(self.layer1(y)))).mean((2, 3))


class NormRelu(nn.BatchNorm1d):
    def forward(self, x):
        return torch.relu(super().forward(x))


def mlp(inputs, sizes, norm, last_norm=False, last_bias=True, activation=nn.ReLU):
    """Linear, norm + ReLU, ..., Linear; a Linear before a norm has no bias, which the norm would cancel."""
    layers = []
    for i, size in enumerate(sizes):
        last = i == len(sizes) - 1
        bias = last_bias and not last_norm if last else not norm
        layers.append(nn.Linear(inputs, size, bias=bias))
        if not last:
            layers.append(NormRelu(size) if norm else activation())
        elif last_norm:
            layers.append(nn.BatchNorm1d(size, affine=False))
        inputs = size
    return nn.Sequential(*layers)


class Method(nn.Module):
    """views -> loss; after(step) is what follows the optimizer's step. `slow` names the parts that have a slow copy."""

    slow = ()
    small_views = False
    momentum = (0.9, 1.0)  # of the slow copy: first step, last step
    optimizer = staticmethod(lambda p: torch.optim.SGD(p, 0.01, 0.9, weight_decay=5e-4))
    draw = "1"

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.heads()

    def begin(self, dtype):
        """Once the weights are there: the slow copy starts as they are."""
        self.to(dtype).train()
        self.teacher = nn.ModuleDict({k: copy.deepcopy(getattr(self, k)) for k in self.slow})
        for p in self.teacher.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def target(self, x):
        for part in self.slow:
            x = self.teacher[part](x)
        return x

    def before(self, step):
        pass

    @torch.no_grad()
    def after(self, step):
        first, last = self.momentum
        m = last + (first - last) * 0.5 * (1 + math.cos(math.pi * step / STEPS))
        for part in self.slow:
            for q, k in zip(getattr(self, part).parameters(), self.teacher[part].parameters()):
                k.mul_(m).add_(q, alpha=1 - m)


def lars(**options):
    settings = {"lr": 0.01, "momentum": 0.9, "weight_decay": 1e-4, "eta": 0.002, "clip": True, "exclude": True, **options}
    return lambda p: Lars(p, **settings)


class BYOL(Method):
    """Grill et al. 2020, algorithm 1; the loss as in appendix J: 2 - 2 cos, both directions summed."""

    slow = ("encoder", "projector")
    optimizer = staticmethod(lars())

    def heads(self):
        self.projector = mlp(FEATURES, (32, 16), True)
        self.predictor = mlp(16, (24, 16), True)

    def loss(self, views):
        p = [self.predictor(self.projector(self.encoder(x))) for x in views]
        t = [self.target(x) for x in views]
        side = lambda p, t: (2 - 2 * (unit(p) * unit(t)).sum(1)).mean()
        return side(p[0], t[1]) + side(p[1], t[0])


class SimSiam(Method):
    """Chen and He 2021, algorithm 1."""

    def heads(self):
        self.projector = mlp(FEATURES, (24, 24, 16), True, last_norm=True)
        self.predictor = mlp(16, (8, 16), True)

    def loss(self, views):
        z = [self.projector(self.encoder(x)) for x in views]
        p = [self.predictor(x) for x in z]
        side = lambda p, z: -(unit(p) * unit(z.detach())).sum(1).mean()
        return side(p[0], z[1]) / 2 + side(p[1], z[0]) / 2


class MoCo(Method):
    """He et al. 2020, algorithm 1 with the MLP head of v2; both directions, mean, a queue of keys for each view."""

    slow = ("encoder", "projector")
    size = 20  # rows of a queue: two and a half batches

    def heads(self):
        self.projector = mlp(FEATURES, (32, 16), False)
        for name in ("queue1", "queue2"):
            self.register_buffer(name, torch.zeros(self.size, 16, dtype=torch.float64))

    def loss(self, views):
        q = [self.projector(self.encoder(x)) for x in views]
        self.keys = [unit(self.target(x)) for x in views]
        return (ssl.moco(q[0], self.keys[1], self.queue2, 0.2) + ssl.moco(q[1], self.keys[0], self.queue1, 0.2)) / 2

    @torch.no_grad()
    def after(self, step):
        super().after(step)
        self.queue1 = torch.cat([self.queue1, self.keys[0]])[-self.size :]
        self.queue2 = torch.cat([self.queue2, self.keys[1]])[-self.size :]


class MoCoV3(Method):
    """Chen et al. 2021, algorithm 1; heads of the authors' ResNet."""

    slow = ("encoder", "projector")
    optimizer = staticmethod(lars())

    def heads(self):
        self.projector = mlp(FEATURES, (32, 16), True, last_norm=True)
        self.predictor = mlp(16, (24, 16), True, last_bias=False)

    def loss(self, views):
        q = [self.predictor(self.projector(self.encoder(x))) for x in views]
        k = [self.target(x) for x in views]
        tau = 0.2
        ctr = lambda q, k: 2 * tau * F.cross_entropy(unit(q) @ unit(k).T / tau, torch.arange(len(q)))
        return ctr(q[0], k[1]) + ctr(q[1], k[0])


class VICReg(Method):
    """Bardes et al. 2022, algorithm 1, with the authors' projector."""

    optimizer = staticmethod(lars(lr=0.0003))

    def heads(self):
        self.projector = mlp(FEATURES, (24, 24, 16), True, last_bias=False)

    def loss(self, views):
        return ssl.vicreg(*(self.projector(self.encoder(x)) for x in views))


class Barlow(Method):
    """Zbontar et al. 2021, algorithm 1."""

    optimizer = staticmethod(lars(lr=0.001))

    def heads(self):
        self.projector = mlp(FEATURES, (24, 24, 16), True, last_bias=False)

    def loss(self, views):
        return ssl.barlow(*(self.projector(self.encoder(x)) for x in views), 0.0051, 0.1)


def by_size(views, f):
    """Views of one size go through as one batch; the outputs, one list entry per view."""
    out, i = [], 0
    while i < len(views):
        group = [x for x in views[i:] if x.shape == views[i].shape]
        out += list(f(torch.cat(group)).split(N))
        i += len(group)
    return out


class SwAV(Method):
    """Caron et al. 2020, algorithm 1, with the multi-crop and the queue of section 4."""

    small_views = True
    size = 16

    def heads(self):
        self.projector = mlp(FEATURES, (32, 16), True)
        self.prototypes = nn.Parameter(torch.zeros(12, 16))
        self.queue = [[], []]

    def begin(self, dtype):
        super().begin(dtype)
        self.queue = [[], []]
        self.normalize()

    @torch.no_grad()
    def normalize(self):
        self.prototypes.copy_(unit(self.prototypes))

    def loss(self, views):
        z = by_size(views, lambda x: unit(self.projector(self.encoder(x))))
        scores = [x @ self.prototypes.T for x in z]
        total = 0
        for a in range(2):
            rows = scores[a].detach()
            if len(self.queue[a]) * N >= self.size:
                rows = torch.cat([rows, torch.cat(self.queue[a][-self.size // N :]) @ self.prototypes.T.detach()])
            targets = torch.from_numpy(ssl.sinkhorn(rows.numpy(), 0.05, 3)[:N]).to(rows.dtype)
            total = total + sum(ssl.swav(s, targets, 0.1) for v, s in enumerate(scores) if v != a) / (len(views) - 1)
            self.queue[a].append(z[a].detach())
        return total / 2

    def before(self, step):
        if step < PER_EPOCH:
            self.prototypes.grad = None

    def after(self, step):
        self.normalize()


class DINOHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = mlp(FEATURES, (32, 32, 16), False, activation=nn.GELU)
        self.last = nn.Parameter(torch.zeros(20, 16))

    def forward(self, x):
        return unit(self.mlp(x)) @ unit(self.last).T


class DINO(Method):
    """Caron et al. 2021, algorithm 1, with multi-crop, the frozen last layer and clipping of each tensor's gradient."""

    slow = ("encoder", "head")
    small_views = True
    clip = 0.3

    def heads(self):
        self.head = DINOHead()
        self.center = torch.zeros(20, dtype=torch.float64)

    def begin(self, dtype):
        super().begin(dtype)
        self.center = torch.zeros(20, dtype=dtype)
        self.step = 0

    def loss(self, views):
        student = by_size(views, lambda x: self.head(self.encoder(x)))
        self.logits = by_size(views[:2], self.target)
        temp = min(1, self.step / PER_EPOCH) * (0.07 - 0.04) + 0.04
        pairs = [(t, s) for t in range(2) for s in range(len(views)) if s != t]
        return sum(ssl.dino(student[s], self.logits[t], self.center, 0.1, temp) for t, s in pairs) / len(pairs)

    def before(self, step):
        for p in self.parameters():
            if p.grad is not None:
                p.grad.mul_(min(1, self.clip / (p.grad.norm().item() + 1e-6)))
        if step < PER_EPOCH:
            self.head.last.grad = None

    @torch.no_grad()
    def after(self, step):
        super().after(step)
        self.center = 0.9 * self.center + 0.1 * torch.cat(self.logits).mean(0)
        self.step += 1


METHODS = {
    "byol": BYOL, "simsiam": SimSiam, "moco": MoCo, "mocov3": MoCoV3, "vicreg": VICReg, "barlow": Barlow, "swav": SwAV,
    "dino": DINO,
}


def start(name, method):
    """float32: the encoder of the SimCLR steps, heads He-initialised, queues of unit rows."""
    r = generator(f"method_{name}_{method.draw}")
    shared, state = train.initial(train.Net()), {}
    for key, value in method.state_dict().items():
        shape = tuple(value.shape)
        if key.startswith("encoder."):
            state[key] = shared.get(key[8:])
        elif key.startswith("queue"):
            rows = r.standard_normal(shape)
            state[key] = (rows / np.sqrt((rows**2).sum(1, keepdims=True))).astype(np.float32)
        elif len(shape) == 2:
            state[key] = (r.standard_normal(shape) * np.sqrt(2 / shape[1])).astype(np.float32)
        elif key.endswith("num_batches_tracked"):
            continue
        else:
            state[key] = np.full(shape, float(key.endswith("weight") or key.endswith("running_var")), np.float32)
    return {k: v for k, v in state.items() if v is not None}


def views_of(batch, dtype, small):
    x = (double(batch).to(dtype) - 128) / 64
    first, second = x[:N], x[N:]
    return [first, second] + ([first[:, :, :8, :8], second[:, :, 8:, 8:]] if small else [])


def steps(name, draw, dtype, noise=None):
    """(method after ten steps, losses)."""
    method = METHODS[name]()
    method.draw = draw
    weights = {k: v.astype(np.float64) for k, v in start(name, method).items()}
    if noise is not None:
        weights = {k: v * (1 + 5e-7 * noise.standard_normal(v.shape)) for k, v in weights.items()}
    method.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    method.begin(dtype)
    parameters = [p for p in method.parameters() if p.requires_grad]
    optimizer, losses = method.optimizer(parameters), []
    for step, batch in enumerate(train.images()):
        loss = method.loss(views_of(batch, dtype, method.small_views))
        method.zero_grad(set_to_none=True)
        loss.backward()
        method.before(step)
        optimizer.step()
        method.after(step)
        losses.append(loss.item())
    return method, np.array(losses)


def stable(name, draw, losses):
    other = [steps(name, draw, torch.float32)[1]]
    other += [steps(name, draw, torch.float64, generator(f"noise{i}"))[1] for i in range(3)]
    return max(np.abs(o - losses).max() for o in other) / max(1, np.abs(losses).max())


# Found by trying 1, 2, ... : the first that is stable.
DRAWS = {"byol": "11", "simsiam": "2", "moco": "2", "mocov3": "2", "vicreg": "6", "barlow": "8", "swav": "11", "dino": "4"}


def kept(key):
    return not key.endswith("num_batches_tracked") and (".layer" not in key and "encoder." not in key or key.endswith(KEPT))


def cases():
    for name, draw in DRAWS.items():
        method, losses = steps(name, draw, torch.float64)
        assert stable(name, draw, losses) < 2e-5
        fresh = METHODS[name]()
        fresh.draw = draw
        begin = start(name, fresh)
        tensors = {"loss": losses}
        tensors.update({"start." + k: v for k, v in begin.items() if not k.startswith("encoder.")})
        for key, value in method.state_dict().items():
            before = begin.get(key.replace("teacher.", ""))
            if kept(key) and before is not None and not key.startswith("queue"):
                stats, head = train.summary(value.detach().numpy(), before.astype(np.float64))
                tensors[f"final.{key}.stats"], tensors[f"final.{key}.head"] = stats, head[:HEAD]
        yield Case(f"method_{name}", tensors, {"steps": STEPS, "steps_per_epoch": PER_EPOCH})
