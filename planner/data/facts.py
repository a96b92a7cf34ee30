"""What a data file is, in numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from planner.data.encode import Encoded
from planner.data.formats import Format, Table
from planner.data.rows import Row, canonical_json, rows_sha256


@dataclass(frozen=True)
class DataFacts:
    """The measured facts of one data file under one template and tokenizer."""

    rows: int
    """How many rows, 1 or more."""
    format: Format
    """The format that was recognised."""
    sha256: str
    """SHA-256 (hex) of the canonical rows."""
    min_tokens: int
    """Tokens in the shortest row."""
    median_tokens: int
    """Tokens in the middle row (the lower one of two)."""
    p95_tokens: int
    """Tokens that 95 % of the rows do not exceed (nearest rank)."""
    max_tokens: int
    """Tokens in the longest row."""
    scored_tokens: int
    """Scored tokens in all rows together."""
    unscored_rows: int
    """Rows with no scored token."""
    empty_rows: int
    """Rows with no assistant turn, or one that is empty or white space."""
    duplicate_rows: int
    """Rows equal to an earlier row."""


def rank(ordered: Sequence[int], percent: int) -> int:
    """The nearest-rank percentile (1 to 100) of ascending numbers."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def is_empty(row: Row) -> bool:
    """Whether the assistant says nothing in some turn, or has no turn."""
    said = [m.content.strip() for m in row.messages if m.role == "assistant"]
    return not said or not all(said)


def measure(table: Table, encoded: Sequence[Encoded]) -> DataFacts:
    """The facts of `table`, whose rows were encoded, in the same order, to `encoded`."""
    assert len(table.rows) == len(encoded)
    lengths = sorted(len(row.input_ids) for row in encoded)
    scored = [row.scored for row in encoded]
    return DataFacts(
        rows=len(table.rows),
        format=table.format,
        sha256=rows_sha256(table.rows),
        min_tokens=lengths[0],
        median_tokens=rank(lengths, 50),
        p95_tokens=rank(lengths, 95),
        max_tokens=lengths[-1],
        scored_tokens=sum(scored),
        unscored_rows=scored.count(0),
        empty_rows=sum(map(is_empty, table.rows)),
        duplicate_rows=len(table.rows) - len({canonical_json(row) for row in table.rows}),
    )
