"""The memory of ZeRO's stage 3 on one card.

Counted from DeepSpeed 0.19.8 (`deepspeed/runtime/zero/stage3.py`,
`partitioned_param_coordinator.py`). The runner has it gather layers of up to `PlannedEngine.whole`
elements at once, into one buffer that is then split into tensors (`AllGatherCoalescedHandle`), and
the modules of larger ones by themselves, and all if the weights are in main memory.

The coordinator keeps what the next `PlannedEngine.live` elements use again: at the end of a forward
pass the last layers. It looks only at modules that it gathers. If these are layers, there is none
with weights of its own between the embedding and its backward pass: the embedding stays, too.
"""

from planner.memory.shares import Held, Moment, Shares, Sizes, at_once, merged, pinned
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


def _moments(sizes: Sizes, profile: Profile) -> dict[Moment, Held]:
    """Return what a card holds besides at each point.

    Near the end of the backward pass, there is the embedding's gradient.
    """
    cast = {"scratch": 4 * sizes.longest // profile.ranks * (profile.offload != "none")}
    ending = {"scratch": profile.width * sizes.table * (profile.method == "full")}
    found = _by_layer if at_once(sizes.layer, profile) else _by_module
    passing, head, last, first = found(sizes, profile)
    return {
        "start": passing,
        "layer": passing,
        "head": head,
        "last": last,
        "first": merged(first, ending),
        "end": merged(first, cast),
        "evaluation": head,
    }


def _by_layer(sizes: Sizes, profile: Profile) -> tuple[Held, Held, Held, Held]:
    """Return what is gathered in a layer's forward pass, at the loss head, and in the backward pass
    of the last and of the first layer. Gradients of a layer are reduced once all are there."""
    layer, table = sizes.layer, sizes.table
    kept = table + -(-profile.engine.live // layer) * layer
    passing = _gathered(sizes, table + 2 * layer + profile.engine.prefetched)
    head = _gathered(sizes, kept + table * (sizes.scored and not sizes.tied))
    made = {"scratch": profile.width * layer * (profile.method == "full")}
    return passing, head, merged(_gathered(sizes, kept), made), merged(passing, made)


def _by_module(sizes: Sizes, profile: Profile) -> tuple[Held, Held, Held, Held]:
    """Return the same if modules are gathered by themselves.

    The loss head gathers its weight by itself, and releases it before the gradient of it is cast
    (`_ChunkedLogProbFunction`). Near the end of the backward pass, the embedding is gathered ahead.
    """
    ahead = 2 if profile.offload in ("all", "nvme") else 1  # copies from main memory come late
    wanted = profile.engine.live + ahead * profile.engine.prefetched
    if sizes.experts:  # gathered together, then split into tensors
        wanted = max(wanted, 2 * sizes.experts)
    passing = _gathered(sizes, wanted)
    table = {"gathered weights": profile.width * sizes.table}
    scored = sizes.scored and profile.method != "full"
    return passing, merged(passing, table if scored else {}), passing, merged(passing, table)


def _gathered(sizes: Sizes, elements: int) -> Held:
    return {"gathered weights": int(sizes.width * min(elements, sizes.parameters))}


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
