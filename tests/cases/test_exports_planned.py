"""GGUF files that cannot be written: refused by `plan`, before anything is trained."""

import json
from pathlib import Path

import pytest

from tests.cases import models, seen
from tests.cases.command import tunelock
from tests.cases.conftest import Model
from tests.cases.exported import OUT, exported
from tests.cases.models import Change
from tests.cases.planned import RESULTS, planned


def tokenizer(**values: object) -> Change:
    """Return the change of keys of `tokenizer.json`."""
    return models.edit("tokenizer.json", **values)


def rope(**values: object) -> Change:
    """Return the change of the rope, in the form before transformers 5."""
    return models.config("rope_parameters", rope_theta=10000.0, rope_scaling=values)


def sentencepiece(folder: Path) -> None:
    """Make the tokenizer one like SentencePiece's: no splitting, spaces as a mark, bytes as tokens.

    As those of Llama 2 and TinyLlama.
    """
    path = folder / "tokenizer.json"
    found = json.loads(path.read_text("utf-8"))
    found["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    ]}  # fmt: skip
    found["pre_tokenizer"] = None
    found["decoder"] = {"type": "ByteFallback"}
    found["model"] |= {"byte_fallback": True, "unk_token": "<|pad|>", "fuse_unk": True}
    path.write_text(json.dumps(found, ensure_ascii=False), "utf-8")


SPLIT = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": r"\p{L}{1,4}|."}, "behavior": "Isolated",
         "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ],
}  # fmt: skip


PREFIXED = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


# unsloth 275, llama.cpp 19152; llama.cpp 9927, 8649 and 22700 (splitting); settings that
# llama.cpp's Llama has no field for.
LATE: dict[str, tuple[Change, str]] = {
    "sentencepiece": (sentencepiece, "SentencePiece"),
    "rope-dynamic": (rope(type="dynamic", factor=2.0), "dynamic"),
    "splitting": (tokenizer(pre_tokenizer=SPLIT), "split"),
    "prefix-space": (tokenizer(pre_tokenizer=PREFIXED), "split"),
    "lowercase": (tokenizer(normalizer={"type": "Lowercase"}), "Lowercase"),
    "activation": (models.config(hidden_act="gelu"), "hidden_act"),
    "partial-rope": (
        models.config(rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                                       "partial_rotary_factor": 0.5}),
        "partial_rotary_factor",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LATE)
@pytest.mark.parametrize("level", ["q8_0", "f16"])
def test_an_export_that_would_fail_is_refused_by_the_plan(
    tmp_path: Path, model: Model, name: str, level: str
) -> None:
    change, named = LATE[name]
    said = planned(tmp_path, model(f"late-{name}", change), level)
    assert not (tmp_path / seen.LOCK).exists(), "a lock was written"
    assert said.code == 2 and named.lower() in said.err.lower(), said.err
    assert "gguf" in said.err.lower(), said.err


@pytest.mark.parametrize("name", LATE)
def test_the_export_refuses_the_same(tmp_path: Path, model: Model, name: str) -> None:
    change, named = LATE[name]
    said = exported(tmp_path, model(f"late-{name}", change))
    assert said.code == 2 and named.lower() in said.err.lower(), said.err
    assert not (tmp_path / OUT).exists()


def test_a_model_that_is_not_trained_on_is_refused_too(tmp_path: Path, model: Model) -> None:
    """A plan that exports alone, without rows."""
    place = model("late-sentencepiece", sentencepiece)
    text = f'[goal]\nname = "export"\n\n[model]\nsource = "{place}"\n{RESULTS.format("f16")}'
    (tmp_path / "run.toml").write_text(text, "utf-8")
    said = tunelock(tmp_path, "plan", "run.toml")
    assert said.code == 2 and "SentencePiece" in said.err, said.err
    assert not (tmp_path / seen.LOCK).exists()
