"""Digests: of values, of files, and of the tensors inside safetensors files.

Two safetensors files of equal tensors can differ in bytes (the header's order and padding),
so what is compared between runs is a digest of tensors, never of their container.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem

_BLOCK_BYTES = 1 << 20
_HEADER_LIMIT_BYTES = 100 << 20


def of_value(value: object) -> str:
    """Return the sha256 of a JSON value in canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def of_file(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_tensors(paths: Iterable[Path]) -> str:
    """Return one sha256 over every tensor in some safetensors files.

    It covers name, dtype, shape and bytes of each tensor, in the order of their names, and
    nothing of how they were spread over files. Raises UsageProblem for a file that is torn
    or no safetensors, and for a name that two files both hold.
    """
    places: dict[str, tuple[Path, int, str, list[int], int, int]] = {}
    for path in paths:
        start, header = safetensors_header(path)
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            if name in places:
                raise UsageProblem(
                    f"`{path}` holds `{name}`, and so does `{places[name][0]}`.",
                    hint=f"remove the file that does not belong to the model: ls {path.parent}",
                )
            begin, end = tensor["data_offsets"]
            places[name] = (path, start, tensor["dtype"], tensor["shape"], begin, end)
    digest = hashlib.sha256()
    for name in sorted(places):
        path, start, dtype, shape, begin, end = places[name]
        digest.update(f"{name}\0{dtype}\0{shape}\0".encode())
        for block in _blocks(path, start + begin, end - begin):
            digest.update(block)
    return digest.hexdigest()


def safetensors_header(path: Path) -> tuple[int, dict[str, Any]]:
    """Return where the tensors' bytes begin, and the header of one safetensors file.

    Every entry but `__metadata__` has a `dtype`, a `shape` and `data_offsets`. Raises
    UsageProblem for a file that is torn or no safetensors. Source: the safetensors format,
    8 bytes of length (little endian), a JSON header, then the tensors.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, _HEADER_LIMIT_BYTES):
            raise UsageProblem(f"`{path}` is not a whole safetensors file.", hint=_again(path))
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict) or not all(map(_is_entry, header.items())):
        raise UsageProblem(f"`{path}` has a broken safetensors header.", hint=_again(path))
    tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
    if 8 + length + max((tensor["data_offsets"][1] for tensor in tensors), default=0) != size:
        raise UsageProblem(
            f"`{path}` is torn: its size is not what its header says.", hint=_again(path)
        )
    return 8 + length, header


def _is_entry(item: tuple[str, Any]) -> bool:
    """Whether one entry of a header has the fields of a tensor, or is `__metadata__`."""
    match item:
        case ("__metadata__", _):
            return True
        case (_, {"dtype": str(), "shape": [*sizes], "data_offsets": [int(begin), int(end)]}):
            return 0 <= begin <= end and all(isinstance(n, int) and n >= 0 for n in sizes)
    return False


def _again(path: Path) -> str:
    return f"copy or download `{path.name}` again"


def _blocks(path: Path, begin: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(begin)
        while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
            length -= len(block)
            yield block
