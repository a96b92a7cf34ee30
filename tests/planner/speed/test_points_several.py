"""Step times of trainings by the runner on one, two and four NVIDIA H200s of one host.

Only of those that ran alone on the machine (`tests/planner/memory/test_points_several.py`). What
ZeRO's stage 3 takes for a layer was fitted to them. The speed of the host was measured on the same
machine, in one process. That of the H100s in `choices_several.jsonl` was not, so its usual speed is
assumed.
"""

from dataclasses import replace
from statistics import median
from typing import Any

from planner.search import ranking
from planner.speed.accelerator import Rated
from tests.gpu.several.here import card_of
from tests.gpu.several.line import Line
from tests.gpu.several.measured import WARM
from tests.gpu.several.predicted import predicted
from tests.planner.memory.test_points_several import plan_of, read

WITHIN = 0.25


def _card(told: dict[str, Any]) -> Rated:
    return card_of({"card": told["card"], "host_seconds": told["seconds_of_host"]})


def _errors() -> dict[str, float]:
    found = {}
    for told in read("several"):
        if told["alone"]:
            line = Line(told["line"], told["ranks"], False)
            expected = predicted(line, _card(told)).step_seconds
            name = f"{told['line']}, {told['ranks']} cards"
            found[name] = expected / median(told["step_seconds"]) - 1
    return found


def test_step_times_are_met() -> None:
    errors = _errors()
    for name, error in sorted(errors.items(), key=lambda item: item[1]):
        print(f"{error:+.0%} {name}")
    assert max(map(abs, errors.values())) <= WITHIN
    assert sum(map(abs, errors.values())) / len(errors) <= 0.12
    assert len(errors) == 14


def test_step_times_of_chosen_plans_are_met() -> None:
    errors = {}
    for told in read("choices"):
        plan, search = plan_of(told)
        candidates = replace(search.candidates)
        vars(candidates)["card"] = _card(told)  # instead of this machine's
        expected = (ranking.seconds(candidates, plan) or 0.0) * len(search.lengths)
        errors[told["name"]] = expected / median(told["step_seconds"][WARM:]) - 1
    for name, error in errors.items():
        print(f"{error:+.0%} {name}")
    assert max(map(abs, errors.values())) <= WITHIN


def test_the_chosen_plans_are_the_fastest_of_those_that_ran() -> None:
    found: dict[str, dict[str, float]] = {}
    for told in read("choices_several"):
        found.setdefault(told["model"], {})[told["name"]] = median(told["step_seconds"][WARM:])
    assert len(found) == 6 and all(len(plans) >= 2 for plans in found.values())
    for plans in found.values():
        _, search = plan_of(next(told for told in read("choices_several") if told["name"] in plans))
        chosen = replace(search, card="H100").line(replace(search, card="H100").chosen)["name"]
        print(f"{sorted(plans.values())[1] / plans[chosen] - 1:+.0%} of {len(plans)}: {chosen}")
        assert plans[chosen] == min(plans.values())


def test_step_times_of_plans_that_ran_alone_are_met() -> None:
    errors = {}
    for told in read("choices_several"):
        if told["alone"]:
            plan, found = plan_of(told)
            search = replace(found, card="H100")
            expected = (ranking.seconds(search.candidates, plan) or 0.0) * len(search.lengths)
            errors[told["name"]] = expected / median(told["step_seconds"][WARM:]) - 1
    for name, error in errors.items():
        print(f"{error:+.0%} {name}")
    assert len(errors) == 6 and max(map(abs, errors.values())) <= WITHIN
