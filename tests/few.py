"""A few cases of a kind for the default tests; `make test-all` runs all of them."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from typing import Any

import pytest

from planner.models.families import FAMILIES
from planner.models.shapes.family import Family

ONE_IN = 3
"""One in so many cases of a kind is run by default where no rule chooses them."""


def few(cases: Iterable[Any], kept: Callable[[Any], bool] | None = None) -> list[Any]:
    """Return the cases of a `parametrize`, with all marked slow but those that are kept.

    A tuple is the values of several arguments.
    """
    found = list(cases)
    chosen = [kept(case) if kept else not at % ONE_IN for at, case in enumerate(found)]
    assert any(chosen), "no case is left for the default tests"
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=[pytest.mark.slow] * (not keep)
        )
        for case, keep in zip(found, chosen, strict=True)
    ]


def of_families(cases: Iterable[Any]) -> list[Any]:
    """Return the same for cases that are a family's name, or begin with it.

    Kept are those of `chosen_families`.
    """
    return few(
        cases, lambda case: (case[0] if isinstance(case, tuple) else case) in chosen_families()
    )


@cache
def chosen_families() -> frozenset[str]:
    """Return few families that together set each field that any family sets, to each number, and
    use each function that is a family's own: one with a structure of its own is among them."""
    uses = {name: _used(family) for name, family in FAMILIES.items()}
    left = frozenset[object]().union(*uses.values())
    chosen = set[str]()
    while left:
        name = max(uses, key=lambda name: len(uses[name] & left))
        chosen.add(name)
        left -= uses[name]
    return frozenset(chosen)


def _used(family: Family) -> frozenset[object]:
    """Return the fields that a family sets, those of numbers with the number; in place of a
    function, the function itself."""
    plain, found = Family(), set[object]()
    for name in (one.name for one in fields(Family)):
        value = getattr(family, name)
        if value != getattr(plain, name):
            own = value if callable(value) else (name, value) if isinstance(value, int) else name
            found.add(own)
    return frozenset(found)
