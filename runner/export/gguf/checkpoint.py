"""Reads safetensors files as numpy arrays, without torch; bfloat16 becomes float32."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockfiles import digest
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.models.extra_tensors import is_computed
from planner.models.folder import INDEX, SINGLE, shards
from planner.models.stored import check_spread, index_of

_PIECE_BYTES = 64 << 20
DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "F64": np.float64}


@dataclass(frozen=True)
class Stored:
    """One tensor in a safetensors file, read on demand."""

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
        """Return the values as float32; float16 and bfloat16 are widened exactly."""
        kind = DTYPES[self.dtype]
        count = math.prod(self.shape)
        raw = np.fromfile(self.file, kind, count, offset=self.offset_bytes).reshape(self.shape)
        if self.dtype == "BF16":
            return (raw.astype(np.uint32) << 16).view(np.float32)
        return raw.astype(np.float32, copy=False)

    def equals(self, other: "Stored") -> bool:
        """Return whether another tensor has the same values, reading both piece by piece."""
        if self.shape != other.shape or self.dtype != other.dtype:
            return self.shape == other.shape and bool(np.array_equal(self.read(), other.read()))
        size = math.prod(self.shape) * np.dtype(DTYPES[self.dtype]).itemsize
        with self.file.open("rb") as one, other.file.open("rb") as two:
            one.seek(self.offset_bytes)
            two.seek(other.offset_bytes)
            pieces = (min(_PIECE_BYTES, size - at) for at in range(0, size, _PIECE_BYTES))
            return all(one.read(piece) == two.read(piece) for piece in pieces)


def stored_tensors(model_dir: Path) -> list[Stored]:
    """Return the tensors of a model folder, in name order, without those that loaders compute.

    Raises UsageProblem if a file is missing, truncated or of an unsupported type, and for files
    that do not match their index.
    """
    headers = {file: digest.safetensors_header(file) for file in _files(model_dir)}
    names = {file.name: header.keys() - {"__metadata__"} for file, (_, header) in headers.items()}
    check_spread(model_dir, names)
    found = [
        one for file, (start, header) in headers.items() for one in _tensors(file, start, header)
    ]
    return sorted(found, key=lambda tensor: tensor.name)


def _files(model_dir: Path) -> list[Path]:
    """Return the weight files: those that the index lists, or the single one."""
    index, names = model_dir / INDEX, {SINGLE}
    if not (model_dir / SINGLE).exists() and index.is_file():
        there = frozenset(file.name for file in model_dir.glob("*.safetensors"))
        names = set(shards(index_of(model_dir), str(index), there))
    files = [model_dir / name for name in sorted(names)]
    for file in files:
        if not file.is_file():
            raise UsageProblem(
                f"`{model_dir}` has no `{file.name}`.", fix=Command("ls {}", model_dir)
            )
    return files


def _tensors(file: Path, start: int, header: Mapping[str, Any]) -> Iterator[Stored]:
    """Return the tensors that the header of one file lists; their data begins at `start`."""
    for name, entry in header.items():
        if name == "__metadata__" or is_computed(name, tuple(entry["shape"])):
            continue
        kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        if kind not in DTYPES:
            raise UsageProblem(
                f"The tensor `{name}` in `{file.name}` is `{kind}`, "
                "but only merged models in 16 or 32 bits can be converted.",
                fix=Advice("merge into weights of 16 or 32 bits, and export that folder"),
            )
        if math.prod(shape) * np.dtype(DTYPES[kind]).itemsize != end - begin:
            raise UsageProblem(
                f"`{file}` is damaged: the size of `{name}` does not match its shape.",
                fix=Advice(f"copy or download `{file.name}` again"),
            )
        yield Stored(name, file, start + begin, kind, shape)
