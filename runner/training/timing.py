"""Keeps the time of a run's steps on a processor, from which later plans estimate theirs."""

from collections.abc import Sequence

from lockfiles.lock import TrainingLock
from planner.data.tokens.example import Example
from planner.machines.facts import TimedStep
from planner.machines.probes import kept
from planner.speed.duration import Schedule, step_tokens
from planner.speed.setups import setup_sha256
from runner.inputs.setup import model_of, profile_of

DIGITS = 4
"""Significant digits of the seconds that are kept, as in a lock."""


def keep_step_of_run(lock: TrainingLock, rows: Sequence[Example], step_seconds: float) -> None:
    """Keep the median seconds of the steps of a run on `rows`; nothing for a run on a GPU."""
    if lock.machine.kind != "cpu":
        return
    lengths = [row.length for row in rows][:: lock.parallel.processes]
    profile = profile_of(lock, max(lengths), padded=lock.train.micro_batch > 1)
    schedule = Schedule(
        lengths=lengths,
        held_out=(),
        seed=lock.train.seed,
        epochs=lock.train.epochs,
        accumulation=lock.train.accumulation,
        evaluate_steps=lock.train.evaluate_steps,
    )
    keep_step(lock, TimedStep("", step_seconds, round(step_tokens(profile, schedule)), "run"))


def keep_step(lock: TrainingLock, step: TimedStep) -> None:
    """Keep a step that was measured on the processor for the setup of a lock."""
    if lock.machine.kind != "cpu" or step.seconds <= 0 or step.tokens <= 0:
        return
    profile = profile_of(lock, 1, padded=False)
    own = setup_sha256(model_of(lock), profile, lock.exactness.threads)
    seconds = float(f"{step.seconds:.{DIGITS}g}")
    kept.keep_step(TimedStep(own, seconds, step.tokens, step.by))
