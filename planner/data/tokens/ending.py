"""Whether training teaches a token that ends an answer, and what to do where it does not."""

from collections.abc import Collection, Iterable

from lockfiles.errors import DataRefused
from lockfiles.harmless import one_line
from planner.data.rows.rows import Row
from planner.data.tokens.beyond import named
from planner.data.tokens.encode import assistant_spans
from planner.data.tokens.example import Example
from planner.data.tokens.special_tokens import answer_end
from planner.data.tokens.template import GOLDEN, ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer

NEXT_TURN = (
    "The template ends an answer with the `{}` of the next turn, which is not scored: training "
    "leaves it to the base model when to stop."
)
"""Of a template that prints no end of an answer; with the token that begins the user's turn."""
_CHARS = 100


def next_turn(template: ChatTemplate, tokenizer: Tokenizer) -> int | None:
    """Return the token behind an answer that begins the user's next turn, such as GLM's `<|user|>`;
    None where a template prints an end of the answer, or text.

    Raises TokenizerFails.
    """
    try:
        text, spans = assistant_spans(template, Row(GOLDEN))
    except DataRefused:
        return None
    start, end = spans[0] if spans else (0, 0)
    if not text[start:end].rstrip().endswith(GOLDEN[1].content):
        return None
    first = next(iter(tokenizer.encode(text[end:].lstrip()[:_CHARS])), None)
    return first if first in tokenizer.added_ids else None


def unended(
    template: ChatTemplate,
    tokenizer: Tokenizer,
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
    follows = next_turn(template, tokenizer)
    if follows in end_ids and follows is not None:
        return NEXT_TURN.format(named(tokenizer, follows))
    after = template.render(GOLDEN).rpartition(GOLDEN[-1].content)[2].strip() or "\\n"
    return (
        f"The template ends an answer with the text `{one_line(after, most=60)}`, which is more "
        "than one token: give it as a stop string to the program that generates."
    )
