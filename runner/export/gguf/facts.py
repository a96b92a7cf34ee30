"""The contents of a finished GGUF file: tensor types, fallbacks and a digest of the tensors."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gguf

from runner.export.gguf.levels import LEVEL_TYPES


@dataclass(frozen=True)
class GgufFacts:
    """One finished GGUF file."""

    path: Path
    """The file."""
    size_bytes: int
    """Size of the file."""
    tensor_types: Mapping[str, int]
    """How many tensors have each type, such as `Q4_K`."""
    fallbacks: tuple[str, ...]
    """Tensors stored in another type than the level's (`name: type`), because of their row size."""
    tensors_sha256: str
    """SHA-256 over each tensor's name, type, shape and bytes, in name order, without metadata."""


def facts_of(path: Path, level: str) -> GgufFacts:
    """Read a finished GGUF file of `level`."""
    tensors = sorted(gguf.GGUFReader(path).tensors, key=lambda tensor: str(tensor.name))
    digest = hashlib.sha256()
    for tensor in tensors:
        shape = [int(width) for width in tensor.shape]
        digest.update(f"{tensor.name}\0{tensor.tensor_type.name}\0{shape}\0".encode())
        digest.update(memoryview(tensor.data).cast("B"))
    named = [(str(tensor.name), str(tensor.tensor_type.name)) for tensor in tensors]
    odd = [(name, kind) for name, kind in named if kind not in LEVEL_TYPES[level]]
    return GgufFacts(
        path=path,
        size_bytes=path.stat().st_size,
        tensor_types=dict(sorted(Counter(kind for _, kind in named).items())),
        fallbacks=tuple(f"{name}: {kind}" for name, kind in odd),
        tensors_sha256=digest.hexdigest(),
    )
