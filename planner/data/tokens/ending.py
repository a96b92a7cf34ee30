"""Whether training teaches a token that ends an answer, and what to do where it does not."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from lockfiles.errors import DataRefused
from lockfiles.harmless import one_line
from planner.data.rendering.ends import NO_ENDS, Ends
from planner.data.rows.rows import Message, Row, in_order
from planner.data.tokens.encode import assistant_spans
from planner.data.tokens.example import Example
from planner.data.tokens.special_tokens import answer_end
from planner.data.tokens.template import GOLDEN, ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer

NEXT_TURN = (
    "The template prints no end of an answer, and the model stops at the `{}` of the next turn: it "
    "is scored behind each answer, and added where a row ends with one."
)
"""Of a template with `Ends`; with the token."""
_CALL = {"id": "call_0", "type": "function", "function": {"name": "add", "arguments": {"a": 2}}}
_CALLED = (
    GOLDEN[0],
    Message("assistant", "", in_order({"tool_calls": [_CALL]})),
    Message("tool", "5", in_order({"tool_call_id": "call_0", "name": "add"})),
)
_CHARS = 100


def with_ends(
    template: ChatTemplate, tokenizer: Tokenizer, end_ids: Collection[int]
) -> ChatTemplate:
    """Return a template that scores the end of an answer where it prints one, a token at which the
    model stops by its own files, only when the next turn begins.

    Raises TokenizerFails.
    """
    plain = replace(template, ends=NO_ENDS)
    after = _behind(plain, tokenizer, GOLDEN[:3], end_ids)
    if not after or not _ends_unprinted(plain):
        return plain
    call = _behind(plain, tokenizer, _CALLED, end_ids)
    return replace(plain, ends=Ends(after, call))


def _behind(
    template: ChatTemplate, tokenizer: Tokenizer, turns: Sequence[Message], end_ids: Collection[int]
) -> str:
    """Return what the last of the turns begins with, up to its first token; empty where that is not
    one of the end tokens."""
    try:
        before, text = template.render(turns[:-1]), template.render(turns)
    except DataRefused:
        return ""
    if not text.startswith(before):
        return ""
    added = text[len(before) :]
    space = added[: len(added) - len(added.lstrip())]
    first = next(iter(tokenizer.encode(added.lstrip()[:_CHARS])), None)
    if first is None or first not in end_ids or first not in tokenizer.added_ids:
        return ""
    return space + tokenizer.decode([first], skip_special_tokens=False)


def _ends_unprinted(template: ChatTemplate) -> bool:
    """Return whether an answer ends with its own text."""
    try:
        text, spans = assistant_spans(template, Row(GOLDEN))
    except DataRefused:
        return False
    start, end = spans[0] if spans else (0, 0)
    return text[start:end].rstrip().endswith(GOLDEN[1].content)


def unended(
    template: ChatTemplate,
    rows: Iterable[Example],
    end_ids: Collection[int],
    *,
    turns: bool,
) -> str:
    """Return why no token ends an answer of the training rows, as a sentence; empty if one does.

    `turns`: the rows are conversations that the template renders.
    """
    if answer_end(rows, end_ids) is not None:
        return ""
    if not turns:
        return "The rows end with no end token, so generation runs until its limit of tokens."
    after = template.render(GOLDEN).rpartition(GOLDEN[-1].content)[2].strip() or "\\n"
    return (
        f"The template ends an answer with the text `{one_line(after, most=60)}`, which is more "
        "than one token: give it as a stop string to the program that generates."
    )
