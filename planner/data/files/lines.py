"""Reads the lines of a UTF-8 text file one at a time, with a limit on their length."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line
from planner.data.files.encodings import encoding_of
from planner.data.files.opening import opened
from planner.data.files.raw import look

MAX_ROW_BYTES = 16 * 2**20
"""A longer row is refused while it is read. The limit holds 4 million tokens of English at 4 bytes
per token, and keeps the Python objects of any row below 1 GB."""

AS_CSV = Advice("save the sheet of the workbook as `CSV UTF-8`, and name that file")
_ZIP = b"PK\3\4"
_SAMPLE_BYTES = 2**16
"""Bytes at the beginning of a file by which its encoding is recognized."""
_SHOWN_CHARS = 30


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
    workbook = found.startswith(_ZIP) and path.suffix.lower() in (".csv", ".tsv")
    if b"\0" in found and not utf16:
        return UsageProblem(
            f"`{path}` line {number} is binary, not text.",
            fix=AS_CSV if workbook else Command("file {}", path),
        )
    encoding = "UTF-16" if utf16 else _encoding(path, found)
    shown = "" if utf16 or not encoding else _read_as(encoding, found)
    out = f"{path.stem}.utf8{path.suffix}"
    return UsageProblem(
        f"`{path}` line {number} is not UTF-8.{shown}",
        fix=Command("iconv -f {} -t UTF-8 {} > {}", encoding, path, out)
        if encoding
        else Advice("save it as UTF-8 (in Excel: `CSV UTF-8`)"),
    )


def _encoding(path: Path, line: bytes) -> str:
    """Return the likely encoding of a file of which a line is not UTF-8; empty if none is."""
    with opened(path) as file:
        begun = file.read(_SAMPLE_BYTES).rpartition(b"\n")[0]
    return encoding_of(line + begun)


def _read_as(encoding: str, line: bytes) -> str:
    """Return what a line says in an encoding, as a sentence, so that a person sees whether
    it is the right one."""
    other = re.search(rb"[^\s,;]*[\x80-\xff][^\r\n]*", line)
    said = other[0].decode(encoding, errors="replace")[:_SHOWN_CHARS] if other else ""
    return f" In {encoding} it has `{one_line(said)}`." if said and "`" not in said else ""
