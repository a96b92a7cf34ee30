"""Rotary positions in a GGUF file: llama.cpp's logits against transformers'."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")

from runner.export.gguf import native  # noqa: E402
from runner.export.gguf.convert import write_packed  # noqa: E402
from tests.few import few  # noqa: E402
from tests.runner.export.gguf.random_models import network, save  # noqa: E402

TOKENS = torch.randint(4, 300, (1, 120), generator=torch.Generator().manual_seed(3))
YARN = {
    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "none": ("mistral", {"rope_type": "default", "rope_theta": 10000.0}),
    "linear": ("llama", {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}),
    "yarn": ("qwen2", YARN),
    "attention": ("qwen2", YARN | {"attention_factor": 1.5}),
    "mscale": ("llama", YARN | {"mscale": 0.7, "mscale_all_dim": 1.0}),
    "boundaries": ("llama", YARN | {"beta_fast": 16.0, "beta_slow": 2.0, "truncate": False}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", few(CASES))
def test_every_position_agrees(name: str, tmp_path: Path) -> None:
    case, rope = CASES[name]
    model = network(case, rope_parameters=rope)
    with torch.no_grad():
        wanted = model(TOKENS).logits[0].numpy()
    write_packed(save(model, tmp_path / "model", case), tmp_path / "model.gguf", "f32")
    rows = native.logits(tmp_path / "model.gguf", TOKENS[0].tolist(), cache="f32")
    difference = float(np.abs(np.array(rows, np.float32) - wanted).max())
    print(f"{name}: greatest difference {difference:.6f}")
    assert difference < 2e-4
