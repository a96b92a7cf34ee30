"""Keeps the times of a run on a processor, from which later plans estimate theirs."""

from collections.abc import Sequence
from dataclasses import replace

from lockfiles.lock import TrainingLock
from planner.data.tokens.example import Example
from planner.machines.facts import TimedStep
from planner.machines.probes import kept
from planner.speed.duration import Schedule, evaluation_tokens, tokens_of_steps
from planner.speed.setups import setup_sha256
from runner.inputs.setup import model_of, profile_of
from runner.training.clock import Times, mean

DIGITS = 4
"""Significant digits of the seconds that are kept, as in a lock."""


def keep_times_of_run(
    lock: TrainingLock, rows: Sequence[Example], validation: Sequence[Example], times: Times
) -> None:
    """Keep the times of a run on these rows; nothing for a run on a GPU.

    The mean step is over all steps that this process made, so that few or uneven ones count with
    their own tokens.
    """
    if lock.machine.kind != "cpu" or not times.steps:
        return
    lengths = [row.length for row in rows]
    profile = profile_of(lock, max(lengths), padded=lock.train.micro_batch > 1)
    schedule = Schedule(
        lengths=lengths,
        held_out=[row.length for row in validation],
        seed=lock.train.seed,
        epochs=lock.train.epochs,
        accumulation=lock.train.accumulation,
        evaluate_steps=lock.train.evaluate_steps,
    )
    made = [
        tokens
        for number, tokens in enumerate(tokens_of_steps(profile, schedule), 1)
        if number in times.steps
    ]
    evaluation, evaluated = mean(times.evaluations), evaluation_tokens(profile, schedule)
    keep_step(
        lock,
        TimedStep(
            "",
            mean(list(times.steps.values())),
            round(mean([float(tokens) for tokens in made])),
            "run",
            evaluation if evaluated else 0.0,
            evaluated if evaluation else 0,
            mean(times.saves),
        ),
    )


def keep_step(lock: TrainingLock, step: TimedStep) -> None:
    """Keep a step that was measured on the processor for the setup of a lock."""
    if lock.machine.kind != "cpu" or step.seconds <= 0 or step.tokens <= 0:
        return
    profile = profile_of(lock, 1, padded=False)
    own = setup_sha256(model_of(lock), profile, lock.exactness.threads)
    kept.keep_step(
        replace(
            step,
            setup_sha256=own,
            seconds=_rounded(step.seconds),
            evaluation_seconds=_rounded(step.evaluation_seconds),
            save_seconds=_rounded(step.save_seconds),
        )
    )


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.{DIGITS}g}")
