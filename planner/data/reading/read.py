"""Reads the rows of a JSONL, JSON, CSV, TSV or Parquet file, or of a folder of such files."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.data.files.csv_rows import csv_rows
from planner.data.files.json_rows import json_list, jsonl
from planner.data.files.lines import AS_CSV
from planner.data.files.opening import check_link
from planner.data.files.parquet_rows import parquet_rows
from planner.data.files.raw import BadRow, RawRow

READERS: dict[str, Callable[[Path], Iterator[RawRow]]] = {
    ".jsonl": jsonl,
    ".json": json_list,
    ".csv": csv_rows,
    ".tsv": csv_rows,
    ".parquet": parquet_rows,
}
_UNPACK = {".gz": "gunzip --keep {}", ".zst": "unzstd {}", ".zip": "unzip {}"}
_OTHERS: dict[str, Advice] = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), AS_CSV),
    ".txt": Advice("name it `.csv` or `.tsv` if it has columns, or `.jsonl` if it has JSON"),
}
"""What to do with files of other types."""


def read_raw(path: Path) -> Iterator[RawRow]:
    """Yield the rows of a file as `every_raw` does; raises BadRow for the first with a problem."""
    for raw in every_raw(path):
        if raw.problem:
            raise BadRow(raw, raw.problem)
        yield raw


def every_raw(path: Path) -> Generator[RawRow, None, None]:
    """Yield the rows of a file, or of the files in a folder, sorted by name; bad ones too.

    Only a few rows are in memory at a time. Raises UsageProblem for a missing, empty, broken or
    unsupported file.
    """
    for file in data_files(path):
        yield from _rows(file)


def data_files(path: Path) -> list[Path]:
    """Return the file itself, or the data files in a folder; at least one.

    Raises UsageProblem if there is none, or if they are of several types.
    """
    if not path.is_dir():
        return [path]
    try:
        inside = [one for one in path.iterdir() if not one.name.startswith(".") and one.is_file()]
    except OSError as problem:
        raise _unreadable(path, problem) from None
    files = sorted(one for one in inside if one.suffix.lower() in READERS)
    for file in files:
        check_link(path, file)
    endings = sorted({file.suffix.lower() for file in files})
    if not files:
        raise UsageProblem(f"The folder `{path}` has no data files.", fix=Command("ls {}", path))
    if len(endings) > 1:
        named = " and ".join(f"`{ending}`" for ending in endings)
        raise UsageProblem(
            f"The folder `{path}` has {named} files, which may contain the same rows.",
            fix=Command("ls {}", path, to="keep one type"),
        )
    return files


def _rows(path: Path) -> Iterator[RawRow]:
    ending = path.suffix.lower()
    if ending not in READERS:
        unpack = Command(_UNPACK[ending], path) if ending in _UNPACK else _OTHERS.get(ending)
        raise UsageProblem(
            f"`{path}` has the unsupported extension `{path.suffix}`.",
            fix=unpack or Advice("use `.jsonl`, `.json`, `.csv`, `.tsv` or `.parquet`"),
        )
    found = False
    try:
        for row in READERS[ending](path):
            found = True
            yield row
    except FileNotFoundError:
        raise UsageProblem(f"`{path}` is not a file.", fix=Command("ls {}", path.parent)) from None
    except (OSError, ValueError) as problem:  # ValueError: a path with a NUL
        raise _unreadable(path, problem) from None
    if not found:
        raise UsageProblem(f"`{path}` has no rows.", fix=Command("head {}", path))


def _unreadable(path: Path, problem: Exception) -> UsageProblem:
    reason = getattr(problem, "strerror", None) or problem
    return UsageProblem(f"`{path}` cannot be read: {reason}.", fix=Command("ls -l {}", path))
