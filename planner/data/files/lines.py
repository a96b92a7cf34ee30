"""Reads the lines of a UTF-8 text file one at a time, with a limit on their length."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from planner.data.files.opening import opened
from planner.data.files.raw import look

MAX_ROW_BYTES = 16 * 2**20
"""A longer row is refused while it is read. The limit holds 4 million tokens of English at 4 bytes
per token, and keeps the Python objects of any row below 1 GB."""


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1. Raises UsageProblem, which names the line."""
    with opened(path) as file:
        number = 0
        while line := file.readline(MAX_ROW_BYTES + 1):
            number += 1
            if len(line) > MAX_ROW_BYTES:
                raise too_long(path, f"line {number}")
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise not_text(path, number, line) from None


def too_long(path: Path, place: str) -> UsageProblem:
    """Return the error for a row that is too long."""
    shown = look(path, place)
    return UsageProblem(
        f"`{path}` {place} is longer than {MAX_ROW_BYTES // 2**20} MiB, the limit for a row.",
        fix=Command(f"{shown.template} | head -c 1000", *shown.values),
    )


def not_text(path: Path, number: int, found: bytes) -> UsageProblem:
    """Return the error for a line that is not UTF-8, with a fix that its bytes suggest."""
    utf16 = number == 1 and found.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in found and not utf16:
        return UsageProblem(
            f"`{path}` line {number} is binary, not text.", fix=Command("file {}", path)
        )
    out = f"{path.stem}.utf8{path.suffix}"
    encoding = "UTF-16" if utf16 else "WINDOWS-1252"
    return UsageProblem(
        f"`{path}` line {number} is not UTF-8.",
        fix=Command("iconv -f {} -t UTF-8 {} > {}", encoding, path, out),
    )
