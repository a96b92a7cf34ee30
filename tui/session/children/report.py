"""Checks the data files: sends the number of rows so far, then the report."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from lockfiles.errors import TunelockError
from planner.data.checks.file_notes import delimiters
from planner.data.checks.registry import every
from planner.data.checks.report import Report
from planner.data.checks.scan import Chat, scan
from planner.data.reading.account import Account
from planner.data.reading.bad_rows import Unread
from planner.data.reading.classification import Labelled
from planner.data.reading.formats import MIXED, Read, every_row
from planner.data.rows.rows import Row
from tui.session.children import parent
from tui.session.children.chat import chat_of
from tui.session.reports import Looked, Part
from tui.session.request import SPLITS, DataRequest, columns, labelled, roles
from tui.session.wording import said

_EVERY_SECONDS = 0.5
"""Seconds between two progress messages."""
_NAMED = 100
"""Maximum rows of a finding that are sent to the screen."""
_FIRST_TURNS, _FIRST_CHARS = 8, 2000
"""Maximum turns of the first row that are sent to the screen, and characters of each."""

Send = Callable[[object], None]


def work(requests: Iterator[object], send: Send) -> None:
    """Answer the first request: an `int` from time to time, and a `Looked` at the end."""
    what = next(requests)
    assert isinstance(what, DataRequest)
    send(look(what, send))


def look(request: DataRequest, send: Send) -> Looked:
    """Return the formats of the files and the findings; `send` gets the rows so far."""
    problems: dict[str, str] = {}
    train = _Rows(request, "train")
    held_out = {split: _HeldOut(request, split) for split in SPLITS[1:] if request.named(split)}
    report = None
    try:
        chat = _chat(request, problems)
        how = labelled(request.values, request.path("train"), chat.tokens if chat else None)
        for one in (train, *held_out.values()):
            one.labelled = how
        report = _report(request, train, held_out, chat, send)
    except TunelockError as problem:
        problems["train"] = said(problem)
    for split, rows in held_out.items():
        deque(rows, 0)
        if rows.problem:
            problems[split] = rows.problem
    read: dict[str, _Rows] = {"train": train} | held_out
    return Looked(
        report,
        {split: rows.part for split, rows in read.items() if split not in problems},
        problems,
        _texts(train.first) if train.first else (),
    )


class _Rows:
    """The rows of one split's file, counted while reading."""

    def __init__(self, request: DataRequest, split: str) -> None:
        self._request, self._split = request, split
        self._read = self._rows()
        self._formats: Counter[str] = Counter()
        self.account = Account()
        self.first: Row | None = None
        self.labelled: Labelled | None = None
        """How to read the rows of a classification."""

    def __iter__(self) -> Iterator[Read | Unread]:
        return self._read

    def _rows(self) -> Iterator[Read | Unread]:
        values = self._request.values
        mapped, system = columns(values), str(values["data.system"])
        rows = every_row(
            self._request.path(self._split),
            columns=mapped,
            system=system,
            roles=roles(values),
            labelled=self.labelled,
            account=self.account,
        )
        for read in rows:
            if isinstance(read, Read):
                self._formats[read.format] += 1
                self.first = self.first or read.row
            yield read

    @property
    def part(self) -> Part:
        """The format of the rows that were read."""
        names = list(self._formats)
        return Part(self._formats.total(), names[0] if len(names) == 1 else MIXED)


class _HeldOut(_Rows):
    """Rows that end at their first error instead of raising it."""

    problem = ""

    def _rows(self) -> Iterator[Read | Unread]:
        try:
            yield from super()._rows()
        except TunelockError as problem:
            self.problem = said(problem)


def _report(
    request: DataRequest, train: _Rows, held_out: dict[str, _HeldOut], chat: Chat | None, send: Send
) -> Report:
    report = scan(
        train,
        every,
        mapping=columns(request.values) or {},
        chat=chat,
        held_out={request.named(split): rows for split, rows in held_out.items()},
        account=train.account,
        labelled=train.labelled,
        notes=delimiters(request.path("train")),
        told=_throttled(send),
    )
    findings = (
        replace(finding, rows=tuple(finding.rows[:_NAMED]), count=finding.rows_found)
        for finding in report.findings
    )
    return replace(report, findings=tuple(findings))


def _chat(request: DataRequest, problems: dict[str, str]) -> Chat | None:
    """Return the model's template and tokenizer; without a usable model, rows are plain text."""
    try:
        return chat_of(request)
    except TunelockError as problem:
        problems["model"] = said(problem)
        return None


def _throttled(send: Send) -> Callable[[int], None]:
    due = time.monotonic()

    def on_rows(rows: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _EVERY_SECONDS
            send(rows)

    return on_rows


def _texts(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple((turn.role, turn.content[:_FIRST_CHARS]) for turn in row.messages[:_FIRST_TURNS])


if __name__ == "__main__":
    parent.serve(work)
