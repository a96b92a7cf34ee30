"""Model facts of the folder that the repository ships, and of broken copies of it."""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.models import Architecture, architecture, from_folder

BASE = Path(__file__).parents[2] / "runner" / "demo" / "base"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def test_facts_of_the_shipped_base() -> None:
    facts = from_folder(BASE)
    assert facts.architecture == Architecture(
        family="llama", hidden=256, layers=3, heads=8, kv_heads=2, head_dim=32,
        intermediate=512, vocabulary=1024, tied=True, context=256,
        qk_norm=False, bias=False,
    )  # fmt: skip
    assert facts.parameters == 1_935_104
    assert facts.dtype == "BF16"
    assert (facts.revision, facts.commit, facts.licence, facts.gated) == ("", "", "", False)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= {f.name for f in facts.files}


@pytest.mark.parametrize(
    ("change", "qk_norm", "bias"),
    [
        ({"model_type": "qwen3"}, True, False),
        ({"model_type": "gemma3_text"}, True, False),
        ({"model_type": "qwen2"}, False, True),
        ({"attention_bias": True}, False, True),
    ],
)
def test_norms_and_biases_of_families(change: dict[str, object], qk_norm: bool, bias: bool) -> None:
    config = json.loads((BASE / "config.json").read_text()) | change
    shape = architecture(config, "config.json")
    assert (shape.qk_norm, shape.bias) == (qk_norm, bias)


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\n", "apache-2.0"),
        ('---\r\nlicense: "mit"\r\n---\r\n', "mit"),
        ("---\nlanguage: en\n---\nlicense: mit\n", ""),
        ("license: mit\n", ""),
    ],
)
def test_the_licence_is_read_from_the_model_card(copy: Path, card: str, licence: str) -> None:
    (copy / "README.md").write_bytes(card.encode())
    assert from_folder(copy).licence == licence


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden_size", None, "has no field `hidden_size`"),
        ("hidden_size", "wide", "`hidden_size` in"),
        ("vocab_size", 0, "is not a whole number above 0"),
        ("num_attention_heads", True, "is not a whole number above 0"),
        ("model_type", 3, "is not a text"),
    ],
)
def test_a_wrong_field_is_named(copy: Path, field: str, value: object, message: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {field: value}))
    with pytest.raises(UsageProblem) as caught:
        from_folder(copy)
    assert message in caught.value.message


def test_a_missing_folder_and_missing_weights(copy: Path) -> None:
    with pytest.raises(UsageProblem, match="does not exist"):
        from_folder(copy / "nowhere")
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UsageProblem, match="holds no") as caught:
        from_folder(copy)
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_a_broken_config_is_one_sentence(copy: Path, content: str) -> None:
    (copy / "config.json").write_text(content)
    with pytest.raises(UsageProblem, match="is not"):
        from_folder(copy)


def test_torn_weights_are_refused(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UsageProblem, match="torn"):
        from_folder(copy)
