"""A rehearsal of concatenated rows has the greatest pass of its plan."""

import pytest

pytest.importorskip("trl")

from planner.data.tokens import layout
from planner.data.tokens.example import Example, completion
from planner.setup.setup import Profile
from runner.rehearse.case import Case
from runner.rehearse.measure import measure
from runner.rehearse.rows import examples
from tests.runner.training.test_objectives import CONFIG

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def _case(pass_tokens: int, *lengths: int, several: bool = False, held_out: int = 0) -> Case:
    profile = Profile(
        "cpu", "lora", 4, ("q_proj",), 16, 8, False, "float32", 0.0, True, packing=True,
        pass_tokens=pass_tokens, attention="varlen", accumulates=several,
    )  # fmt: skip
    rows = tuple(_row(length) for length in lengths)
    held = (_row(held_out),) if held_out else ()
    return Case("passes", CONFIG, profile, rows=rows, held_out=held, steps=2)


def _row(length: int) -> Example:
    ids = tuple(3 + at % 50 for at in range(length))
    return completion(ids, ids)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("pass_tokens", [16, 30, 53])
def test_made_up_rows_have_the_greatest_pass(pass_tokens: int, several: bool) -> None:
    case = _case(pass_tokens, several=several)
    found = [row.length for row in examples(case)]
    step = found[: len(found) // 2]
    assert len(step) <= 8 and max(step) == 16
    laid = layout.passes(step, pass_tokens)
    assert [sum(step[row] for row in rows) for rows in laid] == [pass_tokens] * (1 + several)


def test_the_rows_of_a_short_step_are_not_repeated_in_it() -> None:
    case = _case(40, 16, 14, 10)
    assert [row.length for row in examples(case)] == [16, 14, 10] * 2
    assert measure(case).peaks.keys() >= {"backward", "optimizer", "evaluation"}


def test_a_row_of_the_evaluation_may_be_longer_than_a_pass() -> None:
    assert measure(_case(16, 16, 9, several=True, held_out=25)).evaluation_seconds > 0
