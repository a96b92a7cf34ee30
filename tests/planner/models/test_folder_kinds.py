"""Folders that hold something else than a causal language model to train."""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.fit.models import find
from planner.models.facts import from_folder

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
ADAPTER = {"peft_type": "LORA", "base_model_name_or_path": "maker/base", "r": 8}
FILES: dict[str, dict[str, object]] = {
    "is a LoRA adapter of `maker/base`, not a base model": {
        "adapter_config.json": ADAPTER, "adapter_model.safetensors": "x", "tokenizer.json": {},
    },
    "is an adapter, not a base model": {"adapter_config.json": "[", "tokenizer.json": {}},
    "is an AdaLoRA adapter of `maker/base`": {
        "adapter_config.json": ADAPTER | {"peft_type": "ADALORA"}, "config.json": {},
    },
    "has the weights of an adapter, but no `adapter_config.json`": {
        "adapter_model.safetensors": "x", "tokenizer.json": {},
    },
    "has no `config.json`, but a folder in it has": {
        f"snapshots/{40 * 'a'}/config.json": {}, "refs/main": 40 * "a", "blobs/x": "x",
    },
    "has GGUF files": {"model-q4_k_m.gguf": "x"},
    "has ONNX files": {"model.onnx": "x", "config.json": {}},
    "has TensorFlow weights": {"tf_model.h5": "x", "config.json": {}},
    "pickled weights can run code": {"pytorch_model-00001-of-00002.bin": "x", "config.json": {}},
    "but no `model.safetensors.index.json`": {
        "model-00001-of-00002.safetensors": "x", "config.json": {},
    },
    "has a `config.json`, but no weights": {"config.json": {}, "tokenizer.json": {}},
    "has no `config.json`, only weights": {"model.safetensors": "x"},
    "but a folder in it has": {"trainer_state.json": {}, "checkpoint-20/config.json": {}},
    "is an image or video pipeline": {"model_index.json": {}, "vae/config.json": {}},
    "is a sentence-transformers model": {
        "modules.json": {}, "config_sentence_transformers.json": {}, "config.json": {},
        "model.safetensors": "x",
    },
    "but `consolidated.safetensors`": {"consolidated.safetensors": "x", "params.json": {}},
    "it is not a model": {"README.md": "x"},
}  # fmt: skip
"""What is said of a folder, and its files."""


def filled(folder: Path, files: dict[str, object]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def refusal(folder: Path) -> UsageProblem:
    with pytest.raises(UsageProblem) as problem:
        from_folder(folder)
    assert "\n" not in problem.value.message
    assert problem.value.hint
    return problem.value


@pytest.mark.parametrize("said", FILES)
def test_something_else_is_named(said: str, tmp_path: Path) -> None:
    problem = refusal(filled(tmp_path, FILES[said]))
    assert said in problem.message
    assert str(tmp_path) in problem.message


def test_a_model_with_an_adapter_is_ambiguous(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    (folder / "adapter_config.json").write_text("{}")
    from_folder(folder)  # of no kind that a loader reads
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    assert "holds a model and a LoRA adapter of `maker/base`" in refusal(folder).message


def test_fit_names_an_adapter_too(tmp_path: Path) -> None:
    filled(tmp_path, {"adapter_config.json": ADAPTER})
    with pytest.raises(UsageProblem, match="is a LoRA adapter of `maker/base`"):
        find(str(tmp_path))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "bert", "hidden_size": 8}, "is an encoder (`bert`)"),
        ({"model_type": "t5", "is_encoder_decoder": True}, "has an encoder"),
        ({"model_type": "xlm-roberta"}, "is an encoder (`xlm-roberta`)"),
    ],
)
def test_models_with_an_encoder_are_named(
    config: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    (folder / "config.json").write_text(json.dumps(config))
    assert said in refusal(folder).message
