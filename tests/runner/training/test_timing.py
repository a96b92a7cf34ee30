"""What a run keeps of its times: the plan made after it predicts what the run took."""

from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.lock import TrainingLock
from planner.data.tokens.example import completion
from planner.data.tokens.order import epoch_order
from planner.machines.probes import kept
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from runner.training.clock import Times
from runner.training.timing import keep_times_of_run
from tests.planned import MACHINE, answers, few_rows

EACH, EVALUATION, SAVE = 0.001, 2.5, 0.75


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache for each test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    """The demo's facts, with fewer rows, on a machine on which nothing was measured."""
    return gather(answers(), few_rows(tmp_path_factory.mktemp("planned")), machine=MACHINE)


def step_seconds(lock: TrainingLock, lengths: tuple[int, ...]) -> dict[int, float]:
    """Return the seconds of each step of a lock, a thousandth for each token with its padding."""
    train, found = lock.train, list[float]()
    size = train.micro_batch * train.accumulation
    for epoch in range(train.epochs):
        order = [lengths[row] for row in epoch_order(len(lengths), train.seed, epoch)]
        for first in range(0, len(order), size):
            step = order[first : first + size]
            parts = [
                step[at : at + train.micro_batch] for at in range(0, len(step), train.micro_batch)
            ]
            found.append(EACH * sum(len(part) * max(part) for part in parts))
    return dict(enumerate(found, 1))


def kept_from(lock: TrainingLock, facts: PlanFacts, times: Times) -> None:
    """Keep the times of a run of a lock on rows of these lengths."""
    rows, validation = (
        [completion((1,) * length, (1,) * length) for length in lengths]
        for lengths in (facts.stream.lengths, facts.stream.held_out)
    )
    keep_times_of_run(lock, rows, validation, times)


@pytest.mark.parametrize("effective_batch", [16, 64], ids=["many steps", "few uneven steps"])
def test_the_next_plan_predicts_what_the_run_took(facts: PlanFacts, effective_batch: int) -> None:
    asked = answers(train__effective_batch=effective_batch)
    lock = plan(asked, facts)
    steps = step_seconds(lock, facts.stream.lengths)
    stops = -(-len(steps) // lock.train.evaluate_steps)
    kept_from(lock, facts, Times(steps, [EVALUATION] * stops, [SAVE] * stops))
    found = plan(asked, replace(facts, machine=kept.with_kept(MACHINE))).prediction
    took = sum(steps.values()) + stops * (EVALUATION + SAVE)
    assert found.timed_by == "run"
    assert found.seconds == pytest.approx(took, rel=0.005)
    assert found.step_seconds == pytest.approx(sum(steps.values()) / len(steps), rel=0.005)


def test_a_resumed_run_counts_the_tokens_of_its_own_steps(facts: PlanFacts) -> None:
    asked = answers(train__effective_batch=64)
    lock = plan(asked, facts)
    steps = step_seconds(lock, facts.stream.lengths)
    last = max(steps)
    assert steps[last] < 0.7 * steps[1], "the last step has fewer rows"
    kept_from(lock, facts, Times({last: steps[last]}, [EVALUATION], [SAVE]))
    (step,) = kept.with_kept(MACHINE).timed
    assert step.seconds / step.tokens == pytest.approx(EACH, rel=0.005)


def test_what_was_not_measured_is_not_kept(facts: PlanFacts) -> None:
    lock = plan(answers(), facts)
    kept_from(lock, facts, Times())
    assert kept.with_kept(MACHINE).timed == ()
    kept_from(lock, facts, Times({1: 1.0}))
    (step,) = kept.with_kept(MACHINE).timed
    assert (step.evaluation_seconds, step.evaluation_tokens, step.save_seconds) == (0.0, 0, 0.0)
