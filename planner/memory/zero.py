"""The memory of ZeRO's stages 1 and 2 on one card.

Counted from `deepspeed/runtime/zero/stage_1_and_2.py` of DeepSpeed 0.19.8, whose functions are
named below. Each card updates a part of the trained parameters, in float32.
"""

from planner.memory.shares import Held, Moment, Shares, Sizes, merged, pinned
from planner.setup.setup import Profile

MASTER_BYTES = 12
"""Bytes per trained parameter: a float32 copy and AdamW's two states."""
NORM_BYTES = 8
"""Bytes per element of a gradient whose norm is computed (`get_norm_dtype`: float64)."""


def shared(sizes: Sizes, profile: Profile, held: Held) -> Shares:
    """Return the memory of one card."""
    states = MASTER_BYTES * sizes.trained // profile.ranks
    resident = held | {"optimizer states": states, "gradients": 0}
    moments = _moments(sizes, profile)
    if profile.offload == "none":
        return Shares(resident, moments)
    buffer = profile.width * sizes.longest  # `temp_grad_buffer_for_gpu_offload`
    resident |= {"optimizer states": 0, "communication buckets": buffer}
    return Shares(resident, moments, _host(sizes, profile))


def _moments(sizes: Sizes, profile: Profile) -> dict[Moment, Held]:
    """Return what a card holds besides at each point.

    Stage 1 reduces in the last micro-batch: if there are several, it keeps all gradients until
    then, and its bucket waits (`setup_buckets`). Gradients are freed once they are in the bucket.
    Stage 2 reduces those of each micro-batch: its part is kept (`all_grad_tensors`), and that of
    the next is another tensor (`grads_in_partition`), from the first full bucket on. The gradients
    of embedding and head, if both are one tensor, are added up in a third one.
    """
    n, offloads = profile.ranks, profile.offload != "none"
    bucket = {"communication buckets": profile.width * profile.bucket * (1 + profile.overlaps)}
    own = {"gradients": 0 if offloads else profile.width * sizes.trained // n}
    summed = own if profile.accumulates else {}
    between, last = summed, merged(summed, bucket)
    if profile.engine.zero_stage == 1 and profile.accumulates:
        between = last = merged({"gradients": profile.width * sizes.trained}, bucket)
        summed = {}
    elif _first_bucket(sizes) > profile.bucket:
        last = merged(last, own)
    whole = profile.width * sizes.table * (profile.method == "full") * (1 + sizes.tied)
    end = merged(merged(summed, own), bucket)
    norm = {"scratch": NORM_BYTES * min(sizes.longest, sizes.trained // n)}
    return {
        "start": between,
        "layer": between,
        "head": between,
        "last": last,
        "first": merged(end, {"scratch": whole}),
        "end": merged(end, norm if offloads else {}),
        "step": {} if offloads else _step(sizes, profile, norm["scratch"]),
    }


def _first_bucket(sizes: Sizes) -> int:
    """Return the elements whose gradients exist when the last layer's do."""
    if sizes.trained < sizes.parameters // 2:
        return 0
    return sizes.layer + sizes.table * (not sizes.tied)


def _step(sizes: Sizes, profile: Profile, norm: int) -> Held:
    """Return what a step needs besides: the part's gradients, the same in one tensor, and in
    float32 (`step`); or, before that, the norm of the largest of them."""
    own = profile.width * sizes.trained // profile.ranks
    in_float = 4 * sizes.trained // profile.ranks
    return {"gradients": own, "scratch": max(own + in_float, norm)}


def _host(sizes: Sizes, profile: Profile) -> int:
    """Return the bytes of main memory: float32 copy and gradients, the updated weights and a
    buffer, pinned; AdamW's states; and with several micro-batches their summed gradients."""
    own = sizes.trained // profile.ranks
    found = 2 * pinned(4 * own) + pinned(profile.width * own) + 8 * own
    found += pinned(profile.width * sizes.longest)
    return found + (sizes.pinned_gradients // profile.ranks if profile.accumulates else 0)
