"""A GGUF file has every tensor that the model's configuration describes, or is not written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")
pytest.importorskip("llama_cpp")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from lockfiles.errors import RunFailed, UsageProblem  # noqa: E402
from runner.export.gguf import convert as converting  # noqa: E402
from runner.export.gguf import native  # noqa: E402
from runner.export.gguf.convert import convert, write_packed  # noqa: E402
from tests.runner.export.gguf.random_models import build  # noqa: E402

TOKENS = torch.randint(4, 300, (1, 120), generator=torch.Generator().manual_seed(3))
UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path / "model", "llama")


def _save(folder: Path, tensors: dict[str, Any]) -> None:
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _names(path: Path) -> set[str]:
    return {str(one.name) for one in gguf.GGUFReader(path).tensors}


@pytest.mark.filterwarnings("ignore")
def test_a_head_of_its_own_under_a_tie_is_written(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    embedding = tensors["model.embed_tokens.weight"]
    _save(folder, tensors | {"lm_head.weight": embedding.clone()})
    write_packed(folder, tmp_path / "same.gguf", "f32")
    assert "output.weight" not in _names(tmp_path / "same.gguf")
    noise = torch.randn(embedding.shape, generator=torch.Generator().manual_seed(1)) * 0.05
    _save(folder, tensors | {"lm_head.weight": (embedding.float() + noise).to(embedding.dtype)})
    write_packed(folder, tmp_path / "own.gguf", "f32")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        wanted = model(TOKENS).logits[0].numpy()
    rows = native.logits(tmp_path / "own.gguf", TOKENS[0].tolist(), cache="f32")
    assert float(np.abs(np.array(rows, np.float32) - wanted).max()) < 2e-4


@pytest.mark.parametrize("level", ["f16", "q4_k_m"])
def test_a_folder_that_lacks_a_tensor_is_not_written(
    folder: Path, tmp_path: Path, level: str
) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[UP]
    _save(folder, tensors)
    with pytest.raises(UsageProblem) as refused:
        convert(folder, tmp_path / "m.gguf", level)
    assert UP in refused.value.message and refused.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("vocab_size", 512, "512"), ("num_hidden_layers", 3, "model.layers.2")],
)
def test_a_configuration_of_another_model_is_refused(
    folder: Path, tmp_path: Path, key: str, value: int, said: str
) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: value}), "utf-8")
    with pytest.raises(UsageProblem, match=said):
        convert(folder, tmp_path / "m.gguf", "q8_0")


def test_a_file_that_was_written_without_a_tensor_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = converting._write_tensors
    monkeypatch.setattr(
        converting, "_write_tensors", lambda writer, planned: write(writer, planned[:-1])
    )
    with pytest.raises(RunFailed, match="is not complete: `output_norm"):
        convert(folder, tmp_path / "m.gguf", "f16")
    assert [one.name for one in tmp_path.iterdir()] == ["model"]
