"""Whole encoders of small width: initial state, input, output in both modes, gradients of some parameters.

The residual networks are torchvision's own blocks, stages and forward pass; only the number of channels differs.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet

from .common import Case, double, generator, normal, uniform
from .ops import attend


def torchvision_resnet(block, layers, width, cifar):
    """torchvision's ResNet with `width` channels in the first stage instead of 64; without the classifier."""
    net = resnet.ResNet(block, layers)
    net.inplanes = width
    if cifar:
        net.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        net.maxpool = nn.Identity()
    else:
        net.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
    net.bn1 = nn.BatchNorm2d(width)
    for i, count in enumerate(layers):
        setattr(net, f"layer{i + 1}", net._make_layer(block, width * 2**i, count, stride=1 if i == 0 else 2))
    net.fc = nn.Identity()
    return net


class Conv4(nn.Module):
    """Vinyals et al. 2016, section 4.1: four times 3x3 convolution, batch norm, ReLU, 2x2 max pooling; here with the mean
    over pixels at the end."""

    def __init__(self, width):
        super().__init__()
        for i in range(1, 5):
            setattr(self, f"conv{i}", nn.Conv2d(3 if i == 1 else width, width, 3, padding=1))
            setattr(self, f"bn{i}", nn.BatchNorm2d(width))

    def forward(self, x):
        for i in range(1, 5):
            x = F.max_pool2d(F.relu(getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))), 2)
        return x.mean((2, 3))


class Vit(nn.Module):
    """Dosovitskiy et al. 2021, figure 1 and equations 1 to 4, under DINO's parameter names; the class token is the output."""

    def __init__(self, dim, depth, heads, patch, grid):
        super().__init__()
        self.dim, self.heads, self.patch, self.grid = dim, heads, patch, grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, dim))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, dim, patch, patch)})
        self.blocks = nn.ModuleList()
        for _ in range(depth):
            attn = nn.ModuleDict({"qkv": nn.Linear(dim, 3 * dim), "proj": nn.Linear(dim, dim)})
            mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})
            norms = {k: nn.LayerNorm(dim, eps=1e-6) for k in ("norm1", "norm2")}
            self.blocks.append(nn.ModuleDict({**norms, "attn": attn, "mlp": mlp}))
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def places(self, rows, columns):
        """The position embedding for another size, interpolated as DINO's code does it (0.1 added to the size)."""
        if rows == self.grid == columns:
            return self.pos_embed
        patches = self.pos_embed[:, 1:].reshape(1, self.grid, self.grid, self.dim).permute(0, 3, 1, 2)
        factor = ((rows + 0.1) / self.grid, (columns + 0.1) / self.grid)
        patches = F.interpolate(patches, scale_factor=factor, mode="bicubic").permute(0, 2, 3, 1)
        return torch.cat((self.pos_embed[:, :1], patches.reshape(1, rows * columns, self.dim)), 1)

    def forward(self, x):
        patches = self.patch_embed["proj"](x)
        rows, columns = patches.shape[2:]
        tokens = torch.cat((self.cls_token.expand(len(x), 1, -1), patches.flatten(2).transpose(1, 2)), 1)
        tokens = tokens + self.places(rows, columns)
        for block in self.blocks:
            tokens = tokens + block["attn"]["proj"](attend(block["attn"]["qkv"](block["norm1"](tokens)), self.heads))
            tokens = tokens + block["mlp"]["fc2"](F.gelu(block["mlp"]["fc1"](block["norm2"](tokens))))
        return self.norm(tokens)[:, 0]


def vit():
    """Two blocks; then the same network on an image of another size, with the gradient of the position embedding."""
    name = "model_vit"
    net = Vit(24, 2, 3, 4, 4)
    some = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "blocks.0.norm1.weight"]
    some += ["blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.weight", "blocks.1.norm2.bias"]
    some += ["blocks.1.mlp.fc1.weight", "blocks.1.mlp.fc2.bias", "norm.weight", "norm.bias"]
    case = encoder(name, net, (3, 3, 16, 16), some)
    net.zero_grad()
    r = generator(name + "_other")
    x, dy = normal(r, 2, 3, 24, 12), normal(r, 2, 24)
    y = net(double(x))
    y.backward(double(dy))
    other = {"x_other": x, "dy_other": dy, "y_other": y.detach().numpy(), "dpos_other": net.pos_embed.grad.numpy()}
    return Case(name, {**case.tensors, **other}, {"dim": 24, "depth": 2, "heads": 3, "patch": 4, "image": 16})


def draw(name, net):
    """Every parameter and running statistic from the case's own generator, as float32."""
    r = generator(name)
    state = {}
    for key, value in net.state_dict().items():
        shape = tuple(value.shape)
        if key.endswith("num_batches_tracked"):
            continue
        if key in ("cls_token", "pos_embed"):
            state[key] = normal(r, *shape, scale=0.5)
        elif key.endswith("running_var") or (key.endswith("weight") and len(shape) == 1):
            state[key] = uniform(r, *shape, low=0.5, high=1.5)
        elif len(shape) > 1 and key.endswith("weight"):
            fan_in = value[0].numel()
            state[key] = normal(r, *shape, scale=(2 / fan_in) ** 0.5)
        else:
            state[key] = normal(r, *shape, scale=0.1)
    return state, r


def encoder(name, net, shape, gradients):
    """state under its names; x, y (evaluation), y_train, dy; gradients of sum(y_train * dy)."""
    state, r = draw(name, net)
    net.double()
    net.load_state_dict({k: double(v) for k, v in state.items()}, strict=False)
    x = normal(r, *shape)
    with torch.no_grad():
        y = net.eval()(double(x)).numpy()
    out = net.train()(double(x))
    dy = normal(r, *out.shape)
    out.backward(double(dy))
    found = {"x": x, "y": y, "dy": dy, "y_train": out.detach().numpy()}
    named = dict(net.named_parameters())
    found.update({"d." + key: named[key].grad.numpy().copy() for key in gradients})
    return Case(name, {**state, **found}, {})


def cases():
    basic, bottleneck = resnet.BasicBlock, resnet.Bottleneck
    small = (2, 3, 32, 32)
    some = ["conv1.weight", "bn1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.bias"]
    yield encoder("model_resnet18_imagenet", torchvision_resnet(basic, [2, 2, 2, 2], 2, False), (2, 3, 64, 60), some)
    yield encoder("model_resnet34_cifar", torchvision_resnet(basic, [3, 4, 6, 3], 2, True), small, some)
    yield encoder("model_resnet50_cifar", torchvision_resnet(bottleneck, [3, 4, 6, 3], 2, True), small, some + ["layer1.0.bn3.weight"])
    some = ["conv1.weight", "bn1.bias", "bn2.weight", "conv4.weight"]
    yield encoder("model_conv4", Conv4(6), (3, 3, 36, 33), some)
    yield vit()
