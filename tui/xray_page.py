"""A row seen through, as text: what is scored beside what is not, and every token."""

from collections.abc import Iterator

from planner.data.xray import Piece, XRay

_NAMES = {True: "SCORED", False: "-"}
_NEWLINE = "⏎"


def page(found: XRay, name: str) -> str:
    """Return the text of a row in its scored and other parts, and its tokens one a line."""
    return "\n".join(
        [
            f"{name}: {len(found.tokens):,} tokens, {found.scored:,} of them scored",
            "",
            *(line for piece in found.pieces for line in _piece(piece)),
            "",
            f"{'at':>6}  {'id':>7}  {'':6}  text",
            *_tokens(found),
        ]
    )


def _piece(piece: Piece) -> Iterator[str]:
    """Yield a part of the text, its line ends shown, each line behind whether it is scored."""
    for line in piece.text.splitlines(keepends=True):
        shown = line.rstrip("\r\n")
        ended = _NEWLINE if shown != line else ""
        yield f"  {_NAMES[piece.scored]:<6} │ {shown}{ended}"


def _tokens(found: XRay) -> Iterator[str]:
    for at, token in enumerate(found.tokens):
        yield f"{at:>6}  {token.id:>7}  {_NAMES[token.scored]:<6}  {token.text!r}"


def record(found: XRay, row: int) -> dict[str, object]:
    """Return the same as JSON has it; `row` is the row's number, from 0."""
    return {
        "row": row,
        "text": found.text,
        "scored_tokens": found.scored,
        "tokens": [
            {"id": token.id, "text": token.text, "scored": token.scored} for token in found.tokens
        ],
    }
