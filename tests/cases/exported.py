"""GGUF files that `tunelock export` writes."""

from pathlib import Path
from typing import Any

import pytest

from tests.cases.command import Said, tunelock

gguf = pytest.importorskip("gguf")

OUT = "out.gguf"


def exported(folder: Path, model: Path, level: str = "f16") -> Said:
    """Export a model folder."""
    return tunelock(folder, "export", str(model), "--gguf", level, "--out", OUT)


def read(folder: Path) -> Any:
    """Return the reader of the exported file."""
    return open_file(folder / OUT)


def open_file(path: Path) -> Any:
    """Return the reader of a file."""
    return gguf.GGUFReader(path)


def field(reader: Any, name: str) -> Any:
    """Return a field of a file; None if there is none."""
    found = reader.get_field(name)
    return found.contents() if found else None


def names(reader: Any) -> set[str]:
    """Return the names of the tensors of a file."""
    return {tensor.name for tensor in reader.tensors}
