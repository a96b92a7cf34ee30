"""Cards that the catalogue lacks: no other card is offered that is another thing."""

import json
from pathlib import Path

import pytest

from tests.cases.command import tunelock

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
    "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16", "hidden_act": "silu",
}  # fmt: skip


# llmfit PR 102.
@pytest.mark.parametrize(("card", "other"), [
    ("NVIDIA A10M", "A10"),
    ("NVIDIA GeForce RTX 4090 48GB", "RTX 4090"),
    ("RTX A500 Laptop", "RTX A5000"),
    ("NVIDIA GeForce RTX 4080 Max-Q", "RTX 4080"),
    ("Quadro RTX 5000 Mobile", "RTX 5000"),
])  # fmt: skip
def test_another_card_is_not_offered(tmp_path: Path, card: str, other: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    said = tunelock(tmp_path, "fit", "config.json", "--gpu", card)
    assert said.code == 2, said.text
    assert f"--gpu '{other}'" not in said.err and f"--gpu {other}" not in said.err, said.err
    assert "--memory" in said.err, said.err
