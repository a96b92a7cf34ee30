"""Plans for a CPU: what the process, the rows and the time were taken from."""

from dataclasses import replace
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles.errors import UsageProblem
from planner.machines.facts import MachineFacts, TimedStep
from planner.memory.resident import PROCESS_BYTES, ROW_TOKEN_BYTES
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.speed.setups import setup_sha256
from runner.inputs.setup import LEAST_PROCESS_BYTES, model_of, profile_of
from tests.planned import MACHINE, answers, few_rows
from tui.session.planning import counted_on

SECONDS, TOKENS = 0.5, 1000


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    """The demo's facts, with fewer rows, on a machine on which nothing was measured."""
    return gather(answers(), few_rows(tmp_path_factory.mktemp("planned")), machine=MACHINE)


def timed(facts: PlanFacts, **changes: Any) -> MachineFacts:
    """Return the machine after a run of the plan with these answers."""
    lock = plan(answers(**changes), facts)
    setup = profile_of(lock, 1, padded=False)
    own = setup_sha256(model_of(lock), setup, lock.exactness.threads)
    return replace(MACHINE, timed=(TimedStep(own, SECONDS, TOKENS, "run"),))


def test_without_measurements_a_typical_process_is_assumed(facts: PlanFacts) -> None:
    found = plan(answers(), facts).prediction
    assert (found.process_origin, found.components["process"]) == ("assumed", PROCESS_BYTES)
    assert found.components["rows"] == ROW_TOKEN_BYTES * facts.stream.tokens
    assert (found.seconds, found.timed_by, found.timed_tokens) == (0.0, "", 0)


def test_a_measured_process_takes_its_place(facts: PlanFacts) -> None:
    machine = replace(MACHINE, process_bytes=700_000_000)
    before, after = (
        plan(answers(), replace(facts, machine=one)).prediction for one in (MACHINE, machine)
    )
    assert (after.process_origin, after.components["process"]) == ("measured", 700_000_000)
    assert after.peak_bytes - before.peak_bytes == 700_000_000 - PROCESS_BYTES


def test_the_time_follows_from_a_measured_step_of_the_setup(facts: PlanFacts) -> None:
    machine = timed(facts)
    made = plan(answers(), replace(facts, machine=machine))
    found, each = made.prediction, SECONDS / TOKENS
    assert (found.timed_by, found.timed_seconds, found.timed_tokens) == ("run", SECONDS, TOKENS)
    steps = -(-facts.stream.rows // 16) * made.train.epochs
    padded = max(facts.stream.lengths) * 16 * steps
    assert sum(facts.stream.lengths) * each < found.seconds < 1.5 * padded * each
    assert found.step_seconds == pytest.approx(found.seconds / steps, rel=0.2)
    assert "A run measured 0.5 s for a step of 1,000 tokens" in made.why["prediction.seconds"]


@pytest.mark.parametrize(
    "changes",
    [
        {"train__learning_rate": 1e-5},
        {"train__effective_batch": 32, "method__micro_batch": 16},
    ],
)
def test_the_time_is_known_where_a_token_takes_as_long(
    changes: dict[str, Any], facts: PlanFacts
) -> None:
    found = plan(answers(**changes), replace(facts, machine=timed(facts)))
    assert found.prediction.timed_by == "run"


@pytest.mark.parametrize(
    "changes",
    [
        {"method__kind": "full"},
        {"method__rank": 4},
        {"method__micro_batch": 4},
        {"method__checkpointing": "on"},
        {"method__targets": "attention"},
        {"method__dropout": 0.3},
    ],
)
def test_the_time_of_another_setup_is_not_known(changes: dict[str, Any], facts: PlanFacts) -> None:
    found = plan(answers(**changes), replace(facts, machine=timed(facts))).prediction
    assert (found.seconds, found.timed_by) == (0.0, "")


def with_parts(machine: MachineFacts, **parts: Any) -> MachineFacts:
    """Return a machine whose measured step has these fields too."""
    return replace(machine, timed=tuple(replace(step, **parts) for step in machine.timed))


PARTS = {"evaluation_seconds": 3.0, "evaluation_tokens": 500, "save_seconds": 1.25}


def test_measured_evaluations_and_checkpoints_are_added(facts: PlanFacts) -> None:
    machine = timed(facts)
    before, after = (
        plan(answers(), replace(facts, machine=one))
        for one in (with_parts(machine, save_seconds=1.25), with_parts(machine, **PARTS))
    )
    none = plan(answers(), replace(facts, machine=machine)).prediction
    steps = -(-facts.stream.rows // 16) * after.train.epochs
    stops = -(-steps // after.train.evaluate_steps)
    assert before.prediction.seconds == pytest.approx(none.seconds + 1.25 * stops, rel=1e-3)
    training = none.step_seconds * steps
    held_out = facts.stream.held_out
    batches = [held_out[first : first + 16] for first in range(0, len(held_out), 16)]
    evaluation = 3.0 / 500 * sum(len(rows) * max(rows) for rows in batches)
    expected = training + stops * (evaluation + 1.25)
    assert after.prediction.seconds == pytest.approx(expected, rel=1e-2)
    assert (
        "3 s for an evaluation of 500 tokens, 1.2 s for a checkpoint on this processor"
        in (after.why["prediction.seconds"])
    )


def test_a_lock_is_planned_again_from_its_own_measurements(facts: PlanFacts) -> None:
    measured = replace(timed(facts), process_bytes=700_000_000)
    for machine in (MACHINE, measured, with_parts(measured, **PARTS)):
        made = plan(answers(), replace(facts, machine=machine))
        assert locks.parse(locks.write(made)) == made
        assert plan(answers(), replace(facts, machine=counted_on(made))) == made


def test_a_lock_for_a_card_has_none_of_it(facts: PlanFacts) -> None:
    made = plan(answers(), replace(facts, machine=timed(facts)))
    text = locks.write(made)
    assert 'timed_by = "run"' in text
    nothing = locks.write(plan(answers(), facts))
    assert "timed_" not in nothing
    for wrong in ('timed_by = "hope"', "timed_seconds = 0.0"):
        key = wrong.partition(" ")[0]
        line = next(one for one in text.splitlines() if one.startswith(f"{key} "))
        with pytest.raises(UsageProblem):
            locks.parse(text.replace(line, wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        "timed_evaluation_seconds = 3.0",
        "timed_evaluation_tokens = 500",
        "timed_save_seconds = -1.0",
        "timed_save_seconds = inf",
    ],
)
def test_parts_of_a_time_that_cannot_be_are_refused(facts: PlanFacts, wrong: str) -> None:
    text = locks.write(plan(answers(), replace(facts, machine=timed(facts))))
    key = wrong.partition(" ")[0]
    with pytest.raises(UsageProblem, match=key.replace("seconds", "(seconds|tokens)")):
        locks.parse(text.replace("timed_tokens = ", f"{wrong}\ntimed_tokens = "))


def test_a_lock_cannot_make_its_process_small(facts: PlanFacts) -> None:
    made = plan(answers(), replace(facts, machine=replace(MACHINE, process_bytes=1000)))
    assert made.prediction.components["process"] == 1000
    assert profile_of(made, 66, padded=True).process_bytes == LEAST_PROCESS_BYTES
