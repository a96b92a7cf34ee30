"""Runs all checks in one pass over a data file, without keeping the rows."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

from planner.data.checks import bad_rows, unused_keys
from planner.data.checks.answers import OneWord
from planner.data.checks.balance import Imbalance
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.file_notes import HeldOutLabels, alike, doubtful
from planner.data.checks.finding import ORDER, Check, Finding
from planner.data.checks.leak import Leak, TrainingRows
from planner.data.checks.lengths import OverLength
from planner.data.checks.masks import Masks
from planner.data.checks.plots import bars, histogram, repeats
from planner.data.checks.report import Report
from planner.data.isolation import process
from planner.data.reading.account import Account
from planner.data.reading.bad_rows import BadRows, Unread
from planner.data.reading.classification import Labelled
from planner.data.reading.formats import KINDS, Format, Kind, Read, good_rows
from planner.data.rows.rows import Row
from planner.data.tokens.encode import count_tokens
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer

BATCH, BATCH_CHARS = 1000, 4_000_000
"""Rows that are tokenized together, and between progress reports; fewer if they are long."""
WHOLE = 2000
"""Number of first rows whose loss masks are all checked."""
EVERY = 100
"""After those, one in this many rows has its loss mask checked."""
OF_A_SHAPE, MOST_SHAPES = 20, 500
"""So have this many further rows of each shape (roles and kinds of turns), and most shapes."""


@dataclass(frozen=True)
class Chat:
    """How a model reads rows."""

    template: ChatTemplate
    tokenizer: Tokenizer
    context: int
    """The model's context, in tokens."""
    max_length: int = 0
    """Tokens to which rows are truncated; 0 for the context."""
    vocabulary: int = 0
    """The rows of the model's embedding; 0 if unknown."""

    def tokens(self, text: str) -> int:
        """Return the number of tokens of a text."""
        return len(self.tokenizer.encode(text))


def scan(
    rows: Iterable[Read | Unread],
    checks: Callable[[Kind], Sequence[Check]],
    *,
    mapping: Mapping[str, str],
    chat: Chat | None = None,
    held_out: Mapping[str, Iterable[Read | Unread]] = MappingProxyType({}),
    account: Account | None = None,
    accounts: Mapping[str, Account] = MappingProxyType({}),
    labelled: Labelled | None = None,
    notes: Iterable[Finding] = (),
    told: Callable[[int], None] = lambda rows: None,
    doing: Callable[[str], None] = lambda what: None,
) -> Report:
    """Return the report on at least one row; `account` is that of `rows`, and `accounts` has those
    of `held_out`.

    `labelled` says how they were read if they are a classification, and `notes` are findings on
    their file.
    `checks` returns the checks for a kind of rows. `held_out` has the rows of other files by file
    name, which must not be among these rows. `told` is called with the number of rows seen so far,
    and `doing` with each later step, such as `comparing rows`.
    """
    formats: Counter[str] = Counter()
    bad = BadRows()
    running: list[Check] = []
    training = TrainingRows()
    more = [training] if held_out else []
    with ThreadPoolExecutor(max_workers=1) as beside:
        looked = _Looked(chat, beside, doing)
        try:
            for batch in _batches(good_rows(rows, bad)):
                running = running or [*_checks(checks, batch[0].format), *more]
                first = formats.total()
                formats.update(read.format for read in batch)
                _see(running, first, batch)
                looked.see(first, [read.row for read in batch])
                told(formats.total())
            looked.end()
        except BaseException:
            process.interrupt()  # otherwise, leaving the executor waits for a batch
            raise
    doing("comparing rows")
    found = [finding for check in running for finding in check.findings()] + looked.findings()
    found = [*bad_rows.findings(bad, formats.total()), *(_in_file(one, bad) for one in found)]
    keys = account.keys if account else ()
    found += [*unused_keys.findings(keys), *notes]
    found += [*doubtful(labelled), *alike(labelled)] if labelled else []
    for name, other in held_out.items():
        doing(f"comparing rows with `{name}`")
        found += _leaks(name, other, training, bad.number, labelled)
        if name in accounts:
            found += unused_keys.findings_beyond(name, accounts[name].keys, keys)
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
        keys=keys,
        labelled=labelled,
        repeats=repeats(size for check in running for size in _groups(check)),
    )


def _checks(checks: Callable[[Kind], Sequence[Check]], format_: Format) -> list[Check]:
    """Return the checks for rows of a format; a label may be one word."""
    found = checks(KINDS[format_])
    labels = format_ == "classification"
    return [check for check in found if not (labels and isinstance(check, OneWord))]


def _see(checks: Iterable[Check], first: int, batch: Sequence[Read]) -> None:
    """Pass rows to each check; their numbers start at `first`."""
    for check in checks:
        for number, read in enumerate(batch, first):
            check.see(number, read.row)


def _leaks(
    name: str,
    held_out: Iterable[Read | Unread],
    training: TrainingRows,
    training_number: Callable[[int], int],
    labelled: Labelled | None,
) -> Iterator[Finding]:
    """Yield the findings on another file: its bad rows, those that are also training rows, and
    those with labels that no training row has.

    `training_number` is the number of a training row in its file, by its place among the good ones.
    """
    bad = BadRows()
    leak = Leak(training, training_number, bad.number)
    checks: list[Check] = [leak, *([HeldOutLabels(labelled)] if labelled else [])]
    read = 0
    for number, one in enumerate(good_rows(held_out, bad)):
        read = number + 1
        for check in checks:
            check.see(number, one.row)
    found = [_in_file(one, bad) for check in checks for one in check.findings()]
    for finding in (*bad_rows.findings(bad, read), *found):
        yield replace(finding, said=f"`{name}`: {finding.said}", file=name)


def _in_file(finding: Finding, bad: BadRows) -> Finding:
    """Return a finding on good rows with the numbers that they have in the file."""
    if not bad:
        return finding
    return replace(finding, rows=array("Q", map(bad.number, finding.rows)))


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
    """Measures rows in tokens of a model, or in characters without a model."""

    def __init__(self, chat: Chat | None, beside: Executor, doing: Callable[[str], None]) -> None:
        """Count tokens in the executor `beside`, while the checks run; `doing` gets a sentence on
        each wait for a long row."""
        self._chat, self._beside, self._doing = chat, beside, doing
        self._longest = 0
        self._counting: Future[Sequence[int]] | None = None
        self._masks = Masks(chat.template, chat.tokenizer, chat.vocabulary) if chat else None
        self.lengths = OverLength(chat.context, chat.max_length) if chat else OverLength(0)
        self.rows = 0
        self._shapes: Counter[tuple[str, ...]] = Counter()

    def see(self, first: int, rows: Sequence[Row]) -> None:
        """Look at rows; their numbers start at `first`."""
        self.end()
        if self._chat:
            self._longest = max(sum(len(m.content) for m in row.messages) for row in rows)
            self._counting = self._beside.submit(self._tokens, self._chat, first, rows)
        else:
            self._keep([sum(len(m.content) for m in row.messages) for row in rows])

    def end(self) -> None:
        """Wait for the token counts of the latest rows."""
        if self._counting:
            if self._longest >= BATCH_CHARS:
                self._doing(f"counting the tokens of a row of {self._longest:,} characters")
            self._keep(self._counting.result())
            self._counting = None

    def _tokens(self, chat: Chat, first: int, rows: Sequence[Row]) -> list[int]:
        """Check the loss masks of some rows and return the number of tokens of each row."""
        assert self._masks
        counts = dict[int, int]()
        seen = {
            number: row
            for number, row in enumerate(rows, first)
            if _is_chat(row) and (number < WHOLE or number % EVERY == 0 or self._is_rare(row))
        }
        self.rows += len(seen)
        if seen:
            lengths = self._masks.see_rows(list(seen), list(seen.values()))
            found = zip(seen, lengths, strict=True)
            counts = {number: length for number, length in found if length is not None}
        self._masks.see_texts({n: row for n, row in enumerate(rows, first) if n not in seen})
        others = {n: row for n, row in enumerate(rows, first) if n not in counts}
        if others:
            made = count_tokens(list(others.values()), chat.template, chat.tokenizer)
            counts.update(zip(others, made, strict=True))
        return [counts[number] for number in range(first, first + len(rows))]

    def _is_rare(self, row: Row) -> bool:
        """Return whether few rows so far have the same roles, and the same kinds of turns."""
        turns = (f"{m.role}{bool(m.more):d}{m.scored:d}{m.content.isspace() or not m.content:d}"
                 for m in row.messages)  # fmt: skip
        shape = (f"{bool(row.tools):d}", *turns)
        if shape not in self._shapes and len(self._shapes) == MOST_SHAPES:
            return False
        self._shapes[shape] += 1
        return self._shapes[shape] <= OF_A_SHAPE

    def _keep(self, lengths: Iterable[int]) -> None:
        for number, length in enumerate(lengths, len(self.lengths.each())):
            self.lengths.see_length(number, length)

    def findings(self) -> list[Finding]:
        """Return the findings."""
        found = list(self._masks.findings()) if self._masks else []
        return found + (list(self.lengths.findings()) if self._chat else [])


def _is_chat(row: Row) -> bool:
    """Return whether supervised fine-tuning can use the row; other trainers are not built yet."""
    return not row.rejected and row.liked is None and row.messages[0].role != "text"
