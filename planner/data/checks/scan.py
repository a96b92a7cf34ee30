"""One pass over a data file: every row is seen by every check, and none is kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

from planner.data.checks.balance import Imbalance
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.finding import ORDER, Check, Finding
from planner.data.checks.leak import Leak, TrainingRows
from planner.data.checks.lengths import OverLength
from planner.data.checks.masks import Masks
from planner.data.checks.plots import bars, histogram, repeats
from planner.data.checks.report import Report
from planner.data.isolation import process
from planner.data.reading.formats import KINDS, Kind, Read
from planner.data.rows.rows import Row
from planner.data.tokens.encode import count_tokens
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer

BATCH, BATCH_CHARS = 1000, 4_000_000
"""Rows between two reports of progress, which are tokenised together; fewer where they are long."""
WHOLE = 2000
"""First rows of which every loss mask is looked at."""
EVERY = 100
"""One row in this many has its loss mask looked at, behind those."""


@dataclass(frozen=True)
class Chat:
    """How a model sees rows."""

    template: ChatTemplate
    tokenizer: Tokenizer
    context: int
    """Tokens that the model can see."""
    max_length: int = 0
    """Tokens that rows are cut to; 0 for the context."""


def scan(
    rows: Iterable[Read],
    checks: Callable[[Kind], Sequence[Check]],
    *,
    mapping: Mapping[str, str],
    chat: Chat | None = None,
    held_out: Mapping[str, Iterable[Read]] = MappingProxyType({}),
    told: Callable[[int], None] = lambda rows: None,
    doing: Callable[[str], None] = lambda what: None,
) -> Report:
    """Return what all checks find in rows; at least one.

    `checks` makes them for a kind of rows; `held_out` are other files' rows by their
    names, which should not be among these; `told` is called with the rows that were seen so far,
    and `doing` with what is done once all were seen, such as `comparing rows`.
    """
    formats: Counter[str] = Counter()
    running: list[Check] = []
    training = TrainingRows()
    more = [training] if held_out else []
    with ThreadPoolExecutor(max_workers=1) as beside:
        looked = _Looked(chat, beside)
        try:
            for batch in _batches(rows):
                running = running or [*checks(KINDS[batch[0].format]), *more]
                first = formats.total()
                formats.update(read.format for read in batch)
                _see(running, first, batch)
                looked.see(first, [read.row for read in batch])
                told(formats.total())
            looked.end()
        except BaseException:
            process.interrupt()  # else leaving waits for the tokens of a batch
            raise
    doing("comparing rows")
    found = [finding for check in running for finding in check.findings()] + looked.findings()
    for name, other in held_out.items():
        doing(f"comparing with the rows of `{name}`")
        found += _leaks(name, other, training)
    return Report(
        format=formats.most_common(1)[0][0],
        formats=dict(formats.most_common()),
        rows=formats.total(),
        mapping=dict(mapping),
        lengths=looked.lengths.summary(),
        unit="tokens" if chat else "characters",
        findings=tuple(sorted(found, key=lambda finding: ORDER.index(finding.severity))),
        looked_at=looked.rows,
        histogram=histogram(looked.lengths.each()),
        labels=bars(size for check in running for size in _labels(check)),
        repeats=repeats(size for check in running for size in _groups(check)),
    )


def _see(checks: Iterable[Check], first: int, batch: Sequence[Read]) -> None:
    """Show each check rows whose numbers begin with `first`."""
    for check in checks:
        for number, read in enumerate(batch, first):
            check.see(number, read.row)


def _leaks(name: str, held_out: Iterable[Read], training: TrainingRows) -> Iterator[Finding]:
    """Yield what rows of another file are here too."""
    leak = Leak(training)
    for number, read in enumerate(held_out):
        leak.see(number, read.row)
    for found in leak.findings():
        yield replace(found, said=f"`{name}`: {found.said}", file=name)


def _groups(check: Check) -> Iterable[int]:
    return check.groups() if isinstance(check, Duplicates) else ()


def _labels(check: Check) -> list[tuple[str, int]]:
    return check.sizes() if isinstance(check, Imbalance) else []


def _batches(rows: Iterable[Read]) -> Iterator[list[Read]]:
    batch: list[Read] = []
    chars = 0
    for read in rows:
        batch.append(read)
        chars += sum([len(turn.content) for turn in read.row.messages])
        if len(batch) == BATCH or chars >= BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


class _Looked:
    """The rows as a model sees them, or without one their characters."""

    def __init__(self, chat: Chat | None, beside: Executor) -> None:
        """Look at tokens `beside` all else: another process makes them."""
        self._chat, self._beside = chat, beside
        self._counting: Future[Sequence[int]] | None = None
        self._masks = Masks(chat.template, chat.tokenizer) if chat else None
        self.lengths = OverLength(chat.context, chat.max_length) if chat else OverLength(0)
        self.rows = 0

    def see(self, first: int, rows: Sequence[Row]) -> None:
        """Look at rows whose numbers begin with `first`."""
        self.end()
        if self._chat:
            self._counting = self._beside.submit(self._tokens, self._chat, first, rows)
        else:
            self._keep([sum(len(m.content) for m in row.messages) for row in rows])

    def end(self) -> None:
        """Wait for the tokens of the rows seen last."""
        if self._counting:
            self._keep(self._counting.result())
            self._counting = None

    def _tokens(self, chat: Chat, first: int, rows: Sequence[Row]) -> list[int]:
        """Look at the loss masks of some rows, and return how many tokens each row has."""
        assert self._masks
        counts = dict[int, int]()
        seen = {
            number: row
            for number, row in enumerate(rows, first)
            if _is_chat(row) and (number < WHOLE or number % EVERY == 0)
        }
        self.rows += len(seen)
        if seen:
            lengths = self._masks.see_rows(list(seen), list(seen.values()))
            found = zip(seen, lengths, strict=True)
            counts = {number: length for number, length in found if length is not None}
        others = {n: row for n, row in enumerate(rows, first) if n not in counts}
        if others:
            made = count_tokens(list(others.values()), chat.template, chat.tokenizer)
            counts.update(zip(others, made, strict=True))
        return [counts[number] for number in range(first, first + len(rows))]

    def _keep(self, lengths: Iterable[int]) -> None:
        for number, length in enumerate(lengths, len(self.lengths.each())):
            self.lengths.see_length(number, length)

    def findings(self) -> list[Finding]:
        """Return what was found."""
        found = list(self._masks.findings()) if self._masks else []
        return found + (list(self.lengths.findings()) if self._chat else [])


def _is_chat(row: Row) -> bool:
    """Return whether supervised fine-tuning would take the row; no trainer takes others yet."""
    return not row.rejected and row.liked is None and row.messages[0].role != "text"
