"""Converts rows to token ids and labels, and stores encoded rows on disk.

Only the assistant's text is scored, including its end of turn. The spans come from the template's
`{% generation %}` marks. Since few templates have them, the fallback is to render every prefix of
the conversation.
"""

from collections.abc import Iterable, Iterator, Sequence

from lockfiles.errors import DataRefused
from lockfiles.fixes import Advice, Change
from lockfiles.harmless import one_line
from planner.data.isolation import client
from planner.data.isolation.client import Fault, Tokens
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Row
from planner.data.tokens.example import IGNORED, Example, completion
from planner.data.tokens.template import ChatTemplate, refusal
from planner.data.tokens.tokenizer import Tokenizer, load_tokenizer

__all__ = [
    "NEED_VARIANT",
    "NoAnswer",
    "PartLost",
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


class PartLost(DataRefused):
    """A chat template does not print a part of the conversation, or not in the assistant's text."""


class NoAnswer(DataRefused):
    """A scored turn says nothing."""


NEED_VARIANT = (TurnsRewritten, PartLost)
"""Errors that the training variant of a template may not have."""


def assistant_spans(template: ChatTemplate, row: Row) -> tuple[str, list[Span]]:
    """Return the rendered row and the scored character spans: those that the template marks or,
    without marks, each assistant turn with its end.

    Raises DataRefused if a prefix of the conversation does not render to a prefix of the text.
    """
    asked = {"do": "spans", "row": client.written(row)} | template.date
    try:
        return client.text_and_spans(
            *client.ask([template.loaded], asked, waits=client.row_waits([row])[:1])
        )
    except Fault as fault:
        raise _refused(fault, template) from None


def encode(row: Row, template: ChatTemplate, tokenizer: Tokenizer) -> Example:
    """Return the tokens and labels of one row.

    A token that crosses the edge of a span is scored, as in transformers.
    """
    (found,) = encode_rows([row], template, tokenizer)
    if isinstance(found, DataRefused):
        raise found
    return found


def encode_rows(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> list[Example | DataRefused]:
    """Return the tokens and labels of each row as `encode` does, or the error for that row.

    Raises TemplateRunsAway and TokenizerFails.
    """
    found = _tokens(rows, template, tokenizer, whole=False)
    return [one if isinstance(one, DataRefused) else _encoded(one) for one in found]


def whole_rows(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> list[Tokens | DataRefused]:
    """Return the rendered text and token offsets of each row; raises as `encode_rows` does."""
    return _tokens(rows, template, tokenizer, whole=True)


def encoded(
    row: Row, template: ChatTemplate, tokenizer: Tokenizer
) -> tuple[str, list[Span], Example]:
    """Return the rendered text of a row, its token offsets, and its tokens and labels."""
    (found,) = whole_rows([row], template, tokenizer)
    if isinstance(found, DataRefused):
        raise found
    places = list(zip(found.offsets[::2], found.offsets[1::2], strict=True))
    return found.text, places, _encoded(found)


def count_tokens(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer
) -> Sequence[int]:
    """Return the number of tokens of each row; if the template refuses a row, of its plain text.

    Raises TemplateRunsAway and TokenizerFails.
    """
    _, raw = _asked("count", rows, template, tokenizer)
    counts = client.numbers(raw)
    if len(counts) != len(rows):
        raise tokenizer.failure(Fault("broken", "a wrong number of rows"))
    return counts


def _tokens(
    rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer, *, whole: bool
) -> list[Tokens | DataRefused]:
    head, raw = _asked("encode", rows, template, tokenizer, whole=whole)
    try:
        found = list(client.token_rows(head, raw, len(rows), whole=whole))
    except Fault as fault:
        raise tokenizer.failure(fault) from None
    return [_refused(Fault(*one), template) if isinstance(one, tuple) else one for one in found]


def _asked(
    do: str, rows: Sequence[Row], template: ChatTemplate, tokenizer: Tokenizer, **how: object
) -> tuple[dict[str, object], memoryview]:
    asked = {"do": do, "rows": [client.written(row) for row in rows]} | how | template.date
    try:
        return client.ask([template.loaded, tokenizer.loaded], asked, waits=client.row_waits(rows))
    except Fault as fault:
        if fault.place == len(rows) or fault.kind in ("tokens", "broken"):
            raise tokenizer.failure(fault) from None
        raise _refused(fault, template) from None


def _refused(fault: Fault, template: ChatTemplate) -> DataRefused:
    """Return the error for a row that the template does not render properly."""
    if fault.kind == "rewritten":
        return TurnsRewritten(
            f"The chat template changes earlier text when message `{fault.said}` is added, "
            "so the assistant's text cannot be located.",
            fix=_OTHER_TEMPLATE,
        )
    if fault.kind == "left-out":
        return PartLost(
            f"The chat template omits the assistant's text: `{fault.said}`.",
            fix=_OTHER_TEMPLATE,
        )
    if fault.kind == "lost":
        said = one_line(fault.said)
        return PartLost(f"The chat template{template.named} {said}.", fix=_OTHER_TEMPLATE)
    if fault.kind == "no-answer":
        return NoAnswer(
            f"Message {fault.said} is an empty answer: only its end token would be scored.",
            fix=Advice("add the answer, or leave the turn out of the loss"),
        )
    return refusal(fault)


def _encoded(found: Tokens) -> Example:
    labels = (
        token if counts else IGNORED for token, counts in zip(found.ids, found.scored, strict=True)
    )
    return completion(tuple(found.ids), tuple(labels), found.notes)


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in batches for encoding."""
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
    """Yield encoded rows. Raises DataRefused, which names the row, counted from 1."""
    made = (one for batch in batches(rows) for one in encode_rows(batch, template, tokenizer))
    for number, found in enumerate(made, 1):
        if isinstance(found, DataRefused):
            raise type(found)(f"Row {number}: ", *found.said, fix=found.fix)
        yield found
