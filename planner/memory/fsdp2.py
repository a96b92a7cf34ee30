"""The memory of FSDP2 on one card.

Counted from torch's `fully_shard` (`torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py`,
`_fsdp_collectives.py`). Each layer is gathered where it computes. What is outside of layers is one
unit that stays gathered during a pass; with `PlannedEngine.ends_apart` it is two, as accelerate's
`fsdp2_prepare_model` has them: the embedding, and the head, unless they are tied. Trained weights
are float32, and are gathered in bfloat16.
"""

from dataclasses import dataclass

from planner.memory.shares import Held, Moment, Shares, Sizes, merged
from planner.setup.setup import Profile

_MOVED = ("weights", "reference weights", "adapter", "gradients", "optimizer states")


def shared(sizes: Sizes, profile: Profile, held: Held) -> Shares:
    """Return the memory of one card."""
    n, full = profile.ranks, profile.method == "full"
    resident = held | {
        "weights": (4 * sizes.trained if full else held["weights"]) // n,
        "reference weights": held["reference weights"] // n,
        "adapter": held["adapter"] // n,
        "gradients": 0,
        "optimizer states": 8 * sizes.trained // n,
    }
    gradients = {"gradients": 4 * sizes.trained // n}
    loading = held["weights"]  # each process has all of them before they are shared
    if profile.offload == "none":
        return Shares(resident, _moments(sizes, profile, gradients), loading=loading)
    host = sum((resident | gradients)[what] for what in _MOVED)
    moved = resident | dict.fromkeys(_MOVED, 0)
    return Shares(moved, _moments(sizes, profile, {}), host, loading=loading)


@dataclass(frozen=True)
class _Ends:
    """Bytes of what is gathered outside of layers."""

    largest: int
    """The largest unit."""
    inside: int
    """What stays gathered during a pass."""
    head: int
    """What is gathered at the loss head."""
    waiting: int = 0
    """Gradients that wait for the end of the backward pass, besides those of a tied head."""


def _ends(sizes: Sizes, profile: Profile) -> _Ends:
    table = profile.width * sizes.table
    if sizes.tied:
        return _Ends(table, table, table)
    if profile.engine.ends_apart:
        return _Ends(table, 0, table * sizes.scored)
    both = table * (1 + sizes.scored)
    return _Ends(both, both, both, table * sizes.scored * (profile.method == "full"))


def _moments(sizes: Sizes, profile: Profile, gradients: Held) -> dict[Moment, Held]:
    """Return what a card holds besides at each point.

    A unit is gathered into one buffer and then copied into its parameters. In a forward pass the
    buffer is kept until the next unit is copied; in a backward pass the next layer's buffer is
    gathered ahead. Gradients of a unit are copied once more to be reduced. At the loss head, the
    last layer's weights are still there, unless they are trained and on the card.
    """
    full, ends = profile.method == "full", _ends(sizes, profile)
    layer, n = int(sizes.width * sizes.layer), profile.ranks
    between = gradients if profile.accumulates else {}
    cast = ends.largest // n if full else 0
    head = ends.head if full and profile.offload == "none" else ends.head + layer
    made = {"gathered gradients": 2 * layer + ends.waiting if full else 0}
    reduced = 2 * ends.largest + (1 + 4 // profile.width) * ends.largest // n
    return {
        "start": merged(between, {"gathered weights": 2 * ends.largest + cast}),
        "layer": merged(between, {"gathered weights": 2 * layer + ends.inside}),
        "head": merged(between, {"gathered weights": head}),
        "last": merged(gradients, {"gathered weights": 2 * layer + ends.inside} | made),
        "first": merged(gradients, {"gathered weights": layer + ends.inside} | made),
        "end": merged(gradients, {"gathered gradients": reduced if full else 0}),
        "step": gradients,
        "evaluation": {"gathered weights": max(2 * layer + ends.inside, head)},
    }
