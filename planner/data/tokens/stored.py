"""Encoded examples on disk, and the digest of their tokens.

A folder has a header and, for each named sequence, three files: lengths and ids as u32 LE, and a
byte for each token that says whether it is scored. In version 1 there
was one sequence, and its files were `lengths.u32`, `ids.u32` and `mask.u8`.
"""

import hashlib
import json
import os
import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from lockfiles import files, text
from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.fixes import Advice
from planner.data.tokens.example import COMPLETION, IGNORED, Encoded, Example

FORMAT_VERSION = 2
_SINGLE = (COMPLETION,)
_AGAIN = Advice("remove the `prepare` folder from the run folder and rerun the lock")


def stream_sha256(examples: Iterable[Example]) -> str:
    """Return the SHA-256 (hex) over each sequence's length (u32 LE), ids (u32 LE) and mask (u8).

    The sequences of an example follow each other. Unless they are those of a conversation, their
    names come first, each followed by a NUL byte.
    """
    digest = hashlib.sha256()
    given = iter(examples)
    first = next(given, None)
    if first is None:
        return digest.hexdigest()
    names = tuple(first.sequences)
    if names != _SINGLE:
        digest.update(b"".join(name.encode() + b"\0" for name in names))
    for example in chain([first], given):
        assert tuple(example.sequences) == names, "examples have other sequences than the first"
        for one in example.sequences.values():
            digest.update(struct.pack("<I", len(one.input_ids)))
            digest.update(_words(one.input_ids).tobytes())
            digest.update(_mask(one))
    return digest.hexdigest()


def write_encoded(
    folder: Path, examples: Sequence[Example], sequences: Sequence[str] = _SINGLE
) -> str:
    """Write examples to `folder` and return their digest; the header is written last.

    Every example has the `sequences`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in sequences:
        _write_sequence(folder, name, [example[name] for example in examples])
    digest = stream_sha256(examples)
    header = {
        "version": FORMAT_VERSION,
        "rows": len(examples),
        "sequences": list(sequences),
        "stream_sha256": digest,
    }
    (folder / "header.json").write_text(json.dumps(header, indent=2) + "\n", "utf-8")
    return digest


def _write_sequence(folder: Path, name: str, encoded: Sequence[Encoded]) -> None:
    lengths = _words([len(one.input_ids) for one in encoded])
    (folder / f"{name}.lengths.u32").write_bytes(lengths.tobytes())
    with (
        (folder / f"{name}.ids.u32").open("wb") as ids,
        (folder / f"{name}.mask.u8").open("wb") as mask,
    ):
        for one in encoded:
            ids.write(_words(one.input_ids).tobytes())
            mask.write(_mask(one))


def read_encoded(
    folder: Path, locked_sha256: str | None = None, sequences: Sequence[str] = _SINGLE
) -> list[Example]:
    """Return examples that this version of `write_encoded` or an earlier one wrote.

    `locked_sha256` is their digest in a lock. Raises UsageProblem if they are missing or of a
    newer version, and DigestDiffers if they are different rows.
    """
    path = folder / "header.json"
    if not path.is_file():
        raise UsageProblem(f"`{folder}` has no encoded rows.", fix=_AGAIN)
    try:
        header = text.read_json_object(path)
    except UsageProblem as problem:
        raise UsageProblem(*problem.said, fix=_AGAIN) from None
    if header.get("version") not in (1, FORMAT_VERSION):
        raise UsageProblem(
            f"`{path}` has the version `{header.get('version')}`, not `{FORMAT_VERSION}`.",
            fix=_AGAIN,
        )
    first = header["version"] == 1
    if (list(_SINGLE) if first else header.get("sequences")) != list(sequences):
        raise DigestDiffers(
            f"The encoded rows in `{folder}` do not have the objective's sequences.", fix=_AGAIN
        )
    rows = _read_rows(folder, sequences, named=not first)
    found = {"rows": len(rows), "stream_sha256": stream_sha256(rows)}
    if any(header.get(name) != value for name, value in found.items()):
        raise DigestDiffers(
            f"The encoded rows in `{folder}` do not match their header.", fix=_AGAIN
        )
    if locked_sha256 not in (None, found["stream_sha256"]):
        raise DigestDiffers(f"The encoded rows in `{folder}` do not match the lock.", fix=_AGAIN)
    return rows


def _read_rows(folder: Path, sequences: Sequence[str], *, named: bool) -> list[Example]:
    each = [_read_sequence(folder, f"{name}." if named else "") for name in sequences]
    if len({len(one) for one in each}) > 1:
        raise _cut_short(folder)
    return [Example(dict(zip(sequences, parts, strict=True))) for parts in zip(*each, strict=True)]


def _read_sequence(folder: Path, prefix: str) -> list[Encoded]:
    lengths = _from_bytes(_content(folder / f"{prefix}lengths.u32"))
    ids = _from_bytes(_content(folder / f"{prefix}ids.u32"))
    mask, rows, at = _content(folder / f"{prefix}mask.u8"), [], 0
    if not sum(lengths) == len(ids) == len(mask):
        raise _cut_short(folder)
    for length in lengths:
        part, marks = tuple(ids[at : at + length]), mask[at : at + length]
        labels = tuple(t if m else IGNORED for t, m in zip(part, marks, strict=True))
        rows.append(Encoded(part, labels))
        at += length
    return rows


def _cut_short(folder: Path) -> DigestDiffers:
    return DigestDiffers(f"The encoded rows in `{folder}` are incomplete.", fix=_AGAIN)


def _content(path: Path) -> bytes:
    try:
        with os.fdopen(files.open_regular(path, follow=False), "rb") as file:
            return file.read()
    except OSError as problem:
        raise UsageProblem(f"`{path}` cannot be read: {problem.strerror}.", fix=_AGAIN) from None


def _mask(row: Encoded) -> bytes:
    return bytes(label != IGNORED for label in row.labels)


def _words(values: Iterable[int]) -> "array[int]":
    words = array("I", values)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _from_bytes(content: bytes) -> "array[int]":
    words = array("I")
    words.frombytes(content[: len(content) // 4 * 4])
    if sys.byteorder == "big":
        words.byteswap()
    return words
