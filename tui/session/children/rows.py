"""Shows rows of a data file one by one, as read or as training sees them."""

from collections import deque
from collections.abc import Callable, Iterator

from lockfiles.errors import TunelockError
from lockfiles.harmless import escaped, joined
from planner.data.personal.rows import redacted_row
from planner.data.reading.bad_rows import Unread
from planner.data.reading.formats import Read, every_row
from planner.data.rows.rows import Row
from planner.data.tokens.xray import cut
from tui.session import trained_row
from tui.session.children import parent
from tui.session.children.chat import chat_of
from tui.session.request import columns, labelled, roles
from tui.session.row_request import NoRow, Opening, RowText
from tui.session.wording import said
from tui.text import row as xray_page

_KEPT = 1000
"""Number of past rows that are kept, so that going back does not reread the file."""
_MOST_CHARS, _FEW_CHARS = 20_000, 2000
"""Maximum characters of a row that are sent to the screen, alone and among others."""

_LONG = {
    "cut": "Truncated to the first {1:,} of its {0:,} tokens.",
    "drop": "Dropped: it has {:,} tokens, more than the limit of {:,}.",
    "split": "Split into several: it has {:,} tokens, more than the limit of {:,}.",
}

Parts = tuple[tuple[str, str], ...]


def work(requests: Iterator[object], send: Callable[[object], None]) -> None:
    """Answer each number with its RowText, or with NoRow after the last row."""
    opening = next(requests)
    assert isinstance(opening, Opening)
    rows, show = _Rows(opening), None
    for number in requests:
        assert isinstance(number, int)
        try:
            show = show or (_as_trained(opening) if opening.as_trained else _as_read)
            found = rows.at(number)
            send(show(number, found) if found else NoRow(number, rows.count))
        except TunelockError as problem:
            send(RowText(number, f"row {number:,}", note=escaped(said(problem))))


class _Rows:
    """The rows of a file by their numbers; going far back rereads the file."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._kept: deque[Read | Unread] = deque(maxlen=_KEPT)
        self._rest: Iterator[Read | Unread] | None = None
        self.count = 0
        """The number of rows read so far."""

    def at(self, number: int) -> Read | None:
        """Return the row, or None after the last one. Raises UsageProblem for an invalid file."""
        if not self._rest or number < self.count - len(self._kept):
            self._rest = self._opened()
        try:
            while self.count <= number:
                if not (read := next(self._rest, None)):
                    return None
                self._kept.append(read)
                self.count += 1
        except TunelockError:
            self._rest = None
            raise
        found = self._kept[number - self.count]
        if isinstance(found, Unread):
            raise found.problem
        return found

    def _opened(self) -> Iterator[Read | Unread]:
        self._kept.clear()
        self.count = 0
        request, values = self._opening.request, self._opening.request.values
        chat = chat_of(request) if self._opening.as_trained else None
        how = labelled(values, request.path("train"), chat.tokens if chat else None)
        return every_row(
            request.path(self._opening.split),
            columns=columns(values),
            system=str(values["data.system"]),
            roles=roles(values),
            labelled=how,
        )


def _as_trained(opening: Opening) -> Callable[[int, Read], RowText]:
    """Return a function that shows a row as training sees it. Raises the model's TunelockError."""
    chat = chat_of(opening.request)
    assert chat, "no model is chosen"

    limit = min(chat.max_length or chat.context, chat.context)

    def show(number: int, found: Read) -> RowText:
        if opening.redact:
            found = found._replace(row=redacted_row(found.row))
        x_ray, varied = trained_row.as_trained(found, chat.template, chat.tokenizer)
        shown, tokens = x_ray, len(x_ray.tokens)
        notes = [f"Note: {trained_row.VARIANT}."] if varied else []
        if tokens > limit:
            notes.append(_LONG[opening.long].format(tokens, limit))
            if opening.long == "cut":
                shown = cut(x_ray, limit)
        head = f"{_name(number, found)}: {len(shown.tokens):,} tokens, {shown.scored:,} of them "
        parts = _cut(xray_page.lines(shown), _MOST_CHARS)
        return RowText(number, f"{head}scored", parts, joined(notes))

    return show


def _as_read(number: int, found: Read) -> RowText:
    return RowText(number, _name(number, found), _cut(_said(found.row), _FEW_CHARS))


def _said(row: Row) -> Iterator[tuple[str, str]]:
    for turn in row.messages:
        yield turn.role, f"{turn.content} {turn.more}".strip() if turn.more else turn.content
    for turn in row.rejected[-1:]:
        yield "rejected", turn.content
    if row.liked is not None:
        yield "label", "good" if row.liked else "bad"


def _name(number: int, found: Read) -> str:
    return f"row {number:,} ({found.path.name}, {found.place})"


def _cut(parts: Iterator[tuple[str, str]], room: int) -> Parts:
    """Return at most `room` characters, and how many more there are."""
    kept: list[tuple[str, str]] = []
    more = 0
    for mark, text in parts:
        if room > 0:
            kept.append((mark, text[:room]))
        more += len(text) - len(text[: max(0, room)])
        room -= len(text)
    return (*kept, ("…", f"{more:,} more characters")) if more else tuple(kept)


if __name__ == "__main__":
    parent.serve(work)
