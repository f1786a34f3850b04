"""Heatmaps of a tiny convnet, and maps scored against masks."""

import numpy as np
import torch
import torch.nn.functional as F

from .common import Case, double, generator, normal, positions, uniform

EPS = 1e-5


def network_weights(r):
    """conv1 (3 to 4), bn1, ReLU, conv2 (4 to 5, stride 2), bn2, ReLU, average over the map."""
    w = {"conv1.weight": normal(r, 4, 3, 3, 3, scale=0.4), "conv2.weight": normal(r, 5, 4, 3, 3, scale=0.4)}
    for name, c in (("bn1", 4), ("bn2", 5)):
        w[name + ".weight"] = uniform(r, c, low=0.5, high=1.5)
        w[name + ".bias"] = normal(r, c, scale=0.3, shift=0.8)
        w[name + ".running_mean"] = normal(r, c, scale=0.3)
        w[name + ".running_var"] = uniform(r, c, low=0.5, high=2)
    return w


def network(x, weights):
    """(first activation, last activation, features)"""
    w = {k: double(v) for k, v in weights.items()}
    norm = lambda y, n: F.batch_norm(
        y, w[n + ".running_mean"], w[n + ".running_var"], w[n + ".weight"], w[n + ".bias"], False, 0, EPS
    )
    first = F.relu(norm(F.conv2d(x, w["conv1.weight"], None, 1, 1), "bn1"))
    last = F.relu(norm(F.conv2d(first, w["conv2.weight"], None, 2, 1), "bn2"))
    return first, last, last.mean((2, 3))


def unit_range(m):
    """Each map stretched to [0, 1]; a constant map becomes 0."""
    low, high = m.amin((1, 2), keepdim=True), m.amax((1, 2), keepdim=True)
    return torch.where(high > low, (m - low) / (high - low).clamp(min=1e-300), torch.zeros_like(m))


def gradcam(activation, feature_sum):
    """Selvaraju et al. 2017 (1610.02391), eq. 1-2: sum_k (mean over pixels of df/dA_k) A_k, before ReLU."""
    (g,) = torch.autograd.grad(feature_sum, activation, retain_graph=True)
    return (g.mean((2, 3), keepdim=True) * activation).sum(1)


def maps(prefix, raw, size):
    """The map, its ReLU, that in [0, 1], and that upsampled (bilinear, pixel centres aligned) to the image."""
    relu = F.relu(raw)
    up = F.interpolate(relu[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    found = {"raw": raw, "relu": relu, "unit": unit_range(relu), "upsampled": up, "upsampled_unit": unit_range(up)}
    return {f"{prefix}_{k}": v.detach().numpy() for k, v in found.items()}


def heatmaps(feature):
    name = f"heatmap_feature{feature + 1}"
    r = generator("heatmap")
    weights, image = network_weights(r), uniform(r, 2, 3, 8, 6)
    x = double(image).requires_grad_()
    first, last, h = network(x, weights)
    assert (h[:, feature] > 0).all()  # a dead feature has empty maps
    f = h[:, feature].sum()  # samples are independent: one backward pass serves the batch
    dx = torch.autograd.grad(f, x, retain_graph=True)[0]
    size = image.shape[2:]
    tensors = {**weights, "x": image, "h": h.detach().numpy(), "feature": positions([feature])}
    tensors.update(maps("gradcam_last", gradcam(last, f), size))
    tensors.update(maps("gradcam_first", gradcam(first, f), size))
    tensors.update(maps("activation", last[:, feature], size))
    # Simonyan et al. 2014 (1312.6034), section 3.1: the largest magnitude over colour channels.
    tensors.update(dx=dx.numpy(), input_max=dx.abs().amax(1).numpy(), input_sum=dx.abs().sum(1).numpy())
    tensors["input_unit"] = unit_range(dx.abs().amax(1)).numpy()
    return Case(name, tensors, {"eps": EPS})


def against_mask(m, mask, threshold):
    """IoU of {map >= threshold}, pointing (is the maximum inside), energy (share of the map's sum inside)."""
    m = m.astype(np.float64)
    chosen, inside = m >= threshold, mask > 0
    union = (chosen | inside).sum()
    peak = np.unravel_index(m.argmax(), m.shape)
    return (
        (chosen & inside).sum() / union if union else 0.0,
        float(inside[peak]),
        m[inside].sum() / m.sum() if m.sum() else 0.0,
        positions(peak),
    )


def scored_maps():
    """Six maps in [0, 1] with masks; the last two: an empty mask, and a map of zeros."""
    r = generator("map_scores")
    rows, columns = np.mgrid[0:9, 0:7]
    m, mask = np.zeros((6, 9, 7), np.float32), np.zeros((6, 9, 7), np.uint8)
    for i in range(5):
        y, x = r.uniform(1, 7), r.uniform(1, 5)
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 6)
        blob = blob + 0.05 * r.rand(9, 7)
        m[i] = blob / blob.max()
        # the first three masks lie about the blob, the fourth where chance puts it
        top, left = (int(y) - 1, int(x) - 1) if i < 3 else (r.randint(0, 5), r.randint(0, 4))
        top, left = min(max(top, 0), 5), min(max(left, 0), 4)
        mask[i, top : top + 4, left : left + 3] = 1
    mask[4], mask[5, 2:5, 2:5] = 0, 1
    tensors = {"map": m, "mask": mask}
    for threshold in (0.25, 0.5, 0.75):
        assert np.abs(m - threshold).min() > 1e-4  # so that > and >= agree
        found = [against_mask(a, b, threshold) for a, b in zip(m, mask)]
        tensors[f"iou_{round(threshold * 100):03d}"] = np.array([f[0] for f in found])
    tensors["pointing"], tensors["energy"] = (np.array([f[i] for f in found]) for i in (1, 2))
    tensors["peak"] = np.array([f[3] for f in found])
    return Case("map_scores", tensors, {"thresholds": "0.25 0.5 0.75"})


def cases():
    yield heatmaps(0)
    yield heatmaps(3)
    yield scored_maps()
