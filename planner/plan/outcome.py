"""What the accuracy of a finished run means, and which answers to change where it is poor.

Epochs, rank and number of examples are those that the fine-tuning guide recommends
(`planner.questions`).
"""

from collections.abc import Iterator

from lockfiles import fixes
from lockfiles.fixes import Advice, Answer, Fix
from lockfiles.lock import TrainingLock
from lockfiles.measured import answers_right
from lockfiles.receipt import Evaluation
from planner.interview.decision import ENOUGH_EXAMPLES

POOR = 0.7
"""A lower accuracy is poor."""
_USUAL_EPOCHS, _USUAL_RANK = 5, 64
_LONG_TOKENS = 32
"""From this mean length of a scored answer on, an equal answer is unlikely, however good."""


def sentences(lock: TrainingLock, evaluation: Evaluation) -> list[str]:
    """Return what the accuracy is and, where it is poor, how to improve it; nothing without one."""
    base, tuned = evaluation.base, evaluation.tuned
    if not tuned:
        return []
    before = base.accuracy if base else None
    said = [f"{answers_right(tuned.accuracy, before, tuned.rows, evaluation.learnt_rows)}."]
    if tuned.accuracy >= POOR:
        return said
    if lock.stream.scored_tokens >= _LONG_TOKENS * lock.stream.rows:
        return [
            *said,
            "An answer is correct only if it equals the expected one; for long answers, compare "
            "the losses and read the samples.",
        ]
    found = tuple(changes(lock))
    how = f" To improve it: {fixes.text(found)}; then plan and run again." if found else ""
    return [*said, f"This is low: {_than(tuned.accuracy, before)}.{how}"]


def _than(accuracy: float, before: float | None) -> str:
    if before is not None and accuracy <= before:
        return "training did not improve the answers"
    return "many answers are still wrong"


def changes(lock: TrainingLock) -> Iterator[Fix]:
    """Yield the changes that usually help a model that has learned too little."""
    if lock.train.epochs < _USUAL_EPOCHS:
        yield Answer("train.epochs", _USUAL_EPOCHS)
    rank = lock.method.rank
    if lock.method.kind != "full" and rank < _USUAL_RANK:
        yield Answer("method.rank", min(_USUAL_RANK, 2 * rank))
    if lock.stream.rows < ENOUGH_EXAMPLES:
        yield Advice(f"train on more rows: {ENOUGH_EXAMPLES} or more are recommended")
