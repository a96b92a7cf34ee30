"""Multimodal models around a decoder, whose other parts stay frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Wrapper:
    """A `model_type` whose decoder is one of another family."""

    decoder: str
    """The family of its decoder where its `text_config` does not name another."""
    alone: bool = False
    """Whether it is only the name of the decoder within a wrapper."""
    bare: bool = False
    """Whether the tensors of its decoder may be named like those of a plain model."""
    needs: str = ""
    """A package that transformers needs to load its other parts and training does not install;
    such a model is not trained."""
    tied: Literal["", "either", "default"] = ""
    """Whether the head is tied: by the wrapper's own field; `either` by that or the decoder's;
    `default` also where the field is missing."""


WRAPPERS: Mapping[str, Wrapper] = {
    "aya_vision": Wrapper("cohere2", tied="default"),
    "gemma3": Wrapper("gemma3_text", tied="default"),
    "idefics3": Wrapper("llama"),
    "internvl": Wrapper("qwen2", tied="default"),
    "llava": Wrapper("llama", tied="either"),
    "llava_next": Wrapper("llama"),
    "llava_onevision": Wrapper("qwen2", tied="either"),
    "kimi_k2": Wrapper("deepseek_v3", alone=True),
    "kimi_k25": Wrapper("deepseek_v3", tied="default"),
    "llama4": Wrapper("llama4_text"),
    "lfm2_vl": Wrapper("lfm2", tied="default"),
    "gemma3n": Wrapper("gemma3n_text", needs="timm", tied="default"),
    "gemma4": Wrapper("gemma4_text", tied="default"),
    "gemma4_unified": Wrapper("gemma4_unified_text", tied="default"),
    "glm5_next": Wrapper("glm5_next_text"),
    "glm5_next_text": Wrapper("glm5_next_text", alone=True),
    "mistral3": Wrapper("mistral", tied="default"),
    "qwen2_5_vl": Wrapper("qwen2", bare=True, tied="either"),
    "qwen2_5_vl_text": Wrapper("qwen2", alone=True),
    "qwen2_vl": Wrapper("qwen2", bare=True, tied="either"),
    "qwen2_vl_text": Wrapper("qwen2", alone=True),
    "qwen3_5": Wrapper("qwen3_5_text"),
    "qwen3_5_moe": Wrapper("qwen3_5_moe_text"),
    "qwen3_vl": Wrapper("qwen3"),
    "qwen3_vl_moe": Wrapper("qwen3_moe"),
    "qwen3_vl_moe_text": Wrapper("qwen3_moe", alone=True),
    "qwen3_vl_text": Wrapper("qwen3", alone=True),
    "smolvlm": Wrapper("llama"),
}
"""Every known wrapper, by `model_type`."""
