"""Whether training teaches a token that ends an answer, and what to do where it does not."""

from collections.abc import Collection, Iterable

from lockfiles.harmless import one_line
from planner.data.tokens.example import Example
from planner.data.tokens.special_tokens import answer_end
from planner.data.tokens.template import GOLDEN, ChatTemplate


def unended(
    template: ChatTemplate, rows: Iterable[Example], end_ids: Collection[int], *, turns: bool
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
