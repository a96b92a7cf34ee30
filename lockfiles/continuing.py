"""Whether a training can continue from a checkpoint of the run of another lock.

It can if both locks make the same steps of the same rows. How a step is laid out, computed and
spread over processes may differ.
"""

from lockfiles.compare import Difference, consequence, differences
from lockfiles.lock import TrainingLock

LAYOUT = (
    "exactness", "packages", "parallel", "stream.packing", "stream.passes_sha256",
    "train.accumulation", "train.attention", "train.graph_sizes", "train.kernels",
    "train.micro_batch", "train.most_passes", "train.optimizer", "train.pass_tokens",
)  # fmt: skip
"""The tables and keys that may differ, of those that change the weights: by rounding only."""
EXACT = "exactness.exact"
EFFECTIVE_BATCH = "train.effective_batch"
"""The rows of a step as a key of `run.toml`; in a lock they follow from three values."""


def obstacle(before: TrainingLock, now: TrainingLock) -> Difference | None:
    """Return the first difference for which `now` cannot continue what `before` began; None if it
    can.

    `exactness.exact` is one if `now` has it: exact bits are promised for one run.
    """
    if now.exactness.exact:
        return Difference(EXACT, before.exactness.exact, True, "changes weights")
    for one in differences(before, now):
        if one.consequence == "changes weights" and not _is_layout(one.field):
            return one
    rows = step_rows(before), step_rows(now)
    if rows[0] != rows[1]:
        return Difference(EFFECTIVE_BATCH, *rows, consequence("train"))
    return None


def step_rows(lock: TrainingLock) -> int:
    """Return the rows of an optimizer step, those of all processes."""
    return lock.train.micro_batch * lock.train.accumulation * lock.parallel.processes


def _is_layout(field: str) -> bool:
    return any(field == one or field.startswith(f"{one}.") for one in LAYOUT)
