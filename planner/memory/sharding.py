"""How ZeRO and FSDP2 share memory over the cards: what each card holds between steps, and what it
holds besides at each point of a step.

Counted from the sources that each module names, and compared with runs on two cards
(`tests/planner/memory/test_points_ranks.py`).
"""

from planner.memory import fsdp2, zero, zero3
from planner.memory.facts import Sized
from planner.memory.shares import Held, Shares, sizes
from planner.setup.setup import Profile


def shared(model: Sized, profile: Profile, held: Held, trained: int) -> Shares:
    """Return the share of one card in `held`, which is what a model needs that is not shared.

    `trained` is the number of trained parameters.
    """
    counts = sizes(model, profile, held, trained)
    if profile.engine.shards == "fsdp2":
        return fsdp2.shared(counts, profile, held)
    if profile.engine.zero_stage == 3:
        return zero3.shared(counts, profile, held)
    return zero.shared(counts, profile, held)
