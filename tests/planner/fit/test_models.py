"""The models of `fit`: by folder, by file and by name."""

import json
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.fit import models

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"


def test_a_model_is_found_by_folder_file_and_name(tmp_path: Path) -> None:
    folder, file = models.find(str(BASE)), models.find(str(BASE / "config.json"))
    assert folder == file
    assert folder.source == "file"
    known = models.find("qwen3-8b")
    assert (known.name, known.source) == ("Qwen/Qwen3-8B", "catalogue")
    assert models.find("hf:Qwen/Qwen3-8B") == known


@pytest.mark.parametrize(
    ("name", "quantized", "copy"),
    [
        ("openai/gpt-oss-20b", "MXFP4", "unsloth/gpt-oss-20b-BF16"),
        ("deepseek-ai/DeepSeek-R1", "FP8", ""),
        ("unsloth/gpt-oss-20b-BF16", "", ""),
        ("Qwen/Qwen3-8B", "", ""),
    ],
)
def test_a_known_model_says_how_its_weights_are_stored(
    name: str, quantized: str, copy: str
) -> None:
    found = models.find(name)
    assert (found.quantized, found.unquantized) == (quantized, copy)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("qwen3-8bb", "the nearest known model is `Qwen/Qwen3-8B`"),
        ("./nowhere", "`./nowhere` does not exist"),
        ("a/b/c", "`a/b/c` does not exist"),
        ("none.json", "`none.json` does not exist"),
        ("zzzzzzzzzz", "nor a known model; of which family it is, its name does not say."),
        ("Kimi-K3", "by its name, it is of the family `kimi_k3`, which Tunelock does not support"),
        ("Qwen3-8B-SQL", "of the family `qwen3`, which Tunelock supports, and of the series and"),
        ("Qwen3-8B-SQL", "and size of `Qwen/Qwen3-8B`."),
        ("Qwen3-9B", "by its name, it is of the family `qwen3`, which Tunelock supports."),
        (str(BASE / "model.safetensors"), "is not a `config.json`"),
        ("x" * 5000, "is neither a folder nor a known model; of which"),
    ],
)
def test_an_unknown_model_is_a_sentence(name: str, told: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        models.find(name)
    assert told in caught.value.message
    assert caught.value.hint


def test_a_config_without_a_field_names_it(tmp_path: Path) -> None:
    config = json.loads((BASE / "config.json").read_text("utf-8"))
    del config["hidden_size"]
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(UsageProblem, match="has no field `hidden_size`"):
        models.find(str(tmp_path))
