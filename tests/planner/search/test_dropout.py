"""The dropout that a plan chooses."""

import pytest

from planner.search import dropout
from tests.planned import answers


@pytest.mark.parametrize(
    ("given", "rows", "found"),
    [(-1.0, 500, 0.05), (-1.0, 10_000, 0.0), (0.05, 10_000, 0.05), (0.0, 500, 0.0)],
)
def test_dropout_is_left_out_where_rows_are_many_and_it_was_not_set(
    given: float, rows: int, found: float
) -> None:
    asked = answers(method__dropout=given)
    assert dropout.chosen(asked, rows) == found
    assert bool(dropout.reason(asked, rows)) == (given < 0)


@pytest.mark.parametrize("given", [-0.5, -2.0, 1.0])
def test_other_numbers_are_no_dropout(given: float) -> None:
    with pytest.raises(Exception, match="or -1 to let the plan choose"):
        answers(method__dropout=given)
