"""method_step.py METHOD BATCH STEPS [f32|bf16]: the step of method_step.lua in PyTorch: seconds of every step after two, one
per line. bf16: the loss under autocast.

Images channels-last, foreach versions of SGD and of the slow copy's update, heads and losses as the defaults of lunette.ssl.
"""

import copy
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.shortcut = None
        if stride > 1 or inputs != width:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        y += x if self.shortcut is None else self.shortcut(x)
        return F.relu(y, inplace=True)


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        blocks, inputs = [], 64
        for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Block(inputs, width, stride), Block(width, width, 1)]
            inputs = width
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.blocks(F.relu(self.bn1(self.conv1(x)), inplace=True)).mean((2, 3))


def mlp(*widths, norm=True, last_norm=False, last_bias=True, activation=nn.ReLU):
    """Linear, [norm,] activation, ..., Linear[, norm without affine]; no bias in front of a norm."""
    layers = []
    for inputs, outputs in zip(widths[:-2], widths[1:-1]):
        layers += [nn.Linear(inputs, outputs, bias=not norm)]
        layers += [nn.BatchNorm1d(outputs), activation()] if norm else [activation()]
    layers += [nn.Linear(*widths[-2:], bias=last_bias and not last_norm)]
    if last_norm:
        layers += [nn.BatchNorm1d(widths[-1], affine=False)]
    return nn.Sequential(*layers)


def unit(x):
    return F.normalize(x, dim=1)


def cosine(p, z):
    return F.cosine_similarity(p, z, dim=1).mean()


class Method(nn.Module):
    """loss(views); after_step() after the optimizer's step. `momentum` where the parts named in `slow` have a slow copy."""

    slow, momentum = (), 0.99

    def __init__(self):
        super().__init__()
        self.encoder = ResNet18()
        self.heads()
        self.teacher = nn.Sequential(*(copy.deepcopy(getattr(self, part)) for part in self.slow))
        self.teacher.requires_grad_(False)

    def start(self):
        self.sources = [p for part in self.slow for p in getattr(self, part).parameters()]
        self.targets = list(self.teacher.parameters())

    @torch.no_grad()
    def target(self, x):
        return self.teacher(x)

    @torch.no_grad()
    def after_step(self):
        if self.targets:
            torch._foreach_mul_(self.targets, self.momentum)
            torch._foreach_add_(self.targets, self.sources, alpha=1 - self.momentum)


class SimCLR(Method):
    def heads(self):
        self.projector = mlp(512, 512, 128, norm=False)

    def loss(self, views):
        z = unit(self.projector(self.encoder(torch.cat(views))))
        n = len(z) // 2
        logits = (z @ z.t() / 0.5).masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e9)
        return F.cross_entropy(logits, (torch.arange(2 * n) + n) % (2 * n))


class MoCo(Method):
    slow = ("encoder", "projector")
    keys, temperature = 4096, 0.2

    def heads(self):
        self.projector = mlp(512, 2048, 256, norm=False)
        self.queues = [unit(torch.randn(self.keys, 256)) for _ in range(2)]
        self.at = 0

    def direction(self, x, other, queue):
        q, k = unit(self.projector(self.encoder(x))), unit(self.target(other))
        logits = torch.cat(((q * k).sum(1, keepdim=True), q @ queue.t()), 1) / self.temperature
        return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long)), k

    def loss(self, views):
        first, k2 = self.direction(views[0], views[1], self.queues[1])
        second, k1 = self.direction(views[1], views[0], self.queues[0])
        self.new = k1, k2
        return (first + second) / 2

    @torch.no_grad()
    def after_step(self):
        for queue, rows in zip(self.queues, self.new):
            queue[self.at : self.at + len(rows)] = rows
        self.at = (self.at + len(self.new[0])) % self.keys
        super().after_step()


class MoCoV3(Method):
    slow = ("encoder", "projector")
    temperature = 0.2

    def heads(self):
        self.projector = mlp(512, 4096, 256, last_norm=True)
        self.predictor = mlp(256, 4096, 256, last_bias=False)

    def direction(self, q, k):
        logits = unit(q) @ unit(k).t() / self.temperature
        return 2 * self.temperature * F.cross_entropy(logits, torch.arange(len(q)))

    def loss(self, views):
        q = [self.predictor(self.projector(self.encoder(x))) for x in views]
        k = [self.target(x) for x in views]
        return self.direction(q[0], k[1]) + self.direction(q[1], k[0])


class BYOL(Method):
    slow = ("encoder", "projector")

    def heads(self):
        self.projector = mlp(512, 4096, 256)
        self.predictor = mlp(256, 4096, 256)

    def loss(self, views):
        p = [self.predictor(self.projector(self.encoder(x))) for x in views]
        z = [self.target(x) for x in views]
        return 4 - 2 * (cosine(p[0], z[1]) + cosine(p[1], z[0]))


class SimSiam(Method):
    def heads(self):
        self.projector = mlp(512, 2048, 2048, 2048, last_norm=True)
        self.predictor = mlp(2048, 512, 2048)

    def loss(self, views):
        z = [self.projector(self.encoder(x)) for x in views]
        p = [self.predictor(x) for x in z]
        return -(cosine(p[0], z[1].detach()) + cosine(p[1], z[0].detach())) / 2


@torch.no_grad()
def sinkhorn(scores, epsilon=0.05, iterations=3):
    q = torch.exp(scores / epsilon).t()
    prototypes, n = q.shape
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(1, keepdim=True) * prototypes
        q /= q.sum(0, keepdim=True) * n
    return (q * n).t()


class SwAV(Method):
    def heads(self):
        self.projector = mlp(512, 2048, 128)
        self.prototypes = nn.Linear(128, 512, bias=False)

    def loss(self, views):
        scores = self.prototypes(unit(self.projector(self.encoder(torch.cat(views))))).chunk(2)
        total = 0
        for a, b in ((0, 1), (1, 0)):
            total -= (sinkhorn(scores[a].detach()) * F.log_softmax(scores[b] / 0.1, 1)).sum(1).mean()
        return total / 2

    @torch.no_grad()
    def after_step(self):
        self.prototypes.weight.copy_(unit(self.prototypes.weight))


class DINOHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.mlp = mlp(512, 2048, 2048, 256, norm=False, activation=nn.GELU)
        self.last = nn.Parameter(torch.randn(4096, 256) / 16)

    def forward(self, x):
        return F.linear(unit(self.mlp(x)), unit(self.last))


class DINO(Method):
    slow = ("encoder", "head")
    momentum = 0.996

    def heads(self):
        self.head = DINOHead()
        self.center = torch.zeros(4096)

    def loss(self, views):
        x = torch.cat(views)
        student = self.head(self.encoder(x)).chunk(2)
        self.logits = self.target(x)
        teacher = F.softmax((self.logits - self.center) / 0.04, 1).chunk(2)
        return -sum((teacher[t] * F.log_softmax(student[1 - t] / 0.1, 1)).sum(1).mean() for t in range(2)) / 2

    @torch.no_grad()
    def after_step(self):
        self.center.lerp_(self.logits.mean(0), 0.1)
        super().after_step()


class VICReg(Method):
    def heads(self):
        self.projector = mlp(512, 2048, 2048, 2048, last_bias=False)

    def loss(self, views):
        z = [self.projector(self.encoder(x)) for x in views]
        total = 25 * F.mse_loss(*z)
        for x in z:
            n, d = x.shape
            x = x - x.mean(0)
            covariance = x.t() @ x / (n - 1)
            total = total + 12.5 * F.relu(1 - (x.var(0) + 1e-4).sqrt()).mean()
            total = total + (covariance.square().sum() - covariance.diagonal().square().sum()) / d
        return total


class Barlow(Method):
    def heads(self):
        self.projector = mlp(512, 2048, 2048, 2048, last_bias=False)
        self.norm = nn.BatchNorm1d(2048, affine=False)

    def loss(self, views):
        a, b = (self.norm(self.projector(self.encoder(x))) for x in views)
        c = a.t() @ b / len(a)
        diagonal = c.diagonal()
        return (diagonal - 1).square().sum() + 0.0051 * (c.square().sum() - diagonal.square().sum())


METHODS = {
    "simclr": SimCLR, "moco": MoCo, "mocov3": MoCoV3, "byol": BYOL, "simsiam": SimSiam, "swav": SwAV, "dino": DINO,
    "vicreg": VICReg, "barlow": Barlow,
}


def sgd(parameters):
    options = {"lr": 0.03, "momentum": 0.9, "weight_decay": 5e-4}
    try:
        return torch.optim.SGD(parameters, foreach=True, **options)
    except TypeError:
        return torch.optim.SGD(parameters, **options)


def main():
    name, batch, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bf16 = sys.argv[4:] == ["bf16"]
    torch.manual_seed(1)
    method = METHODS[name]().to(memory_format=torch.channels_last).train()
    method.start()
    views = [torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last) for _ in range(2)]
    optimizer = sgd([p for p in method.parameters() if p.requires_grad])
    for i in range(steps + 2):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = method.loss(views)
        loss.backward()
        loss.item()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        method.after_step()
        if i >= 2:
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
