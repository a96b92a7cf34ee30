"""The room that a run's folder takes on disk."""

from collections.abc import Sequence

from planner.models.facts import ModelFacts

_KEPT_CHECKPOINTS = 3
"""The last two, and a third while the newest is being written."""
_GGUF_BITS = {"f16": 16.0, "q8_0": 8.5, "q4_k_m": 4.9}
"""Bits of a weight at each level; q4_k_m is the mean of its mixture, rounded up."""
_STORED_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}


def disk_bytes(
    model: ModelFacts, *, trained_bytes: int, merges: bool, levels: Sequence[str]
) -> int:
    """Return the bytes of checkpoints, the merged model and every export together.

    `trained_bytes` is the size of the trained weights: a checkpoint holds them and two values
    of the optimizer for each. A q4_k_m file is made from an f16 one that stands beside it.
    """
    checkpoints = _KEPT_CHECKPOINTS * 3 * trained_bytes + trained_bytes
    merged = model.parameters * _STORED_BYTES.get(model.dtype, 2) if merges else 0
    bits = sum(_GGUF_BITS[level] for level in levels)
    scratch = _GGUF_BITS["f16"] if "q4_k_m" in levels else 0.0
    return checkpoints + merged + round(model.parameters * (bits + scratch) / 8)
