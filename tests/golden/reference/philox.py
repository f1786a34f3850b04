"""Philox4x32-10, Salmon et al. 2011 ("Parallel random numbers: as easy as 1, 2, 3")."""

import numpy as np

from .common import Case, generator

M0, M1, W0, W1, MASK = 0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85, 0xFFFFFFFF

# counter, key, result: the known answers distributed with Random123.
KNOWN = (
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((MASK,) * 4, (MASK,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


def philox(counter, key, rounds=10):
    c, k = list(counter), list(key)
    for _ in range(rounds):
        p0, p1 = M0 * c[0], M1 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + W0) & MASK, (k[1] + W1) & MASK]
    return tuple(c)


def cases():
    for counter, key, result in KNOWN:
        assert philox(counter, key) == result
    r = generator("philox4x32_10")
    rows = [(c, k) for c, k, _ in KNOWN]
    rows += [((i, 0, 0, 0), (1, 0)) for i in range(4)]  # neighbouring counters
    rows += [((0, 0, 0, 0), (0, i)) for i in range(1, 3)]
    draw = lambda n: tuple(int(v) for v in r.randint(0, 2**32, n, dtype=np.uint64))
    rows += [(draw(4), draw(2)) for _ in range(32)]
    words = lambda values: np.array(values, dtype=np.int64)
    tensors = {
        "counter": words([c for c, _ in rows]),
        "key": words([k for _, k in rows]),
        "result": words([philox(c, k) for c, k in rows]),
    }
    yield Case("philox4x32_10", tensors, {"rounds": 10})
