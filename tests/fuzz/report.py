"""What came of the cases of a kind, counted; the same faults told once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.fuzz.pool import Verdict

MOST_SECONDS = 2.0
"""Of the processor: the clock says more of how busy the machine is."""
MOST_WAIT_SECONDS = 10.0
MOST_BYTES = 300 * 10**6
_SHOWN = 12


@dataclass
class Count:
    """The cases of one kind."""

    kind: str
    tried: int = 0
    accepted: int = 0
    refused: int = 0
    most_seconds: float = 0.0
    most_waited: float = 0.0
    most_bytes: int = 0
    seconds: float = 0.0
    found: dict[str, dict[str, list[Verdict]]] = field(default_factory=dict)
    """Fault to what tells its causes apart to the cases."""

    def add(self, verdict: Verdict) -> None:
        self.tried += 1
        self.accepted += verdict.code == 0
        self.refused += verdict.code != 0 and not verdict.traceback
        self.most_seconds = max(self.most_seconds, verdict.seconds)
        self.most_waited = max(self.most_waited, verdict.waited_seconds)
        self.most_bytes = max(self.most_bytes, verdict.peak_bytes)
        for fault, cause in _faults(verdict):
            self.found.setdefault(fault, {}).setdefault(cause, []).append(verdict)

    def is_fault(self, verdict: Verdict) -> bool:
        return next(_faults(verdict), None) is not None

    def number(self, fault: str) -> int:
        """Return how many cases have a fault."""
        return sum(map(len, self.found.get(fault, {}).values()))

    @property
    def faults(self) -> int:
        return sum(self.number(fault) for fault in self.found)


FAULTS = ("traceback", "over 2 s", "over 300 MB", "not shown", "no sentence", "steers")


def _faults(verdict: Verdict) -> Iterator[tuple[str, str]]:
    if verdict.traceback:
        yield "traceback", _cause(verdict.traceback)
    if verdict.seconds > MOST_SECONDS or verdict.waited_seconds > MOST_WAIT_SECONDS:
        yield "over 2 s", _where(verdict)
    if verdict.peak_bytes > MOST_BYTES:
        yield "over 300 MB", _where(verdict)
    if verdict.hidden:
        yield "not shown", re.sub(r"\d+", "N", verdict.hidden.partition(":")[0])
    if verdict.unsaid and not verdict.traceback:
        yield "no sentence", verdict.unsaid
    if verdict.steering:
        yield "steers", _where(verdict)


def _cause(traceback: str) -> str:
    """Return the exception and the last line of ours in a traceback."""
    lines = traceback.strip().splitlines()
    ours = [line for line in lines if re.search(r"(lockfiles|planner|runner|tui)/", line)]
    place = (
        re.sub(r'.*/((?:lockfiles|planner|runner|tui)/\S+)", line (\d+).*', r"\1:\2", ours[-1])
        if ours
        else ""
    )
    return f"{place} {re.sub('[0-9]+', 'N', lines[-1][:120])}".strip()


def _where(verdict: Verdict) -> str:
    return re.sub(r"\d+", "N", verdict.what.partition(": ")[2].partition(":")[0])[:60]


def table(counts: Sequence[Count]) -> Iterator[str]:
    """Yield the table, and below it each fault with one case."""
    heads = (
        "kind",
        "tried",
        "accepted",
        "refused",
        *FAULTS,
        "most s",
        "waited",
        "most MB",
        "minutes",
    )
    rows = [
        (
            one.kind, one.tried, one.accepted, one.refused, *map(one.number, FAULTS),
            f"{one.most_seconds:.2f}", f"{one.most_waited:.2f}", one.most_bytes // 10**6,
            f"{one.seconds / 60:.1f}",
        )
        for one in counts
    ]  # fmt: skip
    widths = [max(len(str(row[n])) for row in (heads, *rows)) for n in range(len(heads))]
    for row in (heads, *rows):
        yield "  ".join(f"{value!s:>{width}}" for value, width in zip(row, widths, strict=True))
    for one in counts:
        for fault, causes in one.found.items():
            yield f"\n{one.kind}: {fault}, {len(causes)} causes"
            ranked = sorted(causes.items(), key=lambda item: -len(item[1]))
            for cause, cases in ranked[:_SHOWN]:
                least = min(cases, key=lambda case: len(case.what))
                yield f"  {len(cases):>5}  {cause!r}\n         #{least.number} {least.what[:200]!r}"
