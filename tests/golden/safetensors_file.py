"""Read and write safetensors: u64 header length, JSON header, then the tensors' bytes."""

import json
import struct

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "U8": "|u1"}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


def dump(tensors, metadata):
    """bytes of the file; order as the format's own writer: widest dtype first, then by name."""
    arrays = {k: np.ascontiguousarray(v) for k, v in tensors.items()}
    header, body = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, b""
    for name in sorted(arrays, key=lambda k: (-arrays[k].dtype.itemsize, k)):
        a = arrays[name]
        raw = a.astype(DTYPES[NAMES[a.dtype]]).tobytes()
        header[name] = {
            "dtype": NAMES[a.dtype],
            "shape": list(a.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def parse(data):
    """(tensors, metadata) of a file's bytes."""
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body = memoryview(data)[8 + length :]
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata
