"""Splits a long conversation into several that fit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from planner.data.rows.rows import Message, Row


def pieces(row: Row, fits: Callable[[Row], bool]) -> Iterator[Row]:
    """Yield conversations with a row's turns in order, each with as many exchanges as fit.

    Each begins with the row's system turn, if there is one, followed by a user's turn; earlier
    exchanges are not repeated. A single exchange that does not fit becomes a conversation too, and
    is truncated later.
    """
    system, exchanges = _exchanges(row)
    begun: list[Message] = []
    for exchange in exchanges:
        longer = replace(row, messages=(*system, *begun, *exchange))
        if begun and not fits(longer):
            yield from _piece(row, (*system, *begun))
            begun = []
        begun += exchange
    if begun:
        yield from _piece(row, (*system, *begun))


def _piece(row: Row, turns: tuple[Message, ...]) -> Iterator[Row]:
    """Yield a conversation of some turns, unless each of its answers is left out of the loss."""
    answers = [turn.scored for turn in turns if turn.role == "assistant"]
    if any(answers) or not answers:
        yield replace(row, messages=turns)


def _exchanges(row: Row) -> tuple[Sequence[Message], list[list[Message]]]:
    """Return the system turn, and the other turns in lists that each start with a user's turn."""
    turns = row.messages
    first = 1 if turns[0].role == "system" else 0
    found: list[list[Message]] = []
    for turn in turns[first:]:
        if not found or (turn.role == "user" and found[-1][-1].role != "user"):
            found.append([])
        found[-1].append(turn)
    return turns[:first], found
