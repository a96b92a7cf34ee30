"""How long the rows are as tokens, and what a limit would cut."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from lockfiles.fixes import Answer
from planner.data.checks.finding import Finding
from planner.data.checks.wording import rows_have, several, share


@dataclass(frozen=True)
class Lengths:
    """The lengths of all rows, summed up, in tokens or what else was counted; 0 without rows.

    A percentile is the least length that so many of 100 rows do not exceed, so one of theirs.
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
        """Return the figures by name, as JSON has them."""
        return asdict(self)


class OverLength:
    """`over-length`: a warning where rows are longer than training or the model can see.

    `context` is what the model can see, `limit` what a row is cut to, both in tokens; 0 as the
    limit is the context.
    """

    def __init__(self, context: int, limit: int = 0) -> None:
        self._context = context
        self._limit = min(limit or context, context)
        self._tokens = array("I")

    def see_length(self, number: int, tokens: int) -> None:
        """Keep the tokens of the row of this number, from 0; numbers rise by 1."""
        assert number == len(self._tokens)
        self._tokens.append(tokens)

    def each(self) -> Sequence[int]:
        """Return the tokens of every row seen, in their order."""
        return self._tokens

    def summary(self) -> Lengths:
        """Sum up the rows seen."""
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
        """Yield one finding where rows would be cut."""
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
            f"{several(cut, 'token')} ({share(cut, total)}) would be cut.",
            fix="split those rows"
            if self._limit < self._context
            else "split those rows or take them out, or choose a model that sees more",
            answer=Answer("train.max_length", min(longest, self._context))
            if self._limit < self._context
            else None,
        )


def _percentile(ranked: list[int], percent: int) -> int:
    """Nearest rank: the smallest value that at least `percent` of 100 values do not exceed."""
    return ranked[-(-percent * len(ranked) // 100) - 1] if ranked else 0
