#!/usr/bin/env python3
"""Golden values: inputs, expected outputs and expected gradients, one safetensors file per case.

    python3 make_golden.py            write every file beside this script
    python3 make_golden.py --check    compute all again and compare with the files; exit 1 on a difference
    python3 make_golden.py --list     names, shapes and dtypes of the committed files

The references (reference/*.py) are written from the definitions in the papers with PyTorch, NumPy,
scikit-learn and Pillow, and share no code with Lunette. README.md says what each file holds.
"""

import argparse
import pathlib
import sys

import numpy as np
import PIL
import sklearn
import torch
import torchvision

import safetensors_file
from reference import augment, common, explain, methods, metrics, models, ops, optim, philox, qscore, ssl, train

MODULES = (ops, ssl, optim, qscore, metrics, explain, augment, philox, train, models, methods)
HERE = pathlib.Path(__file__).resolve().parent
# Doubles summed in another order (another BLAS, another thread count) differ by far less.
TOLERANCE = {np.dtype("f8"): 1e-8, np.dtype("f4"): 2e-6}


def versions():
    return {
        "seed": common.SEED,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "pillow": PIL.__version__,
        "arithmetic": "float64",
    }


def cases():
    for module in MODULES:
        yield from module.cases()


def differences(expected, found):
    """Lines that say how the tensors `found` differ from the committed ones."""
    if set(expected) != set(found):
        yield "tensor names differ: " + ", ".join(sorted(set(expected) ^ set(found)))
    for name in sorted(set(expected) & set(found)):
        a, b = expected[name], np.asarray(found[name])
        if a.dtype != b.dtype or a.shape != b.shape:
            yield f"{name}: {a.dtype}{a.shape} in the file, {b.dtype}{b.shape} now"
        elif a.dtype.kind != "f":
            if not np.array_equal(a, b):
                yield f"{name}: integers differ"
        elif not np.allclose(a, b, rtol=TOLERANCE[a.dtype], atol=TOLERANCE[a.dtype] * (np.abs(a).max(initial=0) or 1)):
            yield f"{name}: largest difference {np.abs(a - b).max():.3g}"


def check():
    bad, seen = 0, set()
    for case in cases():
        path = HERE / (case.name + ".safetensors")
        seen.add(path)
        if not path.exists():
            lines, tensors = ["file missing"], {}
        else:
            tensors, metadata = safetensors_file.parse(path.read_bytes())
            lines = list(differences(tensors, case.tensors))
            stale = [k for k, v in case.parameters.items() if metadata.get(k) != str(v)]
            lines += [f"parameter {k} differs" for k in stale]
        for line in lines:
            print(f"{path.name}: {line}")
        bad += bool(lines)
    for path in sorted(set(HERE.glob("*.safetensors")) - seen):
        print(f"{path.name}: no case makes this file")
        bad += 1
    print(f"{len(seen)} cases, {bad} differ")
    return 1 if bad else 0


def write():
    total = 0
    for case in cases():
        data = safetensors_file.dump(case.tensors, {"case": case.name, **versions(), **case.parameters})
        (HERE / (case.name + ".safetensors")).write_bytes(data)
        total += len(data)
    print(f"{total} bytes written")
    return 0


def show():
    for path in sorted(HERE.glob("*.safetensors")):
        tensors, metadata = safetensors_file.parse(path.read_bytes())
        keep = {k: v for k, v in metadata.items() if k not in versions() and k != "case"}
        print(path.stem, keep or "")
        print("   ", " ".join(f"{k}:{a.dtype.str[1:]}{list(a.shape)}" for k, a in tensors.items()))
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    return check() if options.check else show() if options.list else write()


if __name__ == "__main__":
    sys.exit(main())
