"""One long conversation as several that a model can see whole."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from planner.data.rows.rows import Message, Row


def pieces(row: Row, fits: Callable[[Row], bool]) -> Iterator[Row]:
    """Yield conversations that hold a row's turns in order, each as many exchanges as fit.

    Each begins with the row's system turn, if it has one, and goes on with a user's turn; what
    was said before is not in it. An exchange that does not fit by itself is one too, and is cut
    later.
    """
    system, exchanges = _exchanges(row)
    begun: list[Message] = []
    for exchange in exchanges:
        longer = replace(row, messages=(*system, *begun, *exchange))
        if begun and not fits(longer):
            yield replace(row, messages=(*system, *begun))
            begun = []
        begun += exchange
    if begun:
        yield replace(row, messages=(*system, *begun))


def _exchanges(row: Row) -> tuple[Sequence[Message], list[list[Message]]]:
    """Return the system turn, and the others, a list from each user's turn to the next."""
    turns = row.messages
    first = 1 if turns[0].role == "system" else 0
    found: list[list[Message]] = []
    for turn in turns[first:]:
        if not found or (turn.role == "user" and found[-1][-1].role != "user"):
            found.append([])
        found[-1].append(turn)
    return turns[:first], found
