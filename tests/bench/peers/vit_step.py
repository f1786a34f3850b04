"""vit_step.py STEPS [BATCH]: the step of vit_step.lua in PyTorch: seconds of every step after two, one per line, and a last
line "memory MEGABYTES".

Attention is torch's fused one where there is one (2.0 and later), AdamW the fastest of torch's implementations that it has.
"""

import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

DIM, HEADS, DEPTH, PATCH, IMAGE = 192, 3, 12, 4, 32


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(DIM, eps=1e-6), nn.LayerNorm(DIM, eps=1e-6)
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.fc1, self.fc2 = nn.Linear(DIM, 4 * DIM), nn.Linear(4 * DIM, DIM)

    def forward(self, x):
        n, tokens, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, tokens, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = F.softmax(q @ k.transpose(2, 3) / (DIM // HEADS) ** 0.5, -1) @ v
        x = x + self.proj(y.transpose(1, 2).reshape(n, tokens, DIM))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, DIM, PATCH, PATCH)
        self.cls = nn.Parameter(0.02 * torch.randn(1, 1, DIM))
        self.places = nn.Parameter(0.02 * torch.randn(1, 1 + (IMAGE // PATCH) ** 2, DIM))
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(DIM, eps=1e-6)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(len(x), -1, -1), x), 1) + self.places
        return self.norm(self.blocks(x)[:, 0])


def optimizer(parameters):
    options = {"lr": 1e-4, "weight_decay": 0.05}
    try:
        return torch.optim.AdamW(parameters, fused=True, **options)
    except (TypeError, RuntimeError):
        return torch.optim.AdamW(parameters, foreach=True, **options)


def main():
    steps, batch = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 256
    torch.manual_seed(1)
    net = Vit()
    step = optimizer(net.parameters())
    x = torch.randn(batch, 3, IMAGE, IMAGE)
    for i in range(steps + 2):
        start = time.perf_counter()
        loss = net(x).square().mean()
        loss.backward()
        loss.item()
        step.step()
        step.zero_grad()
        if i >= 2:
            print(time.perf_counter() - start, flush=True)
    print("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


if __name__ == "__main__":
    main()
