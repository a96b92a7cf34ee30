"""The speed of the chosen plans beside that of every other.

`points_exhaustive.jsonl` is what `python -m tests.gpu.exhaustive` wrote on one card.
"""

from pathlib import Path

import pytest

from planner.candidates import Kind
from planner.profile import Profile
from tests.gpu.exhaustive import MODELS, chosen, ratio, search_of, trials
from tests.gpu.lines import lines, profile_of, ran

FILE = Path(__file__).with_name("points_exhaustive.jsonl")
LINES = lines(FILE)
pytestmark = pytest.mark.skipif(not LINES, reason=f"{FILE.name} was not measured yet")


def test_every_plan_was_tried_but_those_that_ran_out_of_memory() -> None:
    assert {trial.name for trial in trials()} <= {line["name"] for line in LINES}
    assert sum(map(ran, LINES)) >= 0.9 * len(LINES)


@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize(("model", "method"), MODELS)
def test_the_chosen_plan_is_within_five_percent_of_the_best(
    model: str, method: Kind, packing: bool
) -> None:
    search = search_of(model, method, packing)
    done = [
        line
        for line in LINES
        if ran(line) and line["packing"] == packing and line["model"] == search.model.name
    ]
    best = chosen(model, method, packing)
    picked = (best.checkpointing, best.micro_batch)
    (line,) = [
        o for o in done if (profile_of(o).checkpointing, profile_of(o).micro_batch) == picked
    ]
    assert ratio(done, line) >= 0.95


def _picked(profile: Profile) -> tuple[bool, int]:
    return profile.checkpointing, profile.micro_batch
