"""One pass over a data file: every row is seen by every check, and none is kept."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

from tokenizers import Tokenizer

from lockfiles.errors import DataRefused
from planner.data.bounded_memory import bounded_memory
from planner.data.checks.balance import Imbalance
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.finding import ORDER, Check, Finding
from planner.data.checks.leak import Leak, TrainingRows
from planner.data.checks.lengths import OverLength
from planner.data.checks.masks import Masks
from planner.data.formats import KINDS, Kind, Read
from planner.data.plots import bars, histogram, repeats
from planner.data.report import Report
from planner.data.rows import Row
from planner.data.template import ChatTemplate, TemplateRunsAway

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
        for batch in _batches(rows):
            running = running or [*checks(KINDS[batch[0].format]), *more]
            first = formats.total()
            formats.update(read.format for read in batch)
            _see(running, first, batch)
            looked.see(first, [read.row for read in batch])
            told(formats.total())
        looked.end()
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
    """Yield what rows of another file, of which a sentence begins with the name, are here too."""
    leak = Leak(training)
    for number, read in enumerate(held_out):
        leak.see(number, read.row)
    for found in leak.findings():
        yield replace(found, said=f"`{name}`: {found.said}")


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
        """Count tokens `beside` all else: the tokenizer lets other threads of Python go on."""
        self._chat, self._beside = chat, beside
        self._counting: Future[list[int]] | None = None
        self._masks = Masks(chat.template, chat.tokenizer) if chat else None
        self.lengths = OverLength(chat.context, chat.max_length) if chat else OverLength(0)
        self.rows = 0

    def see(self, first: int, rows: Sequence[Row]) -> None:
        """Look at rows whose numbers begin with `first`."""
        self.end()  # a tokenizer without memory ends the process; it rests while that is bounded
        for number, row in enumerate(rows, first):
            if self._masks and _is_chat(row) and (number < WHOLE or number % EVERY == 0):
                self._masks.see(number, row)
                self.rows += 1
        if self._chat:
            with bounded_memory():
                texts = [_rendered(row, self._chat.template) for row in rows]
            self._counting = self._beside.submit(_tokens, self._chat.tokenizer, texts)
        else:
            self._keep([sum(len(m.content) for m in row.messages) for row in rows])

    def end(self) -> None:
        """Wait for the tokens of the rows seen last."""
        if self._counting:
            self._keep(self._counting.result())
            self._counting = None

    def _keep(self, lengths: Iterable[int]) -> None:
        for number, length in enumerate(lengths, len(self.lengths.each())):
            self.lengths.see_length(number, length)

    def findings(self) -> list[Finding]:
        """Return what was found."""
        found = list(self._masks.findings()) if self._masks else []
        return found + (list(self.lengths.findings()) if self._chat else [])


def _tokens(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    return [len(one) for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _is_chat(row: Row) -> bool:
    """Return whether supervised fine-tuning would take the row; no trainer takes others yet."""
    return not row.rejected and row.liked is None and row.messages[0].role != "text"


def _rendered(row: Row, template: ChatTemplate) -> str:
    """Return a row as text; where the template refuses it, what is said in it."""
    if row.messages[0].role == "text":
        return row.messages[0].content.encode(errors="replace").decode()
    try:
        text = template.render(row.messages, tools=row.tools)
    except TemplateRunsAway:
        raise
    except DataRefused:
        text = "\n".join(message.content for message in row.messages)
    return text.encode(errors="replace").decode()  # half a character has no tokens
