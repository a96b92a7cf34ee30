"""Lengths of rows in tokens, and what a limit would truncate."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from lockfiles.fixes import Answer
from planner.data.checks.finding import Finding
from planner.data.checks.wording import rows_have, several, share


@dataclass(frozen=True)
class Lengths:
    """A summary of row lengths, in tokens or another unit; all 0 without rows.

    Percentiles use the nearest rank, so each is the length of a row.
    """

    rows: int
    minimum: int
    median: int
    mean: float
    percentile_90: int
    percentile_95: int
    percentile_99: int
    maximum: int
    total: int

    def record(self) -> dict[str, object]:
        """Return the figures by name, for JSON."""
        return asdict(self)


class OverLength:
    """`over-length`: a warning for rows that exceed the length limit.

    `context` is the model's context and `limit` the length to which rows are truncated, both in
    tokens; a limit of 0 means the context.
    """

    def __init__(self, context: int, limit: int = 0) -> None:
        self._context = context
        self._limit = min(limit or context, context)
        self._tokens = array("I")

    def see_length(self, number: int, tokens: int) -> None:
        """Keep the number of tokens of a row; numbers start at 0 and are consecutive."""
        assert number == len(self._tokens)
        self._tokens.append(tokens)

    def each(self) -> Sequence[int]:
        """Return the number of tokens of every row seen, in order."""
        return self._tokens

    def summary(self) -> Lengths:
        """Return a summary of the rows seen."""
        ranked = sorted(self._tokens)
        total = sum(ranked)
        return Lengths(
            rows=len(ranked),
            minimum=min(ranked, default=0),
            median=_percentile(ranked, 50),
            mean=total / max(len(ranked), 1),
            percentile_90=_percentile(ranked, 90),
            percentile_95=_percentile(ranked, 95),
            percentile_99=_percentile(ranked, 99),
            maximum=max(ranked, default=0),
            total=total,
        )

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if rows would be truncated."""
        rows = array("I", (n for n, tokens in enumerate(self._tokens) if tokens > self._limit))
        if not rows:
            return
        cut = sum(self._tokens[number] - self._limit for number in rows)
        longest, total = max(self._tokens), sum(self._tokens)
        yield Finding(
            id="over-length",
            severity="warning",
            rows=rows,
            said=f"{rows_have(len(rows), len(self._tokens))} more than {self._limit:,} tokens; "
            f"{several(cut, 'token')} ({share(cut, total)}) would be truncated.",
            fix="split those rows"
            if self._limit < self._context
            else "split or remove those rows, or choose a model with a longer context",
            answer=Answer("train.max_length", min(longest, self._context))
            if self._limit < self._context
            else None,
        )


def _percentile(ranked: list[int], percent: int) -> int:
    """Return a percentile by nearest rank: the smallest value that `percent` % do not exceed."""
    return ranked[-(-percent * len(ranked) // 100) - 1] if ranked else 0
