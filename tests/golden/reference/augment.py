"""Augmentations with their parameters given, on float RGB (3, h, w) in [0, 1]."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.transforms import functional_tensor as tv

from .common import Case, double, generator, uniform


def cubic(x, a=-0.5):
    """Keys 1981 with a = -0.5, as Pillow resizes."""
    x = abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


def resize_matrix(size, out):
    """(out, size) weights: the kernel widens by size/out when shrinking; taps outside are dropped, then sum = 1."""
    scale = size / out
    width = max(scale, 1.0)
    m = np.zeros((out, size))
    for i in range(out):
        centre = (i + 0.5) * scale
        first = max(int(centre - 2 * width + 0.5), 0)
        last = min(int(centre + 2 * width + 0.5), size)
        for j in range(first, last):
            m[i, j] = cubic((j + 0.5 - centre) / width)
        m[i] /= m[i].sum()
    return m


def resized_crop(image, box, out):
    """Crop, then resize: pixels outside the box have no part. Not clamped: a cubic overshoots."""
    top, left, h, w = box
    x = image[:, top : top + h, left : left + w].astype(np.float64)
    return np.einsum("oi,cij,pj->cop", resize_matrix(h, out[0]), x, resize_matrix(w, out[1]))


def pillow_crop(image, box, out):
    top, left, h, w = box
    plane = lambda c: Image.fromarray(np.ascontiguousarray(c[top : top + h, left : left + w]))
    return np.stack([np.asarray(plane(c).resize(out[::-1], Image.BICUBIC)) for c in image])


CROPS = {
    # image (h, w), box (top, left, height, width) counted from 0, out (h, w)
    "crop_up": ((9, 8), (2, 1, 5, 6), (8, 8)),
    "crop_down": ((14, 15), (1, 2, 12, 13), (5, 4)),
    "crop_mixed": ((12, 10), (0, 0, 12, 3), (6, 7)),
    "crop_whole": ((8, 8), (0, 0, 8, 8), (8, 8)),
    "crop_one_pixel": ((6, 6), (3, 4, 1, 1), (4, 4)),
}


def crops():
    for name, (size, box, out) in CROPS.items():
        x = uniform(generator(name), 3, *size)
        y = resized_crop(x, box, out)
        assert np.abs(y - pillow_crop(x, box, out)).max() < 1e-6
        tensors = {"x": x, "y": y, "y_clamped": y.clip(0, 1)}
        parameters = dict(zip(("top", "left", "height", "width"), box), out_height=out[0], out_width=out[1])
        yield Case("augment_" + name, tensors, parameters)


ADJUST = {
    "brightness": tv.adjust_brightness,  # x f
    "contrast": tv.adjust_contrast,  # f x + (1 - f) mean of gray
    "saturation": tv.adjust_saturation,  # f x + (1 - f) gray
    "hue": tv.adjust_hue,  # hue of HSV shifted by f turns
}


def jitter():
    """torchvision's own functions; each clamps to [0, 1]; gray = 0.2989 R + 0.587 G + 0.114 B."""
    factors = {"brightness": (0.4, 1.7), "contrast": (0.3, 1.6), "saturation": (0.2, 1.8), "hue": (-0.2, 0.07, 0.5)}
    x = uniform(generator("jitter"), 3, 7, 6)
    x[:, 0, :3] = [0, 1, 0.5]  # black, white and gray have no hue
    for kind, values in factors.items():
        tensors = {"x": x, "factor": np.array(values)}
        for i, factor in enumerate(values):
            tensors[f"y.{i + 1}"] = ADJUST[kind](double(x), factor).numpy()
        yield Case("augment_" + kind, tensors, {})
    orders = (("brightness", "contrast", "saturation", "hue"), ("hue", "saturation", "contrast", "brightness"))
    orders += (("contrast", "hue", "brightness", "saturation"),)
    for i, order in enumerate(orders):
        chosen = {"brightness": 1.3, "contrast": 0.6, "saturation": 1.4, "hue": 0.08}
        y = double(x)
        for kind in order:
            y = ADJUST[kind](y, chosen[kind])
        yield Case(f"augment_jitter_order{i + 1}", {"x": x, "y": y.numpy()}, {**chosen, "order": " ".join(order)})


def gaussian(sigma, radius):
    k = np.array([math.exp(-0.5 * (t / sigma) ** 2) for t in range(-radius, radius + 1)])
    return k / k.sum()


def blur(image, sigma, radius, border):
    """Separable; 2 radius + 1 taps at whole pixels, normalised to sum 1."""
    k = double(gaussian(sigma, radius))
    x = F.pad(double(image)[None], (radius,) * 4, mode=border)[0][:, None]
    x = F.conv2d(x, k.reshape(1, 1, -1, 1))
    return F.conv2d(x, k.reshape(1, 1, 1, -1))[:, 0].numpy()


def blurs():
    """reflect does not repeat the edge pixel (c b | a b c); replicate does nothing else (a a | a b c)."""
    for i, (sigma, radius) in enumerate(((0.1, 1), (0.5, 2), (1.0, 1), (1.0, 3), (1.5, 5), (2.0, 6))):
        name = f"augment_blur{i + 1}"
        x = uniform(generator(name), 3, 9, 8)
        tensors = {"x": x, "kernel": gaussian(sigma, radius)}
        tensors.update({"y_" + b: blur(x, sigma, radius, b) for b in ("reflect", "replicate")})
        yield Case(name, tensors, {"sigma": sigma, "radius": radius})


def simple():
    x = uniform(generator("augment_simple"), 3, 6, 5)
    x[:, 0, 0] = 0.5  # at the threshold: inverted, as torchvision and Pillow do (here 1 - 0.5 = 0.5)
    d = double(x)
    yield Case("augment_gray", {"x": x, "y": tv.rgb_to_grayscale(d, 3).numpy()}, {"weights": "0.2989 0.587 0.114"})
    y = {"y_050": tv.solarize(d, 0.5).numpy(), "y_020": tv.solarize(d, 0.2).numpy()}
    yield Case("augment_solarize", {"x": x, **y}, {"thresholds": "0.5 0.2"})
    yield Case("augment_hflip", {"x": x, "y": tv.hflip(torch.from_numpy(x)).numpy()}, {})
    mean, std = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
    y = (x.astype(np.float64) - mean[:, None, None]) / std[:, None, None]
    yield Case("augment_normalize", {"x": x, "mean": mean, "std": std, "y": y}, {})


def cases():
    yield from crops()
    yield from jitter()
    yield from blurs()
    yield from simple()
