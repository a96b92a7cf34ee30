"""From rows to token ids and labels.

Only what the assistant says is scored, its end-of-turn text included. Spans come from the
template's `{% generation %}` marks or, as few have any, from the rendering of the conversation's
beginnings.
"""

from collections.abc import Iterable, Iterator, Sequence

from lockfiles.errors import DataRefused
from lockfiles.fixes import Change
from planner.data.isolation import client
from planner.data.isolation.client import Fault, Tokens
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Row
from planner.data.tokens.example import IGNORED, Example, completion
from planner.data.tokens.template import ChatTemplate, refusal
from planner.data.tokens.tokenizer import Tokenizer, load_tokenizer

__all__ = [
    "Tokenizer",
    "TurnsRewritten",
    "assistant_spans",
    "encode",
    "encode_all",
    "encode_rows",
    "load_tokenizer",
]

BATCH, BATCH_CHARS = 256, 2_000_000
"""Rows that are encoded together, and their characters; a longer row is encoded alone."""
_OTHER_TEMPLATE = Change("model.template", "a Jinja file that prints each turn unchanged")


class TurnsRewritten(DataRefused):
    """A chat template changes earlier text when a turn is added."""


def assistant_spans(template: ChatTemplate, row: Row) -> tuple[str, list[Span]]:
    """The rendered row and the character spans that are scored: those that the template marks
    or, where it has no marks, each assistant's turn with what ends it.

    Raises DataRefused if a conversation's beginning does not render to the text's beginning.
    """
    asked = {"do": "spans", "row": client.written(row)} | template.date
    try:
        return client.text_and_spans(
            *client.ask([template.loaded], asked, waits=client.row_waits([row])[:1])
        )
    except Fault as fault:
        raise _refused(fault) from None


def encode(row: Row, template: ChatTemplate, tokenizer: Tokenizer) -> Example:
    """Tokens and labels of one row.

    A token that reaches over the edge of a span is scored, as in transformers.
    """
    (found,) = encode_rows([row], template, tokenizer)
    if isinstance(found, DataRefused):
        raise found
    return found


def encode_rows(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> list[Example | DataRefused]:
    """Tokens and labels of rows, or why a row has none; as `encode`.

    Raises TemplateRunsAway and TokenizerFails.
    """
    found = _tokens(rows, template, tokenizer, whole=False)
    return [one if isinstance(one, DataRefused) else _encoded(one) for one in found]


def whole_rows(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> list[Tokens | DataRefused]:
    """The rendered text of rows and where each token stands in it; as `encode_rows`."""
    return _tokens(rows, template, tokenizer, whole=True)


def encoded(
    row: Row, template: ChatTemplate, tokenizer: Tokenizer
) -> tuple[str, list[Span], Example]:
    """The rendered text of one row, where each token stands in it, and its tokens and labels."""
    (found,) = whole_rows([row], template, tokenizer)
    if isinstance(found, DataRefused):
        raise found
    places = list(zip(found.offsets[::2], found.offsets[1::2], strict=True))
    return found.text, places, _encoded(found)


def count_tokens(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> Sequence[int]:
    """How many tokens rows have; where the template refuses one, what is said in it.

    Raises TemplateRunsAway and TokenizerFails.
    """
    _, raw = _asked("count", rows, template, tokenizer)
    counts = client.numbers(raw)
    if len(counts) != len(rows):
        raise tokenizer.failure(Fault("broken", "other rows than were asked for"))
    return counts


def _tokens(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer, *, whole: bool
) -> list[Tokens | DataRefused]:
    head, raw = _asked("encode", rows, template, tokenizer, whole=whole)
    try:
        found = list(client.token_rows(head, raw, len(rows), whole=whole))
    except Fault as fault:
        raise tokenizer.failure(fault) from None
    return [_refused(Fault(*one)) if isinstance(one, tuple) else one for one in found]


def _asked(
    do: str, rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer, **how: object
) -> tuple[dict[str, object], memoryview]:
    asked = {"do": do, "rows": [client.written(row) for row in rows]} | how | template.date
    try:
        return client.ask([template.loaded, tokenizer.loaded], asked, waits=client.row_waits(rows))
    except Fault as fault:
        if fault.place == len(rows) or fault.kind in ("tokens", "broken"):
            raise tokenizer.failure(fault) from None
        raise _refused(fault) from None


def _refused(fault: Fault) -> DataRefused:
    """Return the error of a row that the template does not render as it should."""
    if fault.kind == "rewritten":
        return TurnsRewritten(
            f"The chat template changes earlier text when message `{fault.said}` is added, "
            "so what the assistant says cannot be found.",
            fix=_OTHER_TEMPLATE,
        )
    if fault.kind == "left-out":
        return DataRefused(
            f"The chat template leaves out what the assistant says: `{fault.said}`.",
            fix=_OTHER_TEMPLATE,
        )
    return refusal(fault)


def _encoded(found: Tokens) -> Example:
    labels = (
        token if counts else IGNORED for token, counts in zip(found.ids, found.scored, strict=True)
    )
    return completion(tuple(found.ids), tuple(labels))


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists that are encoded together."""
    batch: list[Row] = []
    chars = 0
    for row in rows:
        size = sum(len(turn.content) for turn in row.messages)
        if batch and (len(batch) == BATCH or chars + size > BATCH_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(row)
        chars += size
    if batch:
        yield batch


def encode_all(
    rows: Iterable[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> Iterator[Example]:
    """Encode rows; a DataRefused names the row, counted from 1."""
    made = (one for batch in batches(rows) for one in encode_rows(batch, template, tokenizer))
    for number, found in enumerate(made, 1):
        if isinstance(found, DataRefused):
            raise type(found)(f"Row {number}: ", *found.said, fix=found.fix)
        yield found
