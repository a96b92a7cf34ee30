"""The adapter of a lock, as PEFT takes it."""

import re
from pathlib import Path

from peft import LoraConfig, PeftModel, TaskType
from transformers import PreTrainedModel

from lockfiles.lock import Method


def lora(
    method: Method, model: PreTrainedModel | None = None, *, scalar: bool = False
) -> LoraConfig | None:
    """Return the adapter of a lock, as PEFT takes it; None for full weights.

    Where `model` wraps a decoder for other inputs too, nothing outside the decoder is adapted.
    `scalar` says that it ends in one output, which is trained whole.
    """
    if method.kind == "full":
        return None
    return LoraConfig(
        task_type=TaskType.SEQ_CLS if scalar else TaskType.CAUSAL_LM,
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=list(method.targets),
        exclude_modules=_beside_decoder(model) if model else None,
        bias=method.bias,
    )


def adapted(model: PreTrainedModel, folder: Path, method: Method) -> PeftModel:
    """Return a base model with the adapter whose tensors are in a folder.

    The adapter's form is the lock's: no configuration beside the tensors is read.
    """
    found: PeftModel = PeftModel.from_pretrained(model, folder, config=lora(method, model))
    return found


def _beside_decoder(model: PreTrainedModel) -> str | None:
    """Return what matches the modules outside a wrapped decoder; None where it is not wrapped."""
    if model.config.get_text_config() is model.config:
        return None
    decoder = model.get_decoder()
    name = next(name for name, module in model.named_modules() if module is decoder)
    return rf"(?!{re.escape(name)}\.).*"
