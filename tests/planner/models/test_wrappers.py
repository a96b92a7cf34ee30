"""Decoders within a multimodal model, whose table holds only what differs from its class."""

from typing import Any

import pytest

from planner.models.architecture import architecture
from planner.models.families import FAMILIES

NESTED = [name for name, kind in FAMILIES.items() if kind.nested]
LLAVA = {
    "model_type": "llava",
    "text_config": {
        "model_type": "llama", "vocab_size": 32064, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5,
    },
}  # fmt: skip
"""The fields that `llava-hf/llava-1.5-7b-hf` states of its decoder."""


@pytest.mark.parametrize("family", NESTED)
def test_what_a_table_leaves_out_is_the_default_of_its_class(family: str) -> None:
    from transformers import CONFIG_MAPPING

    usual = CONFIG_MAPPING[family]()
    for field, value in FAMILIES[family].nested.items():
        assert getattr(usual, field) == value, field


def test_a_decoder_with_few_fields_has_the_shape_of_its_class() -> None:
    from transformers import CONFIG_MAPPING

    made: Any = CONFIG_MAPPING["llava"](**LLAVA).text_config
    found = architecture(LLAVA, "config.json")
    assert (found.family, found.hidden, found.layers) == ("llama", 4096, 32)
    assert (found.intermediate, found.vocabulary) == (made.intermediate_size, 32064)
    assert found.kv_heads == made.num_key_value_heads
    assert found.context == made.max_position_embeddings
    assert not found.tied
