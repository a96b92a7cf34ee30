"""A row as training sees it, as text: its scored and unscored parts, and every token."""

from collections.abc import Iterator

from lockfiles.harmless import escaped
from planner.data.tokens.xray import XRay

_NAMES = {True: "SCORED", False: "-"}
_NEWLINE = "⏎"
_TAB = "⇥"


def page(found: XRay, name: str) -> list[str]:
    """Return the text of a row in scored and unscored parts, then its tokens, one per line."""
    return [
        f"{name}: {len(found.tokens):,} tokens, {found.scored:,} of them scored",
        "",
        *(f"  {mark:<6} │ {line}" for mark, line in lines(found)),
        "",
        f"{'at':>6}  {'id':>7}  {'':6}  text",
        *_tokens(found),
    ]


def lines(found: XRay) -> Iterator[tuple[str, str]]:
    """Yield the text line by line with visible line ends, each with whether it is scored."""
    for piece in found.pieces:
        *complete, rest = piece.text.split("\n")
        for line in complete:
            yield _NAMES[piece.scored], _visible(line) + _NEWLINE
        if rest:
            yield _NAMES[piece.scored], _visible(rest)


def _visible(line: str) -> str:
    return escaped(line.replace("\t", _TAB))


def _tokens(found: XRay) -> Iterator[str]:
    for at, token in enumerate(found.tokens):
        yield f"{at:>6}  {token.id:>7}  {_NAMES[token.scored]:<6}  {token.text!r}"


def record(found: XRay, row: int) -> dict[str, object]:
    """Return the same as JSON values; `row` is the row's number, from 0."""
    return {
        "row": row,
        "text": found.text,
        "scored_tokens": found.scored,
        "tokens": [
            {"id": token.id, "text": token.text, "scored": token.scored} for token in found.tokens
        ],
    }
