"""Reads safetensors files as numpy arrays, without torch; bfloat16 becomes float32."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockfiles import digest
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.models.folder import INDEX, SINGLE, shards
from planner.models.stored import index_of

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
        count = math.prod(self.shape)
        raw = np.fromfile(self.file, kind, count, offset=self.offset_bytes).reshape(self.shape)
        if self.dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32, copy=False)


def stored_tensors(model_dir: Path) -> list[Stored]:
    """Every tensor of a model folder, in name order.

    Raises UsageProblem when a file is missing, torn or of a type that is not exported.
    """
    found = [tensor for file in _files(model_dir) for tensor in _tensors(file)]
    return sorted(found, key=lambda tensor: tensor.name)


def _files(model_dir: Path) -> list[Path]:
    """The weight files: those the index names, or the single one."""
    index, names = model_dir / INDEX, {SINGLE}
    if not (model_dir / SINGLE).exists() and index.is_file():
        there = frozenset(file.name for file in model_dir.glob("*.safetensors"))
        names = set(shards(index_of(model_dir), str(index), there))
    files = [model_dir / name for name in sorted(names)]
    for file in files:
        if not file.is_file():
            raise UsageProblem(
                f"`{model_dir}` holds no `{file.name}`.", fix=Command("ls {}", model_dir)
            )
    return files


def _tensors(file: Path) -> Iterator[Stored]:
    """The tensors of one file, as its header has them."""
    start, header = digest.safetensors_header(file)
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        if kind not in DTYPES:
            raise UsageProblem(
                f"The tensor `{name}` in `{file.name}` is `{kind}`, "
                "and only a merged model in 16 or 32 bits is converted.",
                fix=Advice("merge into weights of 16 or 32 bits, and export that folder"),
            )
        if math.prod(shape) * np.dtype(DTYPES[kind]).itemsize != end - begin:
            raise UsageProblem(
                f"`{file}` is torn: `{name}` is not as long as its shape says.",
                fix=Advice(f"copy or download `{file.name}` again"),
            )
        yield Stored(name, file, start + begin, kind, shape)
