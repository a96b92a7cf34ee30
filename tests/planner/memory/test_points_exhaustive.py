"""The speed of the chosen plans beside that of every other.

`exhaustive.jsonl` is what `python -m tests.gpu.exhaustive` wrote on one H100 of which 40 GiB
were used: every micro-batch with and without checkpointing and packing, on three models.
"""

from pathlib import Path

import pytest

from planner.setup.setup import Kind
from tests.gpu.exhaustive import MODELS, chosen, ratio, trials
from tests.gpu.lines import Line, lines, profile_of, ran

FILE = Path(__file__).parents[2] / "data" / "points" / "exhaustive.jsonl"
LINES = lines(FILE)


def test_every_plan_that_fits_was_tried_and_ran() -> None:
    assert {trial.name for trial in trials()} == {line["name"] for line in LINES}
    assert all(map(ran, LINES))


@pytest.mark.parametrize(("model", "method"), MODELS)
def test_the_chosen_plan_is_within_five_percent_of_the_best(model: str, method: Kind) -> None:
    done = [line for line in LINES if line["model"].endswith(model)]
    plan = chosen(model, method)
    picked = plan.packing, plan.checkpointing, plan.micro_batch
    (line,) = [one for one in done if _three(one) == picked]
    print(f"{ratio(done, line):.1%} of the best of {len(done)}")
    assert len(done) >= 14
    assert ratio(done, line) >= 0.95


def _three(line: Line) -> tuple[bool, bool, int]:
    plan = profile_of(line)
    return plan.packing, plan.checkpointing, plan.micro_batch
