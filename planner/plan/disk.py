"""The disk space of a run's folder."""

from collections.abc import Sequence

from planner.models.facts import ModelFacts

_KEPT_CHECKPOINTS = 3
"""Two are kept, and a third exists while it is written."""
_GGUF_BITS = {"f16": 16.0, "q8_0": 8.5, "q4_k_m": 4.9}
"""Bits per weight of each level; for q4_k_m, the mean over its tensors, rounded up."""
_STORED_BYTES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}


def disk_bytes(
    model: ModelFacts, *, trained_bytes: int, merges: bool, levels: Sequence[str]
) -> int:
    """Return the bytes of checkpoints, the merged model and every export together.

    `trained_bytes` is the size of the trained weights: a checkpoint holds them and two optimizer
    states of the same size. A q4_k_m file is made from an f16 file, which needs space meanwhile.
    """
    checkpoints = _KEPT_CHECKPOINTS * 3 * trained_bytes + trained_bytes
    merged = model.parameters * _STORED_BYTES.get(model.dtype, 2) if merges else 0
    bits = sum(_GGUF_BITS[level] for level in levels)
    scratch = _GGUF_BITS["f16"] if "q4_k_m" in levels else 0.0
    return checkpoints + merged + round(model.parameters * (bits + scratch) / 8)
