"""Read the rows of a JSONL, JSON, CSV or Parquet file, with their numbers for errors."""

import csv
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem

MAX_FIELD_CHARS = 2**31 - 1
_PYTHON_SHOWS = {
    ".json": "import json, sys; print(json.load(open(sys.argv[1]))[{at}])",
    ".parquet": "import sys, pyarrow.parquet as p; "
    "print(p.read_table(sys.argv[1]).slice({at}, 1).to_pylist())",
}


@dataclass(frozen=True)
class RawRow:
    """One row as the file has it."""

    place: str
    """Where it stands, for messages: `line 3` or `row 3`, counted from 1."""
    values: dict[str, Any]
    """Column name to value."""


def read_raw(path: Path) -> Iterator[RawRow]:
    """Yield the rows of `path`, by its ending.

    Raises UsageProblem for a missing, empty, broken or not understood file.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageProblem(
            f"`{path}` has the ending `{path.suffix}`, which is not a data format here.",
            hint="use `.jsonl`, `.json`, `.csv` or `.parquet`",
        )
    if not path.is_file():
        raise UsageProblem(f"`{path}` is not a file.", hint=f"ls {shlex.quote(str(path.parent))}")
    found = False
    for row in reader(path):
        found = True
        yield row
    if not found:
        raise UsageProblem(f"`{path}` has no rows.", hint=f"head {shlex.quote(str(path))}")


def look(path: Path, place: str) -> str:
    """Return the command that shows one row; `place` as in RawRow."""
    unit, number = place.split()
    name = shlex.quote(str(path))
    if unit == "line":
        return f"sed -n {number}p {name}"
    code = _PYTHON_SHOWS[path.suffix.lower()].format(at=int(number) - 1)
    return f'python3 -c "{code}" {name}'


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                name, out = shlex.quote(str(path)), shlex.quote(f"{path.stem}.utf8{path.suffix}")
                raise UsageProblem(
                    f"`{path}` line {number} is not UTF-8.",
                    hint=f"iconv -f WINDOWS-1252 -t UTF-8 {name} > {out}",
                ) from None


def _object(path: Path, place: str, value: object) -> RawRow:
    if not isinstance(value, dict):
        raise UsageProblem(f"`{path}` {place} is not a JSON object.", hint=look(path, place))
    return RawRow(place, value)


def _jsonl(path: Path) -> Iterator[RawRow]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            why = _why(error)
            raise UsageProblem(
                f"`{path}` line {number} is not valid JSON: {why}.",
                hint=look(path, f"line {number}"),
            ) from None
        yield _object(path, f"line {number}", value)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"


def _json(path: Path) -> Iterator[RawRow]:
    text = "".join(line for _, line in _lines(path))
    if not text.strip():
        return
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageProblem(
            f"`{path}` line {error.lineno} is not valid JSON: {error.msg}.",
            hint=look(path, f"line {error.lineno}"),
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageProblem(
            f"`{path}` is not valid JSON: {_why(error)}.",
            hint=f"head -c 1000 {shlex.quote(str(path))}",
        ) from None
    if not isinstance(values, list):
        raise UsageProblem(
            f"`{path}` is JSON but not a list of rows.", hint=f"head {shlex.quote(str(path))}"
        )
    for number, value in enumerate(values, 1):
        yield _object(path, f"row {number}", value)


def _csv(path: Path) -> Iterator[RawRow]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    try:
        names = next(reader, [])
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(names):
                raise UsageProblem(
                    f"`{path}` line {reader.line_num} has {len(fields)} fields, "
                    f"the header has {len(names)}.",
                    hint=look(path, f"line {reader.line_num}"),
                )
            yield RawRow(f"line {reader.line_num}", dict(zip(names, fields, strict=True)))
    except csv.Error as error:
        raise UsageProblem(
            f"`{path}` line {reader.line_num} is not valid CSV: {error}.",
            hint=look(path, f"line {reader.line_num}"),
        ) from None


def _parquet(path: Path) -> Iterator[RawRow]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageProblem(
            f"`{path}` is Parquet, and `pyarrow` is not installed.",
            hint="pip install 'tunelock[parquet]'",
        ) from None
    if path.stat().st_size == 0:
        return
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield RawRow(f"row {number}", values)
    except pyarrow.ArrowException as error:
        why = str(error).splitlines()[0]
        raise UsageProblem(
            f"`{path}` after row {number} is not valid Parquet: {why}",
            hint=f"copy or download `{path.name}` again",
        ) from None


READERS = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}
