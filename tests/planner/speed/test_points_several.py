"""Step times of trainings by the runner on one, two and four NVIDIA cards of one host.

Only of those that ran alone on the machine (`tests/planner/memory/test_points_several.py`). What
ZeRO's stage 3 takes for a layer, what an optimizer in main memory takes, and how much of DDP's
exchange a backward pass hides were fitted to them.
The speed of the host was measured on the same machine, in one process: of several measurements of
a machine in a session the least, since other work only makes them slower. Those with `launched` ran
since large gradients are exchanged a few at a time. That of the H100s in
`choices_several.jsonl` was not measured, so its usual speed is assumed. `pairs` has the step of the
runner and that of a plain script with the same engine, in seconds.
"""

from contextlib import nullcontext
from dataclasses import replace
from statistics import geometric_mean, median
from typing import Any
from unittest.mock import patch

from planner.search import ranking
from planner.speed import exchange
from planner.speed.accelerator import Rated
from tests.gpu.several.here import card_of
from tests.gpu.several.line import Line
from tests.gpu.several.measured import WARM
from tests.gpu.several.predicted import predicted
from tests.planner.memory.test_points_several import plan_of, read

WITHIN = 0.25
MISSED = (
    "ddp full Qwen2.5-1.5B rows=passes kernels=compiled checkpointing=off micro=4 accumulation=1 "
    "bare=2 steps=14, 2 x NVIDIA H200",
    "Qwen3-4B lora, 2 cards: ddp, passes of 3731, varlen, compiled",
    "ddp full Qwen2.5-1.5B rows=passes kernels=compiled bare=2 steps=14, 2 x NVIDIA H200",
    "fsdp2 full Qwen2.5-1.5B bare=1 steps=9, 2 x NVIDIA H200",
)
"""Small passes in compiled layers, for which cards wait for their hosts. The first two took 1.35
and 1.4 times as long as expected, and compiled layers on one card up to 1.9 times
(`test_points_compiled.py`), but in others they did not. Steps of the second differ by 1.4. The
third took 0.73 times as long as expected: its host was measured once, when it had just started.
Another was measured at 0.116 s then, and at 0.093 s five minutes later. The last is no such pass,
but waits for its host, too: 1.4 times as long, in steps of 0.51 to 0.72 s (`UNEVEN`)."""
UNEVEN = ("fsdp2 full Qwen2.5-1.5B bare=1 steps=9",)
"""One pair on two cards, in which the runner took 0.58 s and the plain script 0.46; so does the one
pair on four cards. With one process and nothing to exchange, two pairs are 1.00 and 1.25."""
CROWDED = (
    "zero1 full Qwen2.5-1.5B, 4 x NVIDIA H200",
    "zero2 full Qwen2.5-1.5B bare=1, 4 x NVIDIA H200",
    "fsdp2 full Qwen2.5-1.5B bare=1, 4 x NVIDIA H200",
    "zero3 lora Llama-3.1-8B steps=5, 4 x NVIDIA H200",
)
"""Took 1.3 to 1.8 times as long as expected on a host whose speed was measured by one process. On
another, by whose measured speed it was no faster, the second and the third took 0.44 and 0.64 s
instead of 0.62 and 0.89, and there, plain scripts took 0.55 and 0.66: four processes at once were
slower than one."""


LINES = ("several", "several_again", "several_graphs", "several_launched")
CHOICES = ("choices_several", "choices_again", "choices_graphs")


def _card(told: dict[str, Any]) -> Rated:
    return card_of({"card": told["card"], "host_seconds": told["seconds_of_host"]})


def _as_it_was(told: dict[str, Any]) -> Any:
    """Without `launched`, each large gradient was exchanged by itself."""
    if told.get("launched"):
        return nullcontext()
    return patch.object(exchange, "LAUNCHED_ELEMENTS", 1)


def _errors() -> dict[str, float]:
    found = {}
    for told in (one for name in LINES for one in read(name)):
        if told["alone"]:
            line = Line(told["line"], told["ranks"], False)
            with _as_it_was(told):
                expected = predicted(line, _card(told)).step_seconds
            name = f"{told['line']}, {told['ranks']} x {told['card']}"
            found[name] = expected / median(told["step_seconds"]) - 1
    return found


def test_step_times_are_met() -> None:
    errors = _errors()
    for name, error in sorted(errors.items(), key=lambda item: item[1]):
        print(f"{error:+.0%} {name}")
    met = [one for name, one in errors.items() if name not in (*MISSED, *CROWDED)]
    assert max(map(abs, met)) <= WITHIN
    assert sum(map(abs, met)) / len(met) <= 0.12
    assert (len(errors), len(met)) == (52, 45)


def test_the_runner_is_as_fast_as_a_plain_script_with_the_same_engine() -> None:
    """Since micro-batches do not walk through all modules. A pair differs by a tenth from the next,
    where only the host is different. On four cards there is one pair each, on the host that
    `CROWDED` tells of, and those are printed only."""
    told = (one for of in LINES for one in read(of))
    ratios = {
        (one["line"], one["ranks"]): median(bare / own for own, bare in one["pairs"])
        for one in told
        if "in_place" in one and "pairs" in one
    }
    for (line, ranks), one in ratios.items():
        print(f"{one:.2f} {line}, {ranks} cards")
    two = [one for (line, ranks), one in ratios.items() if ranks == 2 and line not in UNEVEN]
    assert (len(two), len(ratios)) == (13, 18) and min(two) >= 0.95
    assert geometric_mean(two) >= 0.98


def test_step_times_of_chosen_plans_are_met() -> None:
    errors = {}
    for told in (*read("choices"), *read("choices_again"), *read("choices_graphs")):
        plan, search = plan_of(told)
        candidates = replace(search.candidates)
        vars(candidates)["card"] = _card(told)  # instead of this machine's
        with _as_it_was(told):
            expected = (ranking.seconds(candidates, plan) or 0.0) * len(search.lengths)
        own = told["name"], told["card"], told["seconds_of_host"]
        errors[own] = expected / median(told["step_seconds"][WARM:]) - 1
    for (name, card, _), error in errors.items():
        print(f"{error:+.0%} {name}, {card}")
    assert max(abs(error) for (name, *_), error in errors.items() if name not in MISSED) <= WITHIN
    assert len(errors) == 32


def test_the_chosen_plans_are_the_fastest_of_those_that_ran() -> None:
    found: dict[str, dict[str, float]] = {}
    every = [(of, told) for of in CHOICES for told in read(of)]
    for of, told in every:
        own = found.setdefault(f"{told['model']}, {of}, {told['card']}", {})
        own[told["name"]] = median(told["step_seconds"][WARM:])
    compared = [plans for plans in found.values() if len(plans) > 1]
    assert len(compared) == 11
    for plans in compared:
        _, search = plan_of(next(told for _, told in every if told["name"] in plans))
        chosen = replace(search, card="H100").line(replace(search, card="H100").chosen)["name"]
        others = min(took for name, took in plans.items() if name != chosen)
        print(f"{others / plans[chosen] - 1:+.1%} of {len(plans)}: {chosen}")
        assert plans[chosen] <= 1.05 * others


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
