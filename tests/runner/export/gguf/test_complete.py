"""A GGUF file has every tensor that the model's configuration describes, or is not written."""

import json
import shutil
from collections.abc import Callable
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
from tests.runner.export.gguf.random_models import MODELS, build  # noqa: E402

TOKENS = torch.randint(4, 300, (1, 120), generator=torch.Generator().manual_seed(3))
TIED = [name for name, (_, config, _) in MODELS.items() if config["tie_word_embeddings"]]
UP = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build(tmp_path / "model", "llama")


def _save(folder: Path, tensors: dict[str, Any]) -> None:
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _contents(path: Path) -> dict[str, bytes]:
    return {str(one.name): one.data.tobytes() for one in gguf.GGUFReader(path).tensors}


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


def _without_body(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("model."): one for name, one in tensors.items()}


def _with_tables(tensors: dict[str, Any]) -> dict[str, Any]:
    mask = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    return tensors | {
        "model.position_ids": torch.arange(8)[None],
        "model.rotary_emb.inv_freq": torch.ones(32),
        "model.layers.0.self_attn.bias": mask,
    }


def _head_within_body(tensors: dict[str, Any]) -> dict[str, Any]:
    return tensors | {"model.lm_head.weight": tensors["model.embed_tokens.weight"] * 1.5}


def _head_instead(tensors: dict[str, Any]) -> dict[str, Any]:
    return {n.replace("model.embed_tokens", "lm_head"): one for n, one in tensors.items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("family", "change"),
    [
        *((family, change) for family in MODELS for change in (_without_body, _with_tables)),
        *((family, change) for family in TIED for change in (_head_within_body, _head_instead)),
    ],
)
def test_a_folder_that_transformers_loads_becomes_the_same_file(
    tmp_path: Path, family: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    folder = build(tmp_path / "model", family)
    _save(folder, change(load_file(folder / "model.safetensors")))
    model, told = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True
    )
    assert not told["missing_keys"]
    write_packed(folder, tmp_path / "other.gguf", "f16")
    again = tmp_path / "again"
    model.save_pretrained(again)
    for path in folder.iterdir():
        if not (again / path.name).exists():
            shutil.copy(path, again)
    write_packed(again, tmp_path / "same.gguf", "f16")
    assert _contents(tmp_path / "other.gguf") == _contents(tmp_path / "same.gguf")


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


def test_shards_with_the_same_tensor_are_refused_by_its_name(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = {name: f"model-0000{1 + (name == UP)}-of-00002.safetensors" for name in tensors}
    for file in set(names.values()):
        held = {name: tensors[name] for name in tensors if names[name] == file or name == UP}
        save_file(held, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    with pytest.raises(UsageProblem, match=f"another file of the weights both contain `{UP}`"):
        convert(folder, tmp_path / "m.gguf", "f16")


def test_a_quantized_folder_is_refused_as_one_for_an_export(folder: Path, tmp_path: Path) -> None:
    path = folder / "config.json"
    quantized = json.loads(path.read_text("utf-8")) | {
        "quantization_config": {"quant_method": "fp8"}
    }
    path.write_text(json.dumps(quantized), "utf-8")
    with pytest.raises(UsageProblem, match=r"quantized \(FP8\).*nor a GGUF export can load"):
        convert(folder, tmp_path / "m.gguf", "f16")
