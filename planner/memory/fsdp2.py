"""The memory of FSDP2 on one card.

Counted from torch's `fully_shard` (`torch/distributed/fsdp/_fully_shard/_fsdp_param_group.py`,
`_fsdp_collectives.py`), with the units of accelerate's `fsdp2_prepare_model`: each layer, the
embedding, and the head with the final norm, which stays gathered after the forward pass. Trained
weights are float32, and are gathered in bfloat16.
"""

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
    if profile.offload == "none":
        return Shares(resident, _moments(sizes, profile, gradients))
    host = sum((resident | gradients)[what] for what in _MOVED)
    return Shares(resident | dict.fromkeys(_MOVED, 0), _moments(sizes, profile, {}), host)


def _moments(sizes: Sizes, profile: Profile, gradients: Held) -> dict[Moment, Held]:
    """Return what a card holds besides at each point.

    A unit is gathered into one buffer and then copied into its parameters. In a forward pass the
    buffer is kept until the next unit is copied; in a backward pass the next layer's buffer is
    gathered ahead. Gradients of a layer are copied once more to be reduced.
    """
    full, table = profile.method == "full", profile.width * sizes.table
    layer, n = int(sizes.width * sizes.layer), profile.ranks
    tail = table * (sizes.tied and sizes.scored)
    between = gradients if profile.accumulates else {}
    cast = table // n if full else 0
    head = table * sizes.scored if full else table * sizes.scored + layer
    made = {"gathered gradients": 2 * layer if full else 0}
    reduced = {"gathered gradients": (2 * table + (profile.width + 4) * sizes.table // n) * full}
    return {
        "start": merged(between, {"gathered weights": 2 * table + cast}),
        "layer": merged(between, {"gathered weights": 2 * layer + tail}),
        "head": merged(between, {"gathered weights": head}),
        "last": merged(gradients, {"gathered weights": 2 * layer + tail} | made),
        "first": merged(gradients, {"gathered weights": layer} | reduced),
        "step": gradients,
        "evaluation": {"gathered weights": max(2 * layer + tail, head)},
    }
