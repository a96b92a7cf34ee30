"""Reads Parquet in a child process, since a crafted file can crash its reader."""

import os
import select
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.data.files.lines import MAX_ROW_BYTES, too_long
from planner.data.files.opening import opened
from planner.data.files.raw import RawRow
from planner.data.isolation import frames, limits, starting

_CHUNK_BYTES = 2**20


def parquet_rows(path: Path) -> Iterator[RawRow]:
    """Yield the rows of a file. Raises UsageProblem if `pyarrow` is not installed."""
    if not find_spec("pyarrow"):
        raise unreadable(path)
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return
        child = starting.started("parquet", file.fileno())
    try:
        yield from _rows(path, child, limits.UNPACKED_BYTES + limits.UNPACKED_TIMES * size)
    finally:
        starting.ended(child)


class _Broken(Exception):
    """The reason why the file cannot be read further."""


def _rows(path: Path, child: subprocess.Popen[bytes], most: int) -> Iterator[RawRow]:
    number, labels = 0, dict[str, list[str]]()
    try:
        for head in _answers(path, child, most):
            if "labels" in head:
                labels = _labels(head["labels"])
                continue
            rows = head.get("rows")
            if not isinstance(rows, list):
                _check_end(path, head, number)
                return
            for values in rows:
                if not isinstance(values, dict):
                    raise _Broken("an invalid row")
                number += 1
                yield RawRow(path, f"row {number}", _present(values), labels=labels)
    except _Broken as broken:
        raise UsageProblem(
            f"`{path}` after row {number} is not valid Parquet: {f'{broken}'.rstrip('.')}.",
            fix=Advice(f"copy or download `{path.name}` again"),
        ) from None


def _labels(found: object) -> dict[str, list[str]]:
    """Return the names of labels by column, as the child sends them."""
    if not isinstance(found, dict):
        raise _Broken("invalid names of labels")
    return {name: list(map(str, names)) for name, names in found.items() if type(names) is list}


def _check_end(path: Path, head: dict[str, Any], number: int) -> None:
    """Raise an error unless the last answer says that all rows were sent."""
    if "twice" in head:
        raise UsageProblem(
            f"`{path}` has the column `{head['twice']!s:.40}` twice.",
            fix=Advice("write the file again with one of them"),
        )
    if "long" in head:
        raise too_long(path, f"row {number + 1}")
    if head.get("end") != number:
        raise _Broken(f"{head.get('fault')!s:.{limits.SAID_CHARS}}")


def _answers(path: Path, child: subprocess.Popen[bytes], most: int) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each frame; the last one has no rows."""
    heard, total = bytearray(), 0
    while True:
        ends = time.monotonic() + limits.PARQUET_SECONDS + limits.GRACE_SECONDS
        while len(heard) < frames.HEADER.size:
            heard += _read(child, ends)
        _, size, _ = frames.HEADER.unpack_from(heard)
        if size > 2 * MAX_ROW_BYTES:
            raise _Broken("rows that are too long")
        while len(heard) < frames.HEADER.size + size:
            heard += _read(child, ends)
        total += size
        if total > most:
            raise UsageProblem(
                f"`{path}` unpacks to more than {most // 2**20:,} MiB, far more than its size.",
                fix=Command("ls -l {}", path),
            )
        content = bytes(heard[frames.HEADER.size : frames.HEADER.size + size])
        del heard[: frames.HEADER.size + size]
        try:
            head = frames.decode(content)
        except (ValueError, RecursionError):
            raise _Broken("nested too deeply, or not text") from None
        if not isinstance(head, dict):
            raise _Broken("no rows")
        yield head


def _read(child: subprocess.Popen[bytes], ends: float) -> bytes:
    """Return the next bytes from the child. Raises _Broken if there are none in time."""
    assert child.stdout
    waiting = select.poll()
    waiting.register(child.stdout, select.POLLIN)
    if not waiting.poll(max(0.0, ends - time.monotonic()) * 1000):
        raise _Broken(f"reading rows takes longer than {limits.PARQUET_SECONDS:g} seconds")
    if found := os.read(child.stdout.fileno(), _CHUNK_BYTES):
        return found
    raise _Broken(f"the reader process ended with {starting.ending(child)}")


def unreadable(name: object) -> UsageProblem:
    """Return the error for a Parquet file if `pyarrow` is not installed."""
    return UsageProblem(
        f"`{name}` is Parquet, but `pyarrow` is not installed.",
        fix=Command("pip install 'tunelock[parquet]'"),
    )


def _present(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row without null values in nested objects.

    A Parquet column has one type, so each nested object has the keys of all of them.
    """
    return {
        name: _without_null(value) if isinstance(value, list | dict) else value
        for name, value in values.items()
    }


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value
