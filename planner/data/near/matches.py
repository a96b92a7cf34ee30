"""Finds rows of one file that are near duplicates of rows of another."""

from collections import Counter
from dataclasses import dataclass

from planner.data.near.groups import TRIES
from planner.data.near.index import Index


@dataclass(frozen=True, slots=True)
class Match:
    """A row that is also in another file."""

    row: int
    """Its number."""
    there: int
    """The number of the other file's row."""
    same: bool
    """Whether they are equal except for case and punctuation."""


def matches(asked: Index, known: Index) -> list[Match]:
    """Return a match for each asked row that is similar to a known one, by ascending row."""
    found: dict[int, Match] = {}
    for asked_column, known_column in zip(asked.columns(), known.columns(), strict=True):
        waiting: dict[int, list[int]] = {}
        for row, number in enumerate(asked_column):
            if row not in found:
                waiting.setdefault(number, []).append(row)
        tried: Counter[int] = Counter()
        for there, number in enumerate(known_column):
            if number in waiting:
                rows = waiting.pop(number)
                near = [row for row in rows if asked.are_near(row, known, there)]
                for row in near:
                    found[row] = Match(row, there, asked.are_same(row, known, there))
                tried[number] += 1
                if len(near) < len(rows) and tried[number] <= TRIES:
                    waiting[number] = [row for row in rows if row not in found]
    return [found[row] for row in sorted(found)]
