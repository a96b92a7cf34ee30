"""The plans that are tried for several cards, and that they can be run."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu import exhaustive
from tests.gpu.lines import every
from tests.gpu.queue import LEFT
from tests.gpu.several import choices
from tests.gpu.several.choices import Search

ROOT = Path(__file__).parents[2]


def test_the_chosen_plan_is_tried_first_and_others_may_be_as_fast() -> None:
    search = Search("Qwen2.5-1.5B", "full", 2)
    plans = search.plans
    assert plans[0] == search.chosen and 1 < len(plans) <= choices.MOST
    assert all(search.candidates.fits(plan) and plan.ranks == 2 for plan in plans)
    fastest = min(map(search.seconds, plans))
    assert all(search.seconds(plan) <= choices.WITHIN * fastest for plan in plans)
    lines = [search.line(plan) for plan in plans]
    assert len({line["name"] for line in lines}) == len(plans)
    assert [line["chosen"] for line in lines] == [True] + [False] * (len(plans) - 1)
    for plan in plans:
        case = search.case(plan, Path(), Path())
        assert case.train.micro_batch * case.train.accumulation * 2 == len(search.lengths)
        assert sum(case.lengths) == case.steps * lines[0]["tokens"]


@pytest.mark.slow
def test_plans_of_a_tiny_model_are_run_and_compared(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    program = [sys.executable, "-m", "tests.gpu.several.choices", str(out)]
    program += ["--cpu", "--only", "1.5B", "--bases", str(tmp_path)]
    ended = subprocess.run([*program, "--seconds", "0"], cwd=ROOT, check=False)
    assert ended.returncode == LEFT and not every(out)
    subprocess.run(program, cwd=ROOT, check=True)
    found = every(out)
    assert all(not line["error"] and line["measured"]["step_seconds"] for line in found)
    said = list(exhaustive.summary(found))
    assert "(chosen)" in "\n".join(said) and said[-1].endswith("of the best")
