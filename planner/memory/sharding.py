"""How ZeRO and FSDP2 share out what stands among the cards.

Counted from the source of DeepSpeed (`runtime/zero/stage_1_and_2.py`, `stage3.py`) and of
accelerate's FSDP2 (`utils/fsdp_utils.py`); no run over several cards was measured.
"""

from functools import cache

from planner.memory.facts import Sized
from planner.models import layers
from planner.models.facts import Architecture
from planner.setup.setup import Profile

PREFETCHED = 50_000_000
"""Elements that ZeRO-3 gathers ahead (`stage3_prefetch_bucket_size`)."""
MASTER_BYTES = 12
"""Of a trained parameter under ZeRO: float32 copy and two states."""


def shared(
    model: Sized, profile: Profile, held: dict[str, int], elements: int
) -> tuple[dict[str, int], int]:
    """Return what one card holds of `held`, and what its process keeps in main memory.

    `elements` are the trained parameters.
    """
    if profile.engine.shards == "fsdp2":
        return _fsdp2(model, profile, held, elements)
    n, stage = profile.ranks, profile.engine.zero_stage
    states = MASTER_BYTES * elements // n
    split = held | {
        "optimizer states": states,
        "gradients": held["gradients"] // (1 if stage == 1 else n),
        "communication buckets": 2 * profile.bucket * (2 if profile.overlaps else 1),
    }
    if stage == 3:
        split |= {key: held[key] // n for key in ("weights", "reference weights", "adapter")}
        gathered = _largest(model.architecture) + PREFETCHED
        split["gathered weights"] = profile.width * min(gathered, model.parameters)
    return _offloaded(profile, split, states, third=stage == 3)


def _offloaded(
    profile: Profile, held: dict[str, int], states: int, *, third: bool
) -> tuple[dict[str, int], int]:
    """Move states and gradients, and with `all` ZeRO-3's weights, to main memory."""
    if profile.offload == "none":
        return held, 0
    moved = ["optimizer states", "gradients"]
    if profile.offload == "all" and third:
        moved += ["weights", "reference weights", "adapter"]
    host = sum(held[key] for key in moved)
    return held | dict.fromkeys(moved, 0), host + states // 3


def _fsdp2(
    model: Sized, profile: Profile, held: dict[str, int], elements: int
) -> tuple[dict[str, int], int]:
    """Trained parameters are float32 shards; two layers, and the root's tables, are gathered."""
    n, shape, full = profile.ranks, model.architecture, profile.method == "full"
    frozen = 0 if full else held["weights"]
    split = held | {
        "weights": (4 * elements if full else frozen) // n,
        "reference weights": held["reference weights"] // n,
        "adapter": held["adapter"] // n,
        "gradients": 4 * elements // n,
        "optimizer states": 8 * elements // n,
        "gathered weights": profile.width * (2 * _layer(shape) + _tables(shape)),
        "gathered gradients": profile.width * (_layer(shape) + _tables(shape)) if full else 0,
    }
    if profile.offload == "none":
        return split, 0
    moved = ("weights", "reference weights", "adapter", "gradients", "optimizer states")
    return split | dict.fromkeys(moved, 0), sum(split[key] for key in moved)


@cache
def _layer(shape: Architecture) -> int:
    """Elements of the largest layer."""
    return max(block.linear_elements + block.experts for block in layers.blocks(shape))


def _tables(shape: Architecture) -> int:
    """Elements of embedding and head."""
    return shape.vocabulary * shape.hidden * (1 if shape.tied else 2)


def _largest(shape: Architecture) -> int:
    """Elements of the largest layer or table."""
    return max(_layer(shape), shape.vocabulary * shape.hidden)
