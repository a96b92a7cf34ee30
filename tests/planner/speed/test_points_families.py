"""Step times and their parts for families whose layers differ from Llama's.

`families.jsonl` and `families_again.jsonl` are whole steps on one H100 and one H200 (`python -m
tests.gpu.points`): two timed steps a point and one measurement of the host after them, which differ
by up to a third between runs of the same plan. `families_timed.jsonl` has four to thirteen timed
steps a point and measurements of the host, in three runs on H100s and one (the third) on an H200
(`--steps 8 --host-every 8`; 5; 1; and `--steps 14 --host-every 1`): one host differed by up to 46%
within two minutes. So the parts of the prediction are
held to what is exact, too: `families_work.jsonl` has the operations that torch's dispatcher counts
in a step with fake tensors, without views, and the seconds of all kernels of a step on an H100 in
torch's profiler.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import expm1, log1p
from pathlib import Path
from statistics import mean, median
from typing import Any

import pytest

from planner.catalogue.lookup import find_accelerator
from planner.memory import estimate
from planner.models.architecture import architecture
from planner.models.facts import ModelFacts, parameter_count
from planner.speed import FITTED, around_seconds, micro_seconds, step_seconds
from planner.speed.host import slowness
from planner.speed.passes import backward, forward, recomputed
from planner.speed.step import Passes
from runner.rehearse.case import Case
from runner.rehearse.host import HOST
from tests.gpu.points import lines, read
from tests.planner.memory.test_points_families import AGAIN, FIRST
from tests.planner.speed.test_points import Model, Timed, points

WORK = FIRST.with_name("families_work.jsonl")
PROFILED = FIRST.with_name("families_profiled.jsonl")
TIMED = FIRST.with_name("families_timed.jsonl")
MISSES = FIRST.with_name("families_misses.jsonl")
"""What `python -m tests.gpu.misses` wrote, each with the host that was measured before it."""
RUNS = (1, 2, 3, 4)
HELD = 3
"""One point in so many of both files did not serve to fit the coefficients."""


def _told(named: dict[str, float]) -> list[float]:
    for name, error in sorted(named.items(), key=lambda item: item[1]):
        print(f"{error:+.1%} {name}")
    return [abs(error) for error in named.values()]


ELSE = "Laguna"
"""Measured with adapters on its shared experts too, which PEFT cannot load."""


def _steps(*files: Path) -> list[Timed]:
    return [point for file in files for point in points(file)]


@pytest.mark.parametrize(("file", "within"), [(FIRST, 24), (AGAIN, 17)])
def test_most_steps_of_new_families_are_met_within_a_fifth(file: Path, within: int) -> None:
    errors = _told({one.name: one.error for one in _steps(file) if ELSE not in one.name})
    assert sum(error <= 0.2 for error in errors) >= within
    assert mean(errors) <= 0.13
    assert median(errors) <= 0.12
    assert max(errors) < 0.4


def test_steps_are_met_with_the_median_of_the_hosts_of_a_run() -> None:
    """No coefficient was fitted to these steps. In runs 3 and 4, other jobs used the host."""
    by_run = [_told(_with_host(_timed(run), _host(run))) for run in RUNS]
    assert [len(errors) for errors in by_run] == [21, 10, 19, 19]
    within = [sum(error <= 0.2 for error in errors) for errors in by_run]
    assert all(found >= least for found, least in zip(within, (18, 10, 18, 15), strict=True))
    errors = [error for run in by_run for error in run]
    assert mean(errors) <= 0.105
    assert max(errors) < 0.31


def test_each_plan_is_met_within_a_fifth_on_average() -> None:
    """The same plan on the same card is predicted 22% too short in one run and 30% too long in
    another, as its host goes: the geometric mean of all its measurements is what counts."""
    found: dict[str, list[float]] = {}
    for run in RUNS:
        for name, error in _with_host(_timed(run), _host(run)).items():
            found.setdefault(name, []).append(log1p(error))
    for case, told in read(MISSES):
        host = slowness(told["host_seconds"], find_accelerator(told["card"]))
        (error,) = _with_host([(case, told)], host).values()
        found.setdefault(case.name, []).append(log1p(error))
    errors = _told({name: expm1(mean(every)) for name, every in found.items()})
    assert len(errors) >= 31 and len({name.split()[0] for name in found}) >= 12
    assert max(errors) <= 0.2
    assert mean(errors) <= 0.075


def test_peaks_of_the_later_runs_are_met() -> None:
    errors = []
    for case, told in (point for point in read(TIMED) if point[1]["run"] > 2):
        shape = architecture(case.config, case.name)
        model = ModelFacts(case.name, (), shape, parameter_count(shape), "")
        peak = max(told["peaks"].values())
        errors.append(estimate(model, case.profile).peak.peak_bytes / peak - 1)
    assert len(errors) == 38
    assert min(errors) > -0.005 and max(errors) < 0.015


def _timed(run: int) -> list[tuple[Case, dict[str, Any]]]:
    """Return the points of a run, without the step that warms up."""
    found = (point for point in read(TIMED) if point[1]["run"] == run)
    return [(case, told | {"step_seconds": told["step_seconds"][1:]}) for case, told in found]


def _host(run: int) -> float:
    """Return how slow the host of a run was."""
    hosts = [told for told in lines(TIMED) if told["case"] == HOST.name and told["run"] == run]
    card = find_accelerator(hosts[0]["card"])
    return slowness(median(median(told["step_seconds"][1:]) for told in hosts), card)


def test_points_that_did_not_serve_are_met_as_well() -> None:
    held = _steps(FIRST, AGAIN)[HELD - 1 :: HELD]
    errors = _told({point.name: point.error for point in held})
    assert len(errors) == 17
    assert sum(error <= 0.2 for error in errors) >= 15
    assert mean(errors) <= 0.12


def test_the_card_needs_the_time_of_its_kernels() -> None:
    """The shares of the card's rates were fitted to whole steps of other families; those of experts
    and state spaces to these kernels. Two mixtures are too long by more than a fifth."""
    errors = _told(dict(_card_errors()))
    assert len(errors) >= 40
    assert mean(errors) <= 0.1
    assert sum(error <= 0.2 for error in errors) >= 0.85 * len(errors)
    assert max(errors) < 0.45


def _card_errors() -> Iterator[tuple[str, float]]:
    for case, told in read(WORK):
        if "card" not in told:
            continue
        shape, card = architecture(case.config, case.name), find_accelerator(told["card"])
        seconds = FITTED.forward_seconds(forward(shape, case.profile), card)
        seconds += FITTED.forward_seconds(recomputed(shape, case.profile), card)
        seconds += FITTED.backward_seconds(backward(shape, case.profile), card)
        yield case.name, seconds / (told["forward_seconds"] + told["backward_seconds"]) - 1


def test_launches_are_those_that_the_dispatcher_counts() -> None:
    """bitsandbytes' Python code makes a quantized product slower than one operation, so its plans
    count more than there are."""
    errors = _told(dict(_launch_errors()))
    assert len(errors) >= 30
    assert mean(errors) <= 0.06
    assert max(errors) <= 0.15


def _launch_errors() -> Iterator[tuple[str, float]]:
    for case, told in read(WORK):
        if "forward_launches" not in told or case.profile.quantised_bits:
            continue
        shape, plan = architecture(case.config, case.name), case.profile
        found = forward(shape, plan) + recomputed(shape, plan) + backward(shape, plan)
        counted = told["forward_launches"] + told["backward_launches"]
        yield case.name, found.launches / counted - 1


def test_the_host_waits_for_the_card_at_the_end_of_a_step() -> None:
    """Until then it launches the next forward pass while the card is busy with the backward one."""
    busy = Passes(card_forward=1, card_backward=3, host_forward=2, host_backward=1, waits=False)
    assert (busy.together, busy.apart) == (4, 5)
    slow = Passes(card_forward=1, card_backward=1, host_forward=2, host_backward=4, waits=False)
    assert slow.together == slow.apart == 6
    asking = replace(busy, waits=True)
    assert asking.together == asking.apart == 7


def test_the_wait_is_part_of_the_step() -> None:
    """With 8 rows the card is slower than the host in one of both passes; with one in none."""
    case = next(case for case, _ in read(AGAIN) if "LFM2.5" in case.name and "sft" in case.name)
    shape = architecture(case.config, case.name)
    model, card = Model(shape, parameter_count(shape)), find_accelerator("H200")
    few, many = (
        around_seconds(model, replace(case.profile, micro_batch=rows), card) for rows in (1, 8)
    )
    assert few + 0.005 < many < few + micro_seconds(model, case.profile, card)


def test_with_one_host_for_each_run_most_steps_are_met() -> None:
    """Steps of the profiled runs, before the profiler. The host was measured only after it, so one
    speed of the host for all plans of a run is chosen: that without a median error."""
    runs = (tuple(point for point in read(PROFILED) if point[1]["run"] == run) for run in (1, 2))
    errors = [_told(_with_one_host(run)) for run in runs]
    assert list(map(len, errors)) == [26, 16]
    for each in errors:
        assert mean(each) <= 0.1
        assert sum(error <= 0.2 for error in each) >= 0.9 * len(each)


def _with_one_host(run: Sequence[tuple[Case, dict[str, Any]]]) -> dict[str, float]:
    hosts = (_with_host(run, 1.0 + 0.03 * step) for step in range(20))
    return min(hosts, key=lambda errors: abs(median(errors.values())))


def _with_host(run: Sequence[tuple[Case, dict[str, Any]]], host: float) -> dict[str, float]:
    found = {}
    for case, told in run:
        shape = architecture(case.config, case.name)
        card = replace(find_accelerator(told["card"]), host=host)
        model = Model(shape, parameter_count(shape))
        seconds = step_seconds(model, case.profile, card, case.accumulation)
        assert seconds
        found[case.name] = seconds / median(told["step_seconds"]) - 1
    return found
