"""Layers and pointwise operations, from torch.nn.functional in double."""

import numpy as np
import torch
import torch.nn.functional as F

from .common import Case, double, forward_backward, generator, normal, positions, uniform

# kernel, stride, padding, bias, x (n,c,h,w), output channels; odd sizes and channel counts hit kernel tails.
CONVOLUTIONS = {
    "conv2d_3x3_s1_p1": (3, 1, 1, False, (2, 3, 7, 6), 4),
    "conv2d_3x3_s1_p1_bias": (3, 1, 1, True, (2, 3, 5, 6), 4),
    "conv2d_3x3_s1_p2": (3, 1, 2, False, (1, 3, 6, 5), 4),
    "conv2d_3x3_s2_p1": (3, 2, 1, False, (2, 3, 8, 7), 4),
    "conv2d_1x1_s1": (1, 1, 0, False, (2, 5, 4, 3), 6),
    "conv2d_1x1_s2": (1, 2, 0, False, (2, 16, 5, 4), 32),
    "conv2d_7x7_s2_p3": (7, 2, 3, False, (1, 3, 15, 12), 4),
    "conv2d_3x3_wide": (3, 1, 1, False, (2, 17, 4, 3), 11),
}


def convolution(name, kernel, stride, padding, bias, shape, channels):
    r = generator(name)
    inputs = {"x": normal(r, *shape), "weight": normal(r, channels, shape[1], kernel, kernel, scale=0.3)}
    if bias:
        inputs["bias"] = normal(r, channels)
    run = lambda x, weight, bias=None: F.conv2d(x, weight, bias, stride, padding)
    return Case(name, forward_backward(run, inputs, r=r), {"stride": stride, "padding": padding})


def batch_norm(name, shape, training, relu, residual, shift=0.0):
    """Ioffe and Szegedy 2015. Running variance is updated with the unbiased one, as PyTorch does."""
    r, c = generator(name), shape[1]
    inputs = {"x": normal(r, *shape, shift=shift), "gamma": uniform(r, c, low=0.5, high=1.5), "beta": normal(r, c)}
    if residual:
        inputs["residual"] = normal(r, *shape)
    state = {"running_mean": normal(r, c, scale=0.3, shift=shift), "running_var": uniform(r, c, low=0.5, high=2)}
    new = {k: double(v).clone() for k, v in state.items()}

    def run(x, gamma, beta, residual=None):
        y = F.batch_norm(x, new["running_mean"], new["running_var"], gamma, beta, training, 0.1, 1e-5)
        y = y if residual is None else y + residual
        return F.relu(y) if relu else y

    tensors = {**state, **forward_backward(run, inputs, r=r)}
    if training:
        axes = tuple(i for i in range(len(shape)) if i != 1)
        x = inputs["x"].astype(np.float64)
        tensors["batch_mean"], tensors["batch_var"] = x.mean(axes), x.var(axes)
        tensors["batch_invstd"] = 1 / np.sqrt(x.var(axes) + 1e-5)
        tensors.update({"new_" + k: v.numpy() for k, v in new.items()})
    flags = {"training": training, "relu": relu, "momentum": 0.1, "eps": 1e-5}
    return Case(name, tensors, flags)


def pooling():
    pool = lambda x: F.max_pool2d(x, 3, 2, 1)
    parameters = {"kernel": 3, "stride": 2, "padding": 1}
    r = generator("max_pool")
    yield Case("max_pool", forward_backward(pool, {"x": normal(r, 2, 3, 8, 7)}, r=r), parameters)
    # Zeros after a ReLU tie: the gradient goes to the first maximum in row-major order of the window.
    r = generator("max_pool_ties")
    x = np.maximum(np.round(normal(r, 2, 3, 8, 7)), 0)
    yield Case("max_pool_ties", forward_backward(pool, {"x": x}, r=r), parameters)
    r = generator("global_avg_pool")
    average = lambda x: x.mean((2, 3))
    yield Case("global_avg_pool", forward_backward(average, {"x": normal(r, 2, 5, 4, 3)}, r=r), {})


def dense():
    r = generator("linear")
    inputs = {"x": normal(r, 5, 7), "weight": normal(r, 4, 7), "bias": normal(r, 4)}
    yield Case("linear", forward_backward(F.linear, inputs, r=r), {})
    r = generator("matmul")
    inputs = {"a": normal(r, 5, 7), "b": normal(r, 7, 3)}
    yield Case("matmul", forward_backward(lambda a, b: a @ b, inputs, r=r), {})


def softmaxes():
    logits = normal(generator("logits"), 6, 5, scale=2)
    logits[1] = [200, 199, -200, 0, 100]  # exp overflows unless the row maximum is taken off
    logits[2] = 3  # a constant row
    for name, function in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        yield Case(name, forward_backward(lambda x: function(x, 1), {"x": logits}, r=generator(name)), {"axis": 2})
    labels = np.array([0, 1, 4, 2, 3, 0])
    mean = lambda x: F.cross_entropy(x, torch.from_numpy(labels))
    tensors = forward_backward(mean, {"x": logits})
    each = F.cross_entropy(double(logits), torch.from_numpy(labels), reduction="none")
    tensors.update(labels=positions(labels), each=each.numpy())
    yield Case("cross_entropy", tensors, {"reduction": "mean"})


POINTWISE = {
    "relu": torch.relu,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "silu": F.silu,
    "gelu": F.gelu,  # exact, with erf
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def pointwise():
    for name, function in POINTWISE.items():
        r = generator("pointwise_" + name)
        x = normal(r, 4, 9, scale=2)
        x = np.abs(x) + np.float32(0.01) if name in ("log", "sqrt") else x
        yield Case("pointwise_" + name, forward_backward(lambda x: function(x), {"x": x}, r=r), {})


def broadcasting():
    table = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div}
    for name, function in table.items():
        r = generator("broadcast_" + name)
        inputs = {"a": normal(r, 3, 1, 4), "b": uniform(r, 2, 1, low=0.5, high=2)}
        yield Case("broadcast_" + name, forward_backward(lambda a, b: function(a, b), inputs, r=r), {})


def normalisation():
    r = generator("normalize")
    x = normal(r, 5, 8)
    x[3] *= 1000
    unit = lambda x: F.normalize(x, dim=1, eps=1e-12)
    yield Case("normalize", forward_backward(unit, {"x": x}, r=r), {"eps": 1e-12, "axis": 2})
    # x / max(|x|, eps): a zero row stays zero; its gradient is left open.
    x = x.copy()
    x[2] = 0
    yield Case("normalize_zero_row", {"x": x, "y": unit(double(x)).numpy()}, {"eps": 1e-12, "axis": 2})


def attend(qkv, heads):
    """softmax(q k^T / sqrt(width)) v of every head (Vaswani et al. 2017, equation 1); qkv (n, tokens, 3 d)."""
    n, tokens, d = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.reshape(n, tokens, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
    share = F.softmax(q @ k.transpose(2, 3) / (d // heads) ** 0.5, -1)
    return (share @ v).transpose(1, 2).reshape(n, tokens, d)


def transformer():
    """Attention and layer norm. One set of scores reaches +-100, where exp without a shift overflows float32."""
    for name, shape, heads, scale in (
        ("attention", (2, 7, 24), 2, 1.0),
        ("attention_one_head", (1, 50, 51), 1, 1.0),
        ("attention_large_scores", (2, 5, 12), 1, 6.0),
    ):
        r = generator(name)
        inputs = {"qkv": normal(r, *shape, scale=scale)}
        yield Case(name, forward_backward(lambda qkv: attend(qkv, heads), inputs, r=r), {"heads": heads})
    for name, shape, shift in (("layer_norm", (4, 3, 19), 0.0), ("layer_norm_large_mean", (5, 33), 100.0)):
        r = generator(name)
        d = shape[-1]
        inputs = {"x": normal(r, *shape, shift=shift), "gamma": normal(r, d, shift=1.0), "beta": normal(r, d)}
        found = forward_backward(lambda x, gamma, beta: F.layer_norm(x, (d,), gamma, beta, 1e-5), inputs, r=r)
        yield Case(name, found, {"eps": 1e-5})


def weight_norm():
    """torch's weight_norm over the rows of a linear layer without bias (Salimans and Kingma 2016, equation 2)."""
    r = generator("weight_norm_linear")
    inputs = {"x": normal(r, 5, 7), "weight_v": normal(r, 4, 7), "weight_g": uniform(r, 4, 1, low=0.5, high=2.0)}

    def run(x, weight_v, weight_g):
        return F.linear(x, torch._weight_norm(weight_v, weight_g, 0))

    yield Case("weight_norm_linear", forward_backward(run, inputs, r=r), {})


def cases():
    for name, values in CONVOLUTIONS.items():
        yield convolution(name, *values)
    yield batch_norm("batch_norm_train", (4, 5, 3, 3), True, False, False)
    yield batch_norm("batch_norm_train_2d", (8, 6), True, False, False)
    yield batch_norm("batch_norm_train_relu", (4, 5, 3, 3), True, True, False)
    yield batch_norm("batch_norm_train_residual_relu", (3, 17, 3, 2), True, True, True)
    # |mean| / std = 100: variance as E[x^2] - E[x]^2 in float32 would lose it.
    yield batch_norm("batch_norm_train_large_mean", (4, 5, 3, 3), True, False, False, shift=100.0)
    yield batch_norm("batch_norm_eval", (4, 5, 3, 3), False, False, False)
    yield batch_norm("batch_norm_eval_residual_relu", (3, 17, 3, 2), False, True, True)
    yield from pooling()
    yield from dense()
    yield from softmaxes()
    yield from pointwise()
    yield from broadcasting()
    yield from normalisation()
    yield from transformer()
    yield from weight_norm()
