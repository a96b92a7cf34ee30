"""Merges an adapter into its base: a standalone model folder."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from lockfiles.lock import Method
from runner.export.clean import NO_ENDING, with_tokenizer
from runner.export.ending import Ending
from runner.training.adapter import adapted
from runner.training.loading import HERE, SAFE


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    method: Method,
    template: str | None = None,
    ending: Ending = NO_ENDING,
) -> Path:
    """Write the merged model to `out`, in the base's own dtype, and return that folder.

    The base is always loaded in 32 bits: a model loaded in 4 bits would stay 4-bit after merging.
    The sum is rounded once. Source: PEFT's `merge_and_unload`.
    """
    dtype = AutoConfig.from_pretrained(base, **HERE).dtype or torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="eager", **SAFE
    )
    merged = adapted(model, adapter, method).merge_and_unload(safe_merge=True)
    merged.to(dtype).save_pretrained(out)
    with_tokenizer(out, base, template, ending)
    return out
