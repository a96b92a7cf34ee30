"""The child process that reads a Parquet file and sends its rows as JSON, in frames of a few rows.

The file is standard input. Values that JSON cannot represent, such as dates, become `NaN`, which no
data format accepts as text.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow
from pyarrow import parquet

from planner.data.files.lines import MAX_ROW_BYTES
from planner.data.isolation import frames, limits, restrictions
from planner.data.worker.child import send

MOST_LABELS, LABEL_CHARS = 10_000, 200
"""Names of labels of a column that are sent, and characters of each."""
BATCH_ROWS = 256
"""Rows in memory at once."""
_FRAME_BYTES = 2**18
"""Approximate size of a frame; a single row may be larger."""


def main() -> None:
    """Send all rows, or the error of the file, and exit."""
    file, answers = os.dup(0), os.dup(1)
    restrictions.close_standard_streams()
    restrictions.restrict_files()
    size = os.fstat(file).st_size
    row = 0
    try:
        for batch in _batches(file, size, answers):
            for rows in _framed(batch):
                send(answers, _frame(b"[" + b",".join(rows) + b"]"))
                row += len(rows)
        send(answers, frames.encode({"end": row}))
    except MemoryError:
        send(answers, frames.encode({"fault": "its rows take too much memory", "row": row}))
    except BaseException as problem:
        kind = _KINDS.get(type(problem), "fault")
        said = _DAMAGED if kind == "fault" else str(problem)[: limits.SAID_CHARS]
        send(answers, frames.encode({kind: said, "row": row}))


_DAMAGED = "it is damaged, or it is another kind of file"


class _Twice(ValueError):
    """Contains the name of a duplicate column."""


class _TooLong(ValueError):
    """The next row is too long."""


_KINDS: dict[type[BaseException], str] = {_Twice: "twice", _TooLong: "long"}


def _batches(file: int, size: int, answers: int) -> Iterator[list[dict[str, Any]]]:
    pyarrow.set_cpu_count(1)
    more = limits.PARQUET_BYTES + limits.PARQUET_TIMES * size
    with restrictions.bounded(limits.PARQUET_SECONDS, more):
        opened = parquet.ParquetFile(os.fdopen(file, "rb"))
        counts = Counter(opened.schema_arrow.names)
        if twice := next((name for name, count in counts.items() if count > 1), None):
            raise _Twice(twice)
        if labels := _labels(opened.schema_arrow.metadata or {}):
            send(answers, frames.encode({"labels": labels}))
        batches = opened.iter_batches(batch_size=BATCH_ROWS, use_threads=False)
    while True:
        with restrictions.bounded(limits.PARQUET_SECONDS, more):
            batch = next(batches, None)
            if batch is None:
                return
            rows = batch.to_pylist()
        yield rows


def _labels(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of each column of type `ClassLabel` of the library `datasets`."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        found = {
            column: feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {column: names for column, names in found.items() if _are_names(names)}


def _are_names(names: object) -> bool:
    if not isinstance(names, list) or len(names) > MOST_LABELS:
        return False
    return all(isinstance(name, str) and len(name) <= LABEL_CHARS for name in names)


def _framed(rows: list[dict[str, Any]]) -> Iterator[list[bytes]]:
    """Yield rows as JSON, in lists of about the size of a frame."""
    listed: list[bytes] = []
    chars = 0
    for row in rows:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_unheld)
        content = text.encode("utf-8", "surrogatepass")
        if len(content) > MAX_ROW_BYTES:
            yield listed
            raise _TooLong
        listed.append(content)
        chars += len(content)
        if chars > _FRAME_BYTES:
            yield listed
            listed, chars = [], 0
    if listed:
        yield listed


def _unheld(value: object) -> float:
    return math.nan


def _frame(rows: bytes) -> bytes:
    head = b'{"rows":' + rows + b"}"
    return frames.HEADER.pack(frames.ANSWER, len(head), 0) + head
