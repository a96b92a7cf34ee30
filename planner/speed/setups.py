"""The time of training on a processor, from a step of the same setup that was measured on it.

A processor has no rates in the catalogue: the time of a step depends on caches, threads and the
width of matrices by more than a factor of ten. So a step is measured, and its time is taken as
proportional to its tokens.
"""

import hashlib
import json
from collections.abc import Iterable

from planner.machines.facts import TimedStep
from planner.memory.facts import Sized
from planner.setup.setup import Profile

_FIELDS = (
    "objective", "method", "rank", "targets", "bias", "micro_batch", "checkpointing", "dtype",
    "dropout", "packing", "optimizer", "parallel", "ranks",
)  # fmt: skip
"""The fields of a setup, besides its lengths, that the time of a token depends on."""


def setup_sha256(model: Sized, profile: Profile, threads: int) -> str:
    """Return the digest of what the time of a token depends on, on one processor."""
    own = {
        "model": model.architecture.facts(),
        "parameters": model.parameters,
        "setup": {name: getattr(profile, name) for name in _FIELDS},
        "threads": threads,
    }
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()


def timed(
    steps: Iterable[TimedStep], model: Sized, profile: Profile, threads: int
) -> TimedStep | None:
    """Return the measured step of a setup; None where there is none."""
    if profile.device != "cpu":
        return None
    wanted = ("", setup_sha256(model, profile, threads))
    return next((step for step in steps if step.setup_sha256 in wanted), None)
