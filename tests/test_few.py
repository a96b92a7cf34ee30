"""The default tests have a few cases of each kind, and the others are slow."""

import pytest

from planner.models.families import FAMILIES
from tests.few import chosen_families, few, of_families


def test_no_case_is_left_out() -> None:
    cases = few([("a", 1), ("b", 2), ("c", 3), ("d", 4)])
    assert [one.values for one in cases] == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert [bool(one.marks) for one in cases] == [False, True, True, False]
    with pytest.raises(AssertionError, match="no case is left"):
        few(["a"], lambda case: False)


def test_families_of_every_structure_are_chosen() -> None:
    chosen = chosen_families()
    assert len(chosen) < len(FAMILIES) / 2
    for attribute in ("experts", "blocks", "nested", "positions", "sinks", "padding_row"):
        having = {name for name, one in FAMILIES.items() if getattr(one, attribute)}
        assert having & chosen, attribute
    cases = of_families((name, {}) for name in FAMILIES)
    assert {one.values[0] for one in cases if not one.marks} == chosen
