"""The adapter of a lock, as PEFT takes it."""

import re
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model_state_dict
from peft.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file
from transformers import PreTrainedModel

from lockfiles.errors import RunFailed
from lockfiles.fixes import Answer
from lockfiles.lock import Method
from planner.models.architecture import architecture
from planner.models.families import FAMILIES
from planner.models.folder import CONFIG
from planner.models.layers import untrained
from runner.training.loaded import HEADS


def lora(
    method: Method, model: PreTrainedModel | None = None, *, scalar: bool = False
) -> LoraConfig | None:
    """Return the adapter of a lock, as PEFT takes it; None for full weights.

    If `model` is multimodal and wraps a decoder, only modules of the decoder are adapted.
    With `scalar` the model ends in one output, which PEFT trains fully.
    """
    if method.kind == "full":
        return None
    return LoraConfig(
        task_type=TaskType.SEQ_CLS if scalar else TaskType.CAUSAL_LM,
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=list(method.targets),
        exclude_modules=outside_decoder(model) if model else None,
        bias=method.bias,
    )


def adapted(model: PreTrainedModel, folder: Path, method: Method) -> PeftModel:
    """Return a base model with the adapter whose tensors are in a folder.

    The adapter's configuration comes from the lock: `adapter_config.json` is not read. Raises
    RunFailed if PEFT loses tensors of the adapter.
    """
    found: PeftModel = PeftModel.from_pretrained(model, folder, config=lora(method, model))
    check_adapter(found, folder)
    return found


def check_adapter(model: PeftModel, folder: Path) -> None:
    """Raise RunFailed if a model lacks tensors of the adapter in a folder.

    PEFT only warns of those that it has no place for, as where transformers renames them.
    """
    held = get_peft_model_state_dict(model)
    stored = load_file(folder / SAFETENSORS_WEIGHTS_NAME)
    lost = [name for name, one in stored.items() if not _equal(held.get(name), one)]
    if lost:
        raise RunFailed(
            f"PEFT does not load {len(lost):,} of {len(stored):,} tensors of the adapter "
            f"`{folder}`, such as `{lost[0]}`.",
            fix=Answer("method.targets", "attention"),
        )


def _equal(held: torch.Tensor | None, stored: torch.Tensor) -> bool:
    return held is not None and torch.equal(held.to(stored.device, stored.dtype), stored)


def freeze(model: PreTrainedModel | PeftModel) -> None:
    """Freeze what text does not train, and what no gradient reaches: distributed training waits for
    the gradients of all that is not frozen.

    Once more after PEFT has wrapped a model: where the lock trains `all` biases, PEFT trains every
    one in the model.
    """
    bare = model.get_base_model() if isinstance(model, PeftModel) else model
    freeze_outside_decoder(bare)
    freeze_untrained(bare)


def freeze_outside_decoder(model: PreTrainedModel) -> None:
    """Freeze what surrounds a wrapped decoder and its head, such as a vision tower."""
    if model.config.get_text_config() is model.config:
        return
    heads = (getattr(model, name, None) for name in HEADS)
    kept = {id(one) for part in (model.get_decoder(), *heads) if part for one in part.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in kept:
            parameter.requires_grad_(False)


def freeze_untrained(model: PreTrainedModel) -> None:
    """Freeze the parameters that no gradient reaches, such as those of an indexer."""
    config = model.config.get_text_config().to_dict()
    family = FAMILIES.get(config["model_type"])
    if family is None or family.blocks is None:
        return
    names = untrained(architecture(config, CONFIG))
    for name, parameter in model.named_parameters():
        if any(name.endswith(f".{one}") for one in names):
            parameter.requires_grad_(False)


def outside_decoder(model: PreTrainedModel) -> str | None:
    """Return a pattern of the modules outside a wrapped decoder; None if it is not wrapped."""
    if model.config.get_text_config() is model.config:
        return None
    decoder = model.get_decoder()
    name = next(name for name, module in model.named_modules() if module is decoder)
    return rf"(?!{re.escape(name)}\.).*"
