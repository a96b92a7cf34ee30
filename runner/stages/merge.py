"""An adapter merged into its base: a model folder that stands on its own."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "generation_config.json",
)
"""Taken from the base as they are: saving a tokenizer again can lose some of them."""


def merge(
    base: Path,
    adapter: Path,
    out: Path,
    template: Path | None = None,
    end_ids: Sequence[int] = (),
) -> Path:
    """Write the merged model to `out`, in the base's own dtype, and return that folder.

    The base is loaded in 32 bits whatever the training used, since merging into a 4-bit model
    stays 4-bit; the sum is rounded once. Source: PEFT's `merge_and_unload`.
    """
    dtype = AutoConfig.from_pretrained(base).dtype or torch.float32
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload(safe_merge=True)
    merged.to(dtype).save_pretrained(out)
    complete(out, base, template, end_ids)
    return out


def complete(folder: Path, base: Path, template: Path | None, end_ids: Sequence[int] = ()) -> None:
    """Add the tokenizer of the base to a folder of weights, and the run's own chat template.

    `end_ids` are the tokens that end an answer: a base model that was taught to chat would go
    on after its answer where `generation_config.json` names only the base's own.
    """
    for name in _TOKENIZER_FILES:
        if (base / name).exists():
            shutil.copyfile(base / name, folder / name)
    if template is not None:
        shutil.copyfile(template, folder / "chat_template.jinja")
    if end_ids:
        _end_at(folder / "generation_config.json", end_ids)


def _end_at(path: Path, end_ids: Sequence[int]) -> None:
    values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    ends = end_ids[0] if len(end_ids) == 1 else list(end_ids)
    if values.get("eos_token_id") != ends:
        text = json.dumps(values | {"eos_token_id": ends}, indent=2) + "\n"
        path.write_text(text, encoding="utf-8")
