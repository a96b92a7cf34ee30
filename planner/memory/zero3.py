"""The memory of ZeRO's stage 3 on one card.

Counted from DeepSpeed 0.19.8 (`deepspeed/runtime/zero/stage3.py`,
`partitioned_param_coordinator.py`). Weights are gathered layer by layer. The coordinator gathers
ahead until `PlannedEngine.live` elements are there, and gathers what a module needs in any case.
"""

from planner.memory.shares import Held, Moment, Shares, Sizes, merged, pinned
from planner.memory.zero import MASTER_BYTES, NORM_BYTES
from planner.setup.setup import Profile

STATE_BUFFERS = 4
"""Buffers of the optimizer for NVMe (`buffer_count` of `offload_optimizer`)."""
WEIGHT_BUFFERS, WEIGHT_BUFFER = 5, 100_000_000
"""Buffers of weights for NVMe, and their elements (`buffer_count`, `buffer_size`)."""
_MOVED = ("weights", "reference weights", "adapter")


def shared(sizes: Sizes, profile: Profile, held: Held) -> Shares:
    """Return the memory of one card."""
    n, own = profile.ranks, profile.width * sizes.trained // profile.ranks
    resident = held | {
        "optimizer states": MASTER_BYTES * sizes.trained // n,
        "gradients": own,  # `grad_partitions_flat_buffer`, kept between steps
        "communication buckets": profile.width * profile.bucket,  # one of each type, kept
    }
    resident |= {what: held[what] // n for what in _MOVED}
    resident["adapter"] += profile.width * sizes.small * (profile.method != "full")
    moments = _moments(sizes, profile)
    if profile.offload == "none":
        moments |= {"step": _step(sizes, profile)}
        return Shares(resident, moments, loading=own)  # `defragment` gathers its part there
    offloaded = resident | {"optimizer states": 0, "gradients": 0}
    if profile.offload in ("all", "nvme"):
        offloaded |= dict.fromkeys(_MOVED, 0)
    if profile.offload == "nvme":
        return Shares(offloaded, moments, _buffers(sizes, profile), _stored(sizes, profile, held))
    return Shares(offloaded, moments, _host(sizes, profile, resident))


def live(sizes: Sizes, profile: Profile) -> int:
    """Return the elements that are gathered at once in a forward pass."""
    wanted = profile.engine.live + profile.engine.prefetched
    if sizes.experts:  # gathered together, then split into tensors (`AllGatherCoalescedHandle`)
        wanted = max(wanted, 2 * sizes.experts)
    return min(sizes.parameters, wanted)


def _moments(sizes: Sizes, profile: Profile) -> dict[Moment, Held]:
    """Return what a card holds besides at each point.

    The loss head gathers its weight by itself, and releases it before the gradient of it is cast
    (`_ChunkedLogProbFunction`). Near the end of the backward pass, the embedding is gathered ahead.
    """
    table = profile.width * sizes.table
    gathered = int(sizes.width * live(sizes, profile))
    full = profile.method == "full"
    head = table if sizes.scored and not full else 0
    ahead = min(table, int(sizes.width * sizes.parameters) - gathered)
    ending = {"scratch": table if full else 0}  # the embedding's gradient
    cast = 4 * sizes.longest // profile.ranks * (profile.offload != "none")
    inside = {"gathered weights": gathered}
    return {
        "start": inside,
        "layer": inside,
        "head": {"gathered weights": gathered + head},
        "last": inside,
        "first": merged({"gathered weights": gathered + ahead}, ending),
        "end": {"gathered weights": gathered + ahead, "scratch": cast},
        "evaluation": {"gathered weights": gathered + head},
    }


def _step(sizes: Sizes, profile: Profile) -> Held:
    """Return what a step needs besides: a group of the part's gradients in one tensor, and in
    float32 (`_prepare_fp32_grad_for_sub_group`), or the norm of the largest of them."""
    own = sizes.trained // profile.ranks
    group = min(own, profile.engine.group + sizes.inner // profile.ranks)
    norm = NORM_BYTES * sizes.longest // profile.ranks
    return {"scratch": max((profile.width + 4) * group, norm)}


def _host(sizes: Sizes, profile: Profile, resident: Held) -> int:
    """Return the bytes of main memory: gradients, and those in float32 by groups, pinned; AdamW's
    states and a float32 copy; and with `all` the weights, pinned."""
    own = sizes.trained // profile.ranks
    group = max(1, min(own, profile.engine.group))
    found = pinned(profile.width * own) + MASTER_BYTES * own
    found += own // group * pinned(4 * group) + pinned(4 * (own % group))
    if profile.offload == "all":
        found += pinned(sum(resident[what] for what in _MOVED))
    return found


def _buffers(sizes: Sizes, profile: Profile) -> int:
    """Return the bytes of main memory with NVMe: gradients, buffers of a group's float32 copy,
    gradients and states, and buffers of weights, all pinned (`offload_config.py`)."""
    own = sizes.trained // profile.ranks
    group = min(own, profile.engine.group + sizes.inner // profile.ranks)
    weights = WEIGHT_BUFFERS * pinned(profile.width * WEIGHT_BUFFER)
    return pinned(profile.width * own) + STATE_BUFFERS * pinned(4 * group) + weights


def _stored(sizes: Sizes, profile: Profile, held: Held) -> int:
    """Return the bytes on an SSD: float32 copy, gradients and states, and the weights."""
    own = (MASTER_BYTES + 4) * sizes.trained // profile.ranks
    return own + sum(held[what] for what in _MOVED) // profile.ranks
