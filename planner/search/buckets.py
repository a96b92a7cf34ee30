"""The elements that ZeRO exchanges at once: each process keeps a bucket of them on its card."""

from lockfiles import limits
from planner.memory import Sized, trained_parameters
from planner.memory.shares import largest_tensor
from planner.setup.setup import Profile

HALVES = 3
"""How often DeepSpeed's default is halved where memory is short: from 1 GB in bfloat16 to 125 MB,
of which less would save little."""


def buckets(model: Sized, plan: Profile) -> tuple[int, ...]:
    """Return the buckets that a plan may have, in elements, the largest first.

    That is DeepSpeed's default, or all gradients where there are fewer. A smaller one holds the
    largest tensor in a layer, whose gradient would otherwise be exchanged by itself.
    """
    usual = max(1, min(limits.BUCKET_ELEMENTS, trained_parameters(model, plan)))
    if usual <= limits.BUCKET_ELEMENTS >> HALVES:
        return (usual,)
    least = largest_tensor(model.architecture, plan)
    halved = (limits.BUCKET_ELEMENTS >> times for times in range(1, HALVES + 1))
    return (usual, *(size for size in halved if least <= size < usual))
