"""Rows of Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from planner.data.files.raw import RawRow, doubled

BATCH_ROWS = 256
"""Rows in memory at once."""


def parquet_rows(path: Path) -> Iterator[RawRow]:
    """Yield the rows of a file. Needs `pyarrow`, and says so where it is missing."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise unreadable(path) from None
    if path.stat().st_size == 0:
        return
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            _check_names(path, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    yield RawRow(path, f"row {number}", _present(values))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        said = str(error).splitlines()[0]
        raise UsageProblem(
            f"`{path}` after row {number} is not valid Parquet: {said}",
            hint=f"copy or download `{path.name}` again",
        ) from None


def unreadable(name: object) -> UsageProblem:
    """Return the error of a Parquet file where nothing is installed that reads it."""
    return UsageProblem(
        f"`{name}` is Parquet, and `pyarrow` is not installed.",
        hint="pip install 'tunelock[parquet]'",
    )


def _check_names(path: Path, names: list[str]) -> None:
    twice = doubled(names)
    if twice is not None:
        raise UsageProblem(
            f"`{path}` has the column `{twice}` twice.", hint="write it again with one of them"
        )


def _present(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row without the keys of inner objects that Parquet fills with null.

    Its columns have one type, so each object gets the keys of all.
    """
    return {
        name: _without_null(value) if isinstance(value, list | dict) else value
        for name, value in values.items()
    }


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value
