"""The memory of passes that are recorded as CUDA graphs (`runner/training/graphs.py`), in bytes.

All recordings share a pool, which is as large as the greatest pass needs and is not given back: the
loss head, which is not recorded, comes on top of it. Each recording reads and writes tensors of its
own: ids and positions of its tokens, hidden states and their gradient.
"""

from planner.memory.loss_head import loss_head
from planner.models.facts import Architecture
from planner.setup.setup import Profile


def besides_pool(shape: Architecture, profile: Profile) -> dict[str, int]:
    """Return what exists besides the pool, by component; nothing if no pass is recorded.

    Each size is counted as the greatest one.
    """
    if not profile.graph_sizes:
        return {}
    return {
        "loss head": loss_head(shape, profile),
        "recorded passes": profile.graph_sizes * _each(shape, profile),
    }


def unrehearsed(shape: Architecture, profile: Profile) -> int:
    """Return what the recordings need that a rehearsal does not make: all but one."""
    return max(0, profile.graph_sizes - 1) * _each(shape, profile.in_passes())


def _each(shape: Architecture, profile: Profile) -> int:
    """Return what one recording reads and writes."""
    return (2 * 8 + 2 * profile.width * shape.hidden) * profile.tokens
