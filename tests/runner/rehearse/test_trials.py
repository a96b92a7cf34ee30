"""The finalists of a lock: the steps that time them, the locks that they make, and the results."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.lock import TrainingLock
from planner.machines.facts import Gpu
from planner.plan.gather import gather
from planner.plan.plan import plan
from planner.search.ran import is_same
from runner.inputs.setup import profile_of
from runner.rehearse import inputs
from runner.rehearse.__main__ import case_of as read_case
from runner.rehearse.child import Ended
from runner.rehearse.rows import examples
from runner.rehearse.trials import STEPS, Trials, trials
from runner.rehearse.tune import _results, tune
from tests.planned import GIB, MACHINE, answers, few_rows
from tests.runner.rehearse.test_rehearse import GPU_MACHINE, ON_CARD, located
from tui.session.planning import counted_on

FAST = replace(GPU_MACHINE, gpus=(Gpu("NVIDIA H100 80GB HBM3", 80 * GIB, 79 * GIB, "9.0"),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_rows(tmp_path_factory.mktemp("trials"))


def _trials(folder: Path, **changes: Any) -> tuple[Trials, dict[str, Any]]:
    """Return what is compared for the demo's lock, and the model's configuration."""
    asked = answers(**changes)
    machine = FAST if "machine__device" in changes else MACHINE
    lock = plan(asked, gather(asked, folder, machine=machine))
    found = inputs.read(lock, folder / "elsewhere" / "run.lock", located(folder))
    train = found.rows.part("train") if found.rows else None
    assert train
    return trials(lock, asked, found.config, train.encoded, counted_on(lock)), found.config


@pytest.fixture(scope="module")
def on_cpu(folder: Path) -> tuple[Trials, dict[str, Any]]:
    return _trials(folder)


@pytest.fixture(scope="module")
def on_card(folder: Path) -> tuple[Trials, dict[str, Any]]:
    return _trials(folder, **ON_CARD, train__epochs=50)


def _profile(lock: TrainingLock, some: Trials) -> Any:
    longest = max(row.length for row in some.rows)
    return profile_of(lock, longest, padded=lock.train.micro_batch > 1)


def test_every_finalist_computes_the_same_rows(on_cpu: tuple[Trials, dict[str, Any]]) -> None:
    some, config = on_cpu
    cases = some.cases(config)
    assert len(cases) == 3 and len(some.steps) == STEPS
    assert len({row for step in some.steps for row in step}) == STEPS * 16, "no row is repeated"
    sizes = [sum(some.rows[row].length for row in step) for step in some.steps]
    half = len(sizes) // 2
    assert min(sizes) < min(sizes[:2]) <= max(sizes[:2]) < max(sizes)
    assert abs(sum(sizes[:half]) / sum(sizes[half:]) - 1) < 0.1
    for case in cases:
        assert case.profile.micro_batch * case.accumulation == 16
        rows = examples(case)
        assert rows == list(cases[0].rows) and len(rows) == 16 * (STEPS + 1)
        assert sum(row.length for row in rows[:16]) == max(sizes), "the largest one warms up"
        assert read_case(json.loads(json.dumps(asdict(case)))) == case


def test_the_planned_one_is_first_and_stays_as_it_is(
    on_cpu: tuple[Trials, dict[str, Any]], on_card: tuple[Trials, dict[str, Any]]
) -> None:
    for some, _ in (on_cpu, on_card):
        assert some.variant(some.plans[0]) is some.lock
        assert is_same(_profile(some.lock, some), some.plans[0])


def test_a_finalist_is_a_lock_of_its_plan(
    on_cpu: tuple[Trials, dict[str, Any]], on_card: tuple[Trials, dict[str, Any]]
) -> None:
    for some, _ in (on_cpu, on_card):
        assert len(some.plans) > 1
        for one in some.plans[1:]:
            made = some.variant(one)
            assert is_same(_profile(made, some), one)
            unexplained = made.model_dump() | {"why": {}}
            assert type(made).model_validate(unexplained).train == made.train
            assert made.prediction.peak_bytes == some.candidates.estimated(one)


def test_passes_of_the_timed_steps_have_the_sizes_of_the_run(
    on_card: tuple[Trials, dict[str, Any]],
) -> None:
    some, config = on_card
    recorded = [case for case in some.cases(config) if case.profile.graph_sizes]
    assert recorded
    for case in recorded:
        known = some.variant(case.profile).train.graph_sizes
        assert case.graph_sizes and set(case.graph_sizes) <= set(known)
        assert len(case.graph_sizes) <= STEPS


def test_a_small_file_fills_a_step(folder: Path, on_cpu: tuple[Trials, dict[str, Any]]) -> None:
    few = replace(on_cpu[0], rows=on_cpu[0].rows[:5])
    assert [len(step) for step in few.steps] == [16]


def test_results_are_taken_from_the_lines_until_the_end() -> None:
    said: list[dict[str, Any]] = [{"at": 1}, {"at": 1, "step_seconds": [2.0]}, {"at": 0}]
    timed = {"step_seconds": [2.0]}
    for code, overdue, why in ((-9, True, "time"), (-9, False, "memory"), (-11, False, "failed")):
        found = _results(Ended(code, (said,), "", overdue), 3)
        assert found == [{"untimed": why}, timed, {"untimed": "time"}]


def test_what_no_time_is_left_for_is_named(on_cpu: tuple[Trials, dict[str, Any]]) -> None:
    some, config = on_cpu
    found = tune(some, config, limit_seconds=0.2)
    assert [one.untimed for one in found.tuned.finalists] == ["time"] * 3
    assert found.tuned.steps == 0 and not found.log
    assert some.fastest(found.tuned) == some.plans[0]
