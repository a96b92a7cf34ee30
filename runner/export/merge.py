"""Merges an adapter into its base: a standalone model folder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig

from lockfiles.lock import Method
from runner.export.clean import complete
from runner.training.adapter import adapted
from runner.training.loading import HERE, load_checked


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    method: Method,
    template: str | None = None,
    end_ids: Sequence[int] = (),
) -> Path:
    """Write the merged model to `out`, in the base's own dtype, and return that folder.

    The base is always loaded in 32 bits: a model loaded in 4 bits would stay 4-bit after merging.
    The sum is rounded once. Source: PEFT's `merge_and_unload`.
    """
    dtype = AutoConfig.from_pretrained(base, **HERE).dtype or torch.float32
    model = load_checked(base, dtype=torch.float32, attn_implementation="eager")
    merged = adapted(model, adapter, method).merge_and_unload(safe_merge=True)
    merged.to(dtype).save_pretrained(out)
    complete(out, base, template, end_ids)
    return out
