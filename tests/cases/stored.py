"""Reads and writes safetensors files as bytes, without the training stack."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

WIDTHS = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "I64": 8, "F8_E4M3": 1, "U8": 1, "I8": 1}
"""Bytes of one element of each type."""


class Tensor(NamedTuple):
    """One tensor of a file."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def zeros(dtype: str, *shape: int) -> Tensor:
    """Return a tensor of zeros."""
    return Tensor(dtype, shape, bytes(math.prod(shape) * WIDTHS[dtype]))


def read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name."""
    source = path.read_bytes()
    start = 8 + int.from_bytes(source[:8], "little")
    header = json.loads(source[8:start])
    header.pop("__metadata__", None)
    return {
        name: Tensor(
            one["dtype"],
            tuple(one["shape"]),
            source[start + one["data_offsets"][0] : start + one["data_offsets"][1]],
        )
        for name, one in header.items()
    }


def write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to a file."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, one in tensors.items():
        end = at + len(one.data)
        header[name] = {"dtype": one.dtype, "shape": one.shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(one.data for one in tensors.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
