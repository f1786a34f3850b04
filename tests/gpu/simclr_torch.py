#!/usr/bin/env python3
# simclr_torch.py eager|compile [BATCH] [STEPS]: the peer of simclr.lua: the same network, loss and optimizer in bf16 autocast and
# channels_last, views made on the GPU from bytes (random resized crop by grid_sample, flip, color jitter, gray, blur), the data
# resident there. Prints views/s and peak memory.
import math, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

mode = sys.argv[1]
batch = int(sys.argv[2]) if len(sys.argv) > 2 else 512
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 60
dev = "cuda"
torch.backends.cudnn.benchmark = True


class Block(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.skip = nn.Identity()
        if stride != 1 or i != o:
            self.skip = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(y)) + self.skip(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layers, i = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
        for o, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            layers += [Block(i, o, stride), Block(o, o, 1)]
            i = o
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x).mean((2, 3))


def view(x):
    n = x.shape[0]
    x = x.float() / 255
    area = torch.empty(n, device=dev).uniform_(0.08, 1)
    ratio = torch.empty(n, device=dev).uniform_(math.log(3 / 4), math.log(4 / 3)).exp()
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    dx, dy = (torch.rand(n, device=dev) * 2 - 1) * (1 - w), (torch.rand(n, device=dev) * 2 - 1) * (1 - h)
    flip = torch.where(torch.rand(n, device=dev) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(w)
    theta = torch.stack([torch.stack([w * flip, zero, dx], 1), torch.stack([zero, h, dy], 1)], 1)
    x = F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), mode="bicubic", align_corners=False).clamp(0, 1)
    factor = lambda s: (1 + (torch.rand(n, 1, 1, 1, device=dev) * 2 - 1) * s)
    jitter = torch.rand(n, 1, 1, 1, device=dev) < 0.8
    weights = torch.tensor([0.299, 0.587, 0.114], device=dev).view(1, 3, 1, 1)
    y = (x * factor(0.4)).clamp(0, 1)
    mean = (y * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    f = factor(0.4)
    y = (y * f + mean * (1 - f)).clamp(0, 1)
    f = factor(0.2)
    y = (y * f + (y * weights).sum(1, keepdim=True) * (1 - f)).clamp(0, 1)
    angle = (torch.rand(n, device=dev) * 2 - 1) * 0.1 * 2 * math.pi  # a rotation in YIQ stands for the hue shift
    yiq = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], device=dev)
    c, s, one, o = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    turn = torch.stack([torch.stack([one, o, o], 1), torch.stack([o, c, -s], 1), torch.stack([o, s, c], 1)], 1)
    matrix = torch.linalg.inv(yiq) @ turn @ yiq
    y = torch.einsum("nij,njhw->nihw", matrix, y).clamp(0, 1)
    x = torch.where(jitter, y, x)
    gray = torch.rand(n, 1, 1, 1, device=dev) < 0.2
    x = torch.where(gray, (x * weights).sum(1, keepdim=True).expand_as(x), x)
    sigma = torch.empty(n, device=dev).uniform_(0.1, 2)
    taps = torch.exp(-torch.arange(-1, 2, device=dev).float() ** 2 / (2 * sigma[:, None] ** 2))
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(3, 0)
    z = F.pad(x, (1, 1, 1, 1), mode="reflect").reshape(1, 3 * n, x.shape[2] + 2, x.shape[3] + 2)
    z = F.conv2d(F.conv2d(z, taps.view(-1, 1, 1, 3), groups=3 * n), taps.view(-1, 1, 3, 1), groups=3 * n).view_as(x)
    return torch.where(torch.rand(n, 1, 1, 1, device=dev) < 0.5, z, x)


torch.manual_seed(0)
data = torch.randint(0, 256, (batch * 8, 3, 32, 32), dtype=torch.uint8, device=dev)
net = nn.Sequential(Encoder(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 128)).to(dev, memory_format=torch.channels_last)
opt = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4, fused=True)
target = (torch.arange(2 * batch, device=dev) + batch) % (2 * batch)
eye = torch.eye(2 * batch, dtype=torch.bool, device=dev)


def loss_of(x):
    with torch.autocast("cuda", dtype=torch.bfloat16):
        z = net(x)
    z = F.normalize(z.float(), dim=1)
    return F.cross_entropy((z @ z.t() / 0.5).masked_fill(eye, -1e9), target)


if mode == "compile":
    view, loss_of = torch.compile(view), torch.compile(loss_of)
begin = None
for k in range(steps + 10):
    if k == 10:
        torch.cuda.synchronize()
        begin = time.perf_counter()
    images = data[torch.randperm(len(data), device=dev)[:batch]]
    x = torch.cat([view(images), view(images)]).contiguous(memory_format=torch.channels_last)
    opt.zero_grad(set_to_none=True)
    loss = loss_of(x)
    loss.backward()
    opt.step()
torch.cuda.synchronize()
took = time.perf_counter() - begin
print('{"bench":"gpu_simclr","peer":"PyTorch %s %s","value":%.1f,"peak_mb":%.1f,"loss":%.4f}'
      % (torch.__version__, mode, 2 * batch * steps / took, torch.cuda.max_memory_allocated() / 1e6, loss.item()))
