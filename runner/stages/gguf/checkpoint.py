"""Reads safetensors files as numpy arrays, without torch; bfloat16 becomes float32."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockfiles.errors import UsageProblem

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "F64": np.float64}


@dataclass(frozen=True)
class Stored:
    """One tensor in a safetensors file, not read yet."""

    name: str
    """Tensor name in the checkpoint."""
    file: Path
    """The safetensors file."""
    offset_bytes: int
    """Where its data starts in the file."""
    dtype: str
    """safetensors dtype, a key of DTYPES."""
    shape: tuple[int, ...]
    """Shape, outermost dimension first."""

    def read(self) -> NDArray[np.float32]:
        """The values as float32; float16 and bfloat16 are widened without loss."""
        kind = DTYPES[self.dtype]
        count = int(np.prod(self.shape))
        raw = np.fromfile(self.file, kind, count, offset=self.offset_bytes)
        if raw.size != count:
            raise UsageProblem(f"`{self.file}` is cut short: `{self.name}` is not complete.")
        raw = raw.reshape(self.shape)
        if self.dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32, copy=False)


def stored_tensors(model_dir: Path) -> list[Stored]:
    """Every tensor of a model folder, in name order; raises UsageProblem when a file is missing."""
    found = [tensor for file in _files(model_dir) for tensor in _headers(file)]
    return sorted(found, key=lambda tensor: tensor.name)


def _files(model_dir: Path) -> list[Path]:
    """The weight files: those the index names, or the single one."""
    index = model_dir / "model.safetensors.index.json"
    names = {"model.safetensors"}
    if index.is_file():
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    files = [model_dir / name for name in sorted(names)]
    for file in files:
        if not file.is_file():
            raise UsageProblem(f"`{model_dir}` holds no `{file.name}`.")
    return files


def _headers(file: Path) -> Iterator[Stored]:
    """The entries of one file: an 8-byte length, a JSON header, then the data."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header: dict[str, Any] = json.loads(stream.read(length))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in DTYPES:
            raise UsageProblem(
                f"The tensor `{name}` in `{file.name}` is `{entry['dtype']}`; "
                "export a merged model in 16 or 32 bits."
            )
        start = 8 + length + entry["data_offsets"][0]
        yield Stored(name, file, start, entry["dtype"], tuple(entry["shape"]))
