"""Every kind of fault planted in real rows: the whole scan finds it, and nothing else."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from random import Random

import pytest

from tests.few import few
from tests.planner.data.planted.file import File
from tests.planner.data.planted.score import PLANTS, SEED, score, table
from tests.planner.data.planted.shipped import SHIPPED, shipped

ROWS = 520
FIRST = "the first of gsm8k"
"""Rows in which each fault can be planted; all rows of the files take longer."""
WHOLE = ("gsm8k", "too-few")
IMPOSSIBLE = [("clinc150", "one-word"), ("clinc150", "truncated"), (FIRST, "too-few")]
"""The answers of clinc150 are one word each, and the first of gsm8k are too few already."""
FLOORS = {("self-instruct", "truncated"): (0, 0)}
"""Rows found at least, and false alarms at most, where not all is found or something else too.

Answers of self-instruct end in all ways, so that one was cut does not show.
"""
LOOKED_THROUGH: dict[str, None] = {}
"""The files in which this process's tests looked for all faults, in their order."""


@cache
def file(name: str) -> File:
    """Return a file by its name."""
    return File(shipped("gsm8k")[:ROWS] if name == FIRST else shipped(name))


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    """Print what was found, once all was looked for; `pytest -s` shows it."""
    yield
    for name in LOOKED_THROUGH:
        print("", *table(name, file(name), SEED), sep="\n")


@pytest.mark.parametrize(
    ("name", "fault"),
    few(product([FIRST, *SHIPPED], PLANTS), lambda case: case[0] == FIRST or case == WHOLE),
)
def test_planted_faults_are_found_and_nothing_else(name: str, fault: str) -> None:
    if (name, fault) != WHOLE:
        LOOKED_THROUGH.setdefault(name)
    told = score(fault, file(name), SEED)
    if (name, fault) in IMPOSSIBLE:
        assert told is None
        return
    assert told is not None and told.planted >= 1
    found, false = FLOORS.get((name, fault), (told.planted, 0))
    assert told.found >= found and told.false <= false, told


@pytest.mark.parametrize("fault", ["too-few", "role-order", "leak", "markup", "imbalance"])
def test_a_seed_chooses_the_places(fault: str) -> None:
    first, again, other = (PLANTS[fault](file("gsm8k"), Random(seed)) for seed in (1, 1, 2))
    assert first and again and other
    assert (first.at, first.faulty.rows) == (again.at, again.faulty.rows)
    assert first.at != other.at or len(first.at) == 1
