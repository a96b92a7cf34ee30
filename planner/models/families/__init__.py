"""The supported decoder families, each described in one place.

Read from `transformers/models/<family>/modeling_<family>.py` and its configuration class. The
defaults are that class's own where published `config.json` files leave a field out.
"""

from collections.abc import Mapping
from importlib import import_module

from planner.models.families.wrappers import WRAPPERS
from planner.models.shapes.family import Family

_FILES = (
    "bloom", "cohere", "deepseek", "deepseek_v4", "dots", "ernie", "falcon", "falcon_h1",
    "gemma", "gemma3n", "gemma4", "glm", "glm5_next", "gpt", "gpt_oss", "granite",
    "granite_hybrid", "hunyuan", "laguna", "lfm2", "llama", "llama4", "minimax", "mistral",
    "nemotron_h", "olmo", "opt", "phi", "qwen", "qwen3_5", "starcoder2",
)  # fmt: skip
"""The files of this folder that have families."""


def _families(file: str) -> Mapping[str, Family]:
    found: Mapping[str, Family] = import_module(f"{__name__}.{file}").FAMILIES
    return found


FAMILIES: Mapping[str, Family] = dict(
    sorted(row for file in _FILES for row in _families(file).items())
)
"""Every supported family, by `model_type`."""

TEXT_FAMILIES: Mapping[str, str] = {
    name: wrapper.decoder for name, wrapper in WRAPPERS.items() if wrapper.decoder
}
"""The decoder's family for multimodal models and for other names of a family."""
