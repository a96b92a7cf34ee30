"""An adapter merged into its base: a model folder that stands on its own."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lockfiles.lock import Method
from runner.export.clean import complete
from runner.training.adapter import adapted
from runner.training.loading import HERE, SAFE


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    method: Method,
    template: str | None = None,
    end_ids: Sequence[int] = (),
) -> Path:
    """Write the merged model to `out`, in the base's own dtype, and return that folder.

    The base is loaded in 32 bits whatever the training used, since merging into a 4-bit model
    stays 4-bit; the sum is rounded once. Source: PEFT's `merge_and_unload`.
    """
    dtype = AutoConfig.from_pretrained(base, **HERE).dtype or torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="eager", **SAFE
    )
    merged = adapted(model, adapter, method).merge_and_unload(safe_merge=True)
    merged.to(dtype).save_pretrained(out)
    complete(out, base, template, end_ids)
    return out
