"""Multimodal models around a decoder, whose other parts stay frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Wrapper:
    """A `model_type` whose decoder is one of another family."""

    decoder: str
    """The family of its decoder."""
    alone: bool = False
    """Whether it is only the name of the decoder within a wrapper."""
    bare: bool = False
    """Whether the tensors of its decoder may be named like those of a plain model."""
    tied: Literal["", "either", "default"] = ""
    """Whether the head is tied: by the wrapper's own field; `either` by that or the decoder's;
    `default` also where the field is missing."""


WRAPPERS: Mapping[str, Wrapper] = {
    "gemma3": Wrapper("gemma3_text", tied="default"),
    "mistral3": Wrapper("mistral", tied="default"),
    "qwen2_5_vl": Wrapper("qwen2", bare=True, tied="either"),
    "qwen2_5_vl_text": Wrapper("qwen2", alone=True),
    "qwen2_vl": Wrapper("qwen2", bare=True, tied="either"),
    "qwen2_vl_text": Wrapper("qwen2", alone=True),
    "qwen3_vl": Wrapper("qwen3"),
    "qwen3_vl_moe": Wrapper("qwen3_moe"),
    "qwen3_vl_moe_text": Wrapper("qwen3_moe", alone=True),
    "qwen3_vl_text": Wrapper("qwen3", alone=True),
}
"""Every known wrapper, by `model_type`."""
