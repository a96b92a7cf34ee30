"""Models of real shapes with random weights."""

from dataclasses import replace

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

from runner.rehearse.random_model import random_model
from tests.planner.memory.test_memory import PLAN

GLM = {
    "model_type": "glm", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48,
    "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip


def test_the_padding_token_of_the_class_may_be_outside_of_the_vocabulary() -> None:
    """The tokenizers of glm-edge are smaller than that of GLM-4, whose padding is the default."""
    plan = replace(PLAN, device="cpu", dtype="float32", method="full", targets=(), rank=0)
    model = random_model(GLM, plan, 1)
    assert model.config.pad_token_id is None
    assert model.get_input_embeddings().num_embeddings == 64
