"""Answers as the lines of a step show them."""

import pytest

from planner.interview.questions import BY_KEY
from tui.session.lines import shown


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("method.dropout", -1.0, "automatic"),
        ("method.dropout", 0.0, "0.0"),
        ("method.dropout", 0.05, "0.05"),
        ("method.rank", 0, "automatic"),
        ("method.rank", 8, "8"),
    ],
)
def test_a_number_that_is_left_to_the_plan_is_automatic(key: str, value: float, text: str) -> None:
    assert shown(BY_KEY[key], value) == text
