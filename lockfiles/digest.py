"""Digests of values, of files, and of the tensors in safetensors files.

Safetensors files with equal tensors can differ in bytes (order and padding of the header), so runs
are compared by a digest of the tensors, not of the files.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lockfiles import bounded_json, files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line

HEADER_LIMIT_BYTES = 16 * files.MIB
"""Limit for the header of one file; those of published models have less than 1 MiB."""
MOST_DIMENSIONS = 8
MOST_BYTES = 1 << 50
DTYPE_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits per element of each safetensors type."""
_BLOCK_BYTES = 1 << 20


def of_value(value: object) -> str:
    """Return the sha256 of a JSON value in canonical form: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def of_file(path: Path) -> str:
    """Return the sha256 of a regular file's bytes; raises as `files.open_regular` does."""
    descriptor = files.open_regular(path)
    try:
        return of_descriptor(descriptor)
    finally:
        os.close(descriptor)


def of_descriptor(descriptor: int) -> str:
    """Return the sha256 of an open file's bytes, from its begin."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_tensors(paths: Iterable[Path]) -> str:
    """Return one sha256 over every tensor in some safetensors files.

    It covers the name, dtype, shape and bytes of each tensor, in the order of names, independent of
    how they are spread over files. Raises UsageProblem for a file that is truncated or not
    safetensors, and for a tensor name in two files.
    """
    places: dict[str, tuple[Path, int, str, list[int], int, int]] = {}
    for path in paths:
        start, header = safetensors_header(path)
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            if name in places:
                raise UsageProblem(
                    f"`{path}` and `{places[name][0]}` both contain `{name}`.",
                    fix=Command(
                        "ls {}", path.parent, to="remove the file that is not part of the model"
                    ),
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

    Every entry but `__metadata__` has `dtype`, `shape` and `data_offsets`; together the offsets
    cover the rest of the file exactly, without overlap. Raises UsageProblem for a file that is
    truncated or not safetensors. Source: the safetensors format: 8 bytes of length (little endian),
    a JSON header, then the tensors.
    """
    try:
        descriptor = files.open_regular(path)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise UsageProblem(
            f"`{path}` cannot be read: {reason}.", fix=Command("ls -ld {}", path)
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        begin = file.read(8)
        if files.is_lfs_pointer(begin):
            raise lfs_pointer(path)
        length = int.from_bytes(begin, "little")
        if not 2 <= length <= size - 8:
            raise UsageProblem(f"`{path}` is not a complete safetensors file.", fix=_again(path))
        if length > HEADER_LIMIT_BYTES:
            raise _broken(path, f"it is larger than {files.size_text(HEADER_LIMIT_BYTES)}")
        content = file.read(length)
    try:
        header = bounded_json.parse(content)
    except ValueError as problem:
        raise _broken(path, str(problem)) from None
    if not isinstance(header, dict):
        raise _broken(path, "it is not a JSON object")
    end = _end_of_tensors(path, header)
    if 8 + length + end != size:
        raise UsageProblem(
            f"`{path}` is damaged: its size does not match its header.", fix=_again(path)
        )
    return 8 + length, header


def lfs_pointer(path: Path) -> UsageProblem:
    """Return the refusal of a Git LFS pointer in place of a file."""
    return UsageProblem(
        f"`{path}` is a pointer of Git LFS, not the file itself.",
        fix=Command("git -C {} lfs pull", path.parent, to="download it"),
    )


def _end_of_tensors(path: Path, header: Mapping[str, Any]) -> int:
    """Return where the last tensor ends. Raises UsageProblem for an invalid entry."""
    places = []
    for name, entry in header.items():
        if name == "__metadata__":
            if not _is_metadata(entry):
                raise _broken(path, "its `__metadata__` must contain text only")
            continue
        why = _fault(entry)
        if why:
            raise _broken(path, f"the tensor `{one_line(name, most=100)}` {why}")
        places.append(tuple(entry["data_offsets"]))
    at = 0
    for begin, end in sorted(places):
        if begin != at:
            raise _broken(path, "its tensors overlap or leave gaps")
        at = end
    return at


def _is_metadata(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(value, str) for value in entry.values())


def _fault(entry: Any) -> str:
    """Return what is wrong with an entry of a header; empty where it is valid."""
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end], **more}:
            sizes = (*shape, begin, end)
        case _:
            return "has no dtype, shape and offsets"
    if more:
        return "has other fields than dtype, shape and offsets"
    if dtype not in DTYPE_BITS:
        return f"has the unknown dtype `{one_line(dtype, most=20)}`"
    if len(shape) > MOST_DIMENSIONS:
        return f"has {len(shape):,} dimensions, more than {MOST_DIMENSIONS}"
    if not all(type(size) is int and 0 <= size < MOST_BYTES for size in sizes) or begin > end:
        return "has invalid sizes or offsets"
    if math.prod(shape) * DTYPE_BITS[dtype] != (end - begin) * 8:
        return "has a length that does not match its shape"
    return ""


def _broken(path: Path, why: str) -> UsageProblem:
    return UsageProblem(f"`{path}` has a broken safetensors header: {why}.", fix=_again(path))


def _again(path: Path) -> Advice:
    return Advice(f"copy or download `{path.name}` again")


def _blocks(path: Path, begin: int, length: int) -> Iterator[bytes]:
    with os.fdopen(files.open_regular(path), "rb") as file:
        file.seek(begin)
        while length > 0 and (block := file.read(min(length, _BLOCK_BYTES))):
            length -= len(block)
            yield block
