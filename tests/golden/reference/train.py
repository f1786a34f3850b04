"""Ten SimCLR steps of a narrow ResNet-18, in double from float32 weights and 8-bit images.

With 16 small images per step, one unit that falls on the other side of a ReLU moves the gradient visibly, and
ten steps at this learning rate amplify that a thousandfold. So that a float32 run can be tested at all, the
start is a calm one (large convolution weights, which batch norm makes equal to a small learning rate; a small
gamma at the end of each block) and the draw is one of many in which no unit comes near its kink: stable() checks it.
"""

import numpy as np
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from .common import Case, double, generator
from .ssl import nt_xent

STEPS, VIEWS, SIZE, WIDTH = 10, 8, 16, 8
LR, MOMENTUM, WEIGHT_DECAY, TEMPERATURE = 0.05, 0.9, 5e-4, 0.5
DRAW = "34"
HEAD = 32  # entries of each tensor kept after the last step


class Net(nn.Module):
    """torchvision's names; CIFAR stem: 3x3 stride 1 padding 1, no max pool; h is the average of the last map."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTH)
        for i in range(4):
            setattr(self, f"layer{i + 1}", self.stage(WIDTH * 2 ** max(i - 1, 0), WIDTH * 2**i, 1 if i == 0 else 2))
        self.projector = nn.Sequential(nn.Linear(WIDTH * 8, 32), nn.ReLU(), nn.Linear(32, 16))

    @staticmethod
    def stage(before, channels, stride):
        shortcut = None
        if stride != 1 or before != channels:
            shortcut = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
        return nn.Sequential(BasicBlock(before, channels, stride, shortcut), BasicBlock(channels, channels))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        h = self.layer4(self.layer3(self.layer2(self.layer1(y)))).mean((2, 3))
        return h, self.projector(h)


def norm_start(name):
    """1 for gamma and the running variance, 0.25 for the gamma that closes a block, else 0."""
    if name.endswith("bn2.weight"):
        return 0.25
    gamma = name.endswith("weight")  # the only 1-D weights are those of batch norm
    return float(gamma or name.endswith("running_var"))


def initial(net):
    """He initialisation, times 4 for convolutions (fan out, as torchvision; fan in for the projector).

    Float32 with the low 16 bits cut off: exact in bf16 as well, and the file compresses to half.
    """
    r, state = generator("simclr_resnet18" + DRAW), {}
    for name, value in net.state_dict().items():
        shape = tuple(value.shape)
        if name.endswith("num_batches_tracked"):
            continue
        if len(shape) > 1:
            fan = shape[0] * shape[2] * shape[3] if len(shape) == 4 else shape[1]
            gain = 4 if len(shape) == 4 else 1
            value = (r.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32) * np.float32(gain)
            state[name] = (value.view(np.uint32) & 0xFFFF0000).view(np.float32)
        else:
            state[name] = np.full(shape, norm_start(name), np.float32)
    return state


def images():
    """u8 (step, 2 x views, 3, h, w); the second half is the first with noise, as the other view of each image."""
    r = generator("simclr_resnet18_images" + DRAW)
    coarse = r.randint(0, 256, (STEPS, VIEWS, 3, 4, 4)).repeat(SIZE // 4, 3).repeat(SIZE // 4, 4)
    noise = lambda: r.randint(-40, 41, coarse.shape[:-2] + (SIZE, SIZE))
    return np.concatenate([coarse + noise(), coarse + noise()], 1).clip(0, 255).astype(np.uint8)


def train(dtype, noise=None):
    """(net after ten steps, losses, what the first step computed); noise changes each weight by some 5e-7 of itself."""
    net = Net().to(dtype).train()
    weights = {k: v.astype(np.float64) for k, v in initial(net).items()}
    if noise is not None:
        weights = {k: v * (1 + 5e-7 * noise.standard_normal(v.shape)) for k, v in weights.items()}
    net.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()}, strict=False)
    optimizer = torch.optim.SGD(net.parameters(), LR, MOMENTUM, weight_decay=WEIGHT_DECAY)
    losses, first = [], {}
    for batch in images():
        x = (double(batch).to(dtype) - 128) / 64  # exact in float32
        h, z = net(x)  # both views in one batch: batch statistics are over all 16 images
        loss = nt_xent(z[:VIEWS], z[VIEWS:], TEMPERATURE)
        optimizer.zero_grad()
        loss.backward()
        if not losses:
            first = {"step1.h": h.detach(), "step1.z": z.detach()}
            first.update({"step1.grad." + k: p.grad.clone() for k, p in net.named_parameters()})
        optimizer.step()
        losses.append(loss.item())
    return net, np.array(losses), {k: v.numpy() for k, v in first.items()}


def summary(value, before=0.0):
    """(L2 norm, sum, L2 norm of the change since `before`), and at most HEAD leading entries in row-major order."""
    norm = lambda a: np.sqrt((a**2).sum())
    return np.array([norm(value), value.sum(), norm(value - before)]), value.ravel()[:HEAD]


def stable(losses):
    """Neither float32 nor weights changed in the last bits of float32 lead the training elsewhere."""
    other = [train(torch.float32)[1]] + [train(torch.float64, generator(f"noise{i}"))[1] for i in range(4)]
    return max(np.abs(o - losses).max() for o in other) < 2e-5


def cases():
    net, losses, first = train(torch.float64)
    assert stable(losses)
    tensors = {"images": images(), "loss": losses}
    for name, value in first.items():
        if name.startswith("step1.grad."):
            stats, tensors[name + ".head"] = summary(value)
            tensors[name + ".stats"] = stats[:2]
        else:
            tensors[name] = value
    start = initial(Net())
    for name, value in net.state_dict().items():
        if name in start:
            stats, head = summary(value.numpy(), start[name].astype(np.float64))
            tensors[f"final.{name}.stats"], tensors[f"final.{name}.head"] = stats, head
    parameters = {
        "lr": LR, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY, "temperature": TEMPERATURE, "eps": 1e-5,
        "bn_momentum": 0.1, "width": WIDTH,
    }
    yield Case("simclr_resnet18_init", start, {"width": WIDTH})
    yield Case("simclr_resnet18_steps", tensors, parameters)
