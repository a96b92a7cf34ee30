"""Tokens per second of a run, predicted or measured."""

from lockfiles.sense_of_reasons import steps
from lockfiles.tables import TrainingTables


def tokens_per_second(lock: TrainingTables, step_seconds: float) -> float:
    """Return the tokens of the training rows, without padding, that steps of that mean time take
    per second; 0 where that time is 0, which is unknown."""
    tokens = lock.stream.tokens * lock.train.epochs
    return tokens / (steps(lock) * step_seconds) if step_seconds else 0.0
