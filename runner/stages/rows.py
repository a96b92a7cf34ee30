"""The prepared rows of a run, and the held-out rows that are shown with their answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from lockfiles.errors import DigestDiffers, UsageProblem
from lockfiles.files import TEXT_LIMIT_BYTES, read_bounded, write_whole
from lockfiles.fixes import Advice
from planner.data.rows.rows import Row, canonical_json
from planner.data.tokens.example import IGNORED, Encoded, Example
from planner.data.tokens.stored import read_encoded
from planner.objectives.registry import objective_of
from runner.stages.context import Context

SHOWN_FILE = "shown.jsonl"
_AGAIN = Advice("delete the `prepare` folder that it is in, then run the lock again")
T = TypeVar("T")


def prepared(given: Context, split: str) -> list[Example]:
    """Return the prepared rows of a split; empty if the lock has no such split.

    Raises DigestDiffers if they differ from those in the lock, and UsageProblem if they cannot be
    read.
    """
    locked = next((part for part in given.lock.splits if part.split == split), None)
    if locked is None:
        return []
    rows = given.result(given.lock.first("prepare")) / "rows" / split
    sequences = objective_of(given.lock.training().objective.name).sequences
    return read_encoded(rows, locked.tokens_sha256, sequences)


def picked(rows: Sequence[T], count: int) -> list[T]:
    """Return `count` rows (or all, if there are fewer): the middle one of each equal share."""
    if count <= 0:
        return []
    share = max(1, len(rows) // count)
    return list(rows[share // 2 :: share])[:count]


def wanted(row: Encoded) -> list[int]:
    """Return the token ids of a row's last answer, including its end token."""
    end = max(n for n, label in enumerate(row.labels) if label != IGNORED) + 1
    begin = end
    while begin > 0 and row.labels[begin - 1] != IGNORED:
        begin -= 1
    return list(row.labels[begin:end])


def write_shown(folder: Path, rows: Sequence[Row]) -> None:
    """Write the rows that the later stages show, as canonical JSON lines."""
    content = b"".join(canonical_json(row) + b"\n" for row in rows)
    write_whole(folder / SHOWN_FILE, content)


def shown(given: Context, count: int | None = None) -> list[list[dict[str, str]]]:
    """Return the messages of the rows to show. Raises DigestDiffers if the file is damaged, or has
    other than `count` rows."""
    path = given.result(given.lock.first("prepare")) / SHOWN_FILE
    try:
        content = read_bounded(path, TEXT_LIMIT_BYTES, follow=False)
        rows = [_turns(line) for line in content.split(b"\n")[:-1]]
        if count is not None and len(rows) != count:
            raise ValueError("other rows")
        return rows
    except (OSError, UsageProblem, ValueError, RecursionError):
        raise DigestDiffers(
            f"`{path}` does not contain the sample rows that `prepare` wrote.", fix=_AGAIN
        ) from None


def _turns(line: bytes) -> list[dict[str, str]]:
    """Return the messages of a row. Raises ValueError if it has none.

    A text may contain a lone surrogate, which pydantic does not accept.
    """
    row = json.loads(line)
    turns = row.get("messages") if isinstance(row, dict) else None
    if not isinstance(turns, list) or not turns:
        raise ValueError("no row")
    if not all(isinstance(turn, dict) and isinstance(turn.get("content"), str) for turn in turns):
        raise ValueError("no messages")
    return turns
