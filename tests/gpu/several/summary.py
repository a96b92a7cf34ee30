"""The table of what a file of lines has: predicted and measured, by line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean, median
from typing import Any

from tests.gpu.several.here import card_of
from tests.gpu.several.line import Line
from tests.gpu.several.predicted import Predicted, predicted

GB = 1e9
HEAD = (
    "line", "ranks", "allocated GB", "error", "reserved GB", "error", "outside GB", "expected",
    "total GB", "expected", "step s", "error", "tokens/s", "of one card", "of bare",
)  # fmt: skip
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line that ran."""

    found: Found
    alone: Found | None
    """The same line on one card, if it ran."""

    @cached_property
    def line(self) -> Line:
        """The line itself."""
        return Line(self.found["line"], self.found["ranks"], bool(self.found.get("tiny")))

    @cached_property
    def expected(self) -> Predicted:
        """What the planner of this version expects."""
        return predicted(self.line, card_of(self.found.get("machine", {})))

    def most(self, key: str) -> int:
        """Return the greatest value of the ranks, from the second step on; 0 if not measured."""
        return max(int(one.get(key, 0)) for one in self.found["by_rank"])

    @property
    def first_bytes(self) -> int:
        """The greatest allocated peak of the ranks in the first step."""
        return max(int(one["first"].get("allocated_bytes", 0)) for one in self.found["by_rank"])

    @property
    def total_bytes(self) -> int:
        """What a process used on its card, at most."""
        return self.most("reserved_bytes") + self.most("outside_bytes")

    @property
    def memory_error(self) -> float | None:
        """Expected over measured peak, less 1."""
        return _error(self.expected.allocated_bytes, self.most("allocated_bytes"))

    @property
    def time_error(self) -> float | None:
        """The same for the step time."""
        return None if self.line.tiny else _error(self.expected.step_seconds, self.step_seconds)

    @property
    def step_seconds(self) -> float:
        """The measured step."""
        return float(self.found["step_seconds"])

    @property
    def rate(self) -> float:
        """Tokens of all ranks in a second."""
        return float(self.found["tokens_per_step"]) / max(self.step_seconds, 1e-9)

    @property
    def efficiency(self) -> float | None:
        """Speed on all cards over that of as many times one card; None if that was not run."""
        if not self.alone or self.line.engine == "single":
            return None
        return self.rate / (self.line.processes * Row(self.alone, None).rate)

    @property
    def to_bare(self) -> float | None:
        """Speed over that of a bare script, median of the pairs; None without one."""
        pairs = self.found.get("bare", ())
        found = [one["step_seconds"] / one["runner_step_seconds"] for one in pairs]
        return median(found) if found else None


def rows(found: Sequence[Found]) -> list[Row]:
    """Return the lines that ran, of each the last."""
    ran = {(one["line"], one["ranks"]): one for one in found if "missing" not in one}
    alone = {
        Line(one["line"], 1, False).alone: one
        for (text, _), one in ran.items()
        if text.startswith("single ")
    }
    return [
        Row(one, alone.get(Line(one["line"], one["ranks"], False).alone)) for one in ran.values()
    ]


def summary(found: Sequence[Found]) -> Iterator[str]:
    """Yield the table in Markdown, what it says altogether, and the lines that failed."""
    every = rows(found)
    yield _row(HEAD)
    yield _row(["---"] * len(HEAD))
    for one in every:
        yield _row(_cells(one))
    yield ""
    several = [one for one in every if one.line.engine != "single"]
    yield from _errors("peak", [one.memory_error for one in several])
    yield from _errors("step time", [one.time_error for one in several])
    bare = [one.to_bare for one in every if one.to_bare]
    if bare:
        yield f"of a bare script: {min(bare):.3f} to {max(bare):.3f}, median {median(bare):.3f}"
    for one in every:
        if one.first_bytes > 1.01 * one.most("allocated_bytes"):
            yield f"first step higher: {one.first_bytes / GB:.2f} GB allocated: {one.line.text}"
    done = {(one["line"], one["ranks"]) for one in found if "missing" not in one}
    for failed in (one for one in found if "missing" in one):
        if (failed["line"], failed["ranks"]) not in done:
            yield f"FAILED: {failed['line']}: {failed['missing'].strip().splitlines()[-1][:200]}"


def _cells(one: Row) -> Iterator[str]:
    want, reserved = one.expected, one.most("reserved_bytes")
    yield one.line.text
    yield str(one.line.processes)
    yield _gb(one.most("allocated_bytes"))
    yield _share(one.memory_error)
    yield _gb(reserved)
    yield _share(_error(want.reserved_bytes, reserved))
    yield _gb(one.most("outside_bytes"))
    yield _gb(want.outside_bytes)
    yield _gb(one.total_bytes)
    yield _gb(want.total_bytes)
    yield f"{one.step_seconds:.3f}"
    yield _share(one.time_error)
    yield f"{one.rate:,.0f}"
    yield "" if one.efficiency is None else f"{one.efficiency:.2f}"
    yield "" if one.to_bare is None else f"{one.to_bare:.3f}"


def _errors(name: str, every: Sequence[float | None]) -> Iterator[str]:
    known = [one for one in every if one is not None]
    if known:
        yield (
            f"{name} of {len(known)} lines with several ranks: mean {mean(map(abs, known)):.1%}, "
            f"from {min(known):+.1%} to {max(known):+.1%}"
        )


def _error(expected: float, measured: float) -> float | None:
    return expected / measured - 1 if expected and measured else None


def _gb(size: int) -> str:
    return f"{size / GB:.2f}" if size else ""


def _share(error: float | None) -> str:
    return "" if error is None else f"{error:+.1%}"


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
