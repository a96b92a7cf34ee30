"""The layers that LoRA adapts in a family that the closed form does not know."""

import re
from typing import Any

from runner.trace.depths import decoder_of, stack

_REFUSED = frozenset(["conv1d", "out_proj"])
"""Layers that PEFT does not adapt in some families with Mamba layers
(`_check_lora_target_modules_mamba` in `peft/tuners/tuners_utils.py`)."""
_LINEAR = frozenset(["Conv1D", "Linear", "Linear4bit", "Linear8bitLt"])
"""The classes of torch, transformers and bitsandbytes that LoRA replaces; a family's own subclass
may compute something else."""
_WITH_MAMBA = frozenset(["falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h"])


def every_linear(model: Any) -> list[str]:
    """Return the ends of the names of all linear layers that PEFT can adapt in a decoder's layers.

    The head is none of them, nor is what surrounds the decoder of a multimodal model. Fused experts
    are not linear layers.
    """
    inside = {id(module) for module in stack(model).modules()}
    named = {
        name: type(module).__name__ in _LINEAR and id(module) in inside
        for name, module in decoder_of(model).named_modules()
    }
    ends = dict.fromkeys(_end(name) for name, fits in named.items() if fits)
    return [end for end in ends if end not in _taken(model) and _only_linear(end, named)]


def _end(name: str) -> str:
    """Return the last part of a dotted name, with the parts before it if it is a number."""
    found = re.search(r"[^.]*(\.\d+)*$", name)
    assert found
    return found[0]


def _only_linear(end: str, named: dict[str, bool]) -> bool:
    """Whether PEFT, which compares ends of names, finds nothing else by this one."""
    return all(fits for name, fits in named.items() if name == end or name.endswith(f".{end}"))


def _taken(model: Any) -> frozenset[str]:
    """Return the names that PEFT refuses in a family or takes for its fused experts."""
    from peft.utils import transformers_weight_conversion as peft

    family = model.config.model_type
    pattern = peft._MODEL_TO_CONVERSION_PATTERN.get(family)
    experts = frozenset(peft._MOE_TARGET_MODULE_MAPPING.get(pattern, ()))
    return experts | (_REFUSED if family in _WITH_MAMBA else frozenset())
