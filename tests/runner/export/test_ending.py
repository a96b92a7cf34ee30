"""Where the answers of an exported folder end: every file that a program may read says the same."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from runner.demo import files
from runner.export.clean import with_tokenizer
from runner.export.ending import Ending

BASE = Path(files.__file__).parent / "base"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    shutil.copyfile(BASE / "config.json", tmp_path / "out" / "config.json")
    return tmp_path / "out"


def _read(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return values


def _change(path: Path, **values: object) -> None:
    content = _read(path) | values if path.exists() else values
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(kept), "utf-8")


def test_the_generation_settings_are_the_base_s_with_the_ends(base: Path, out: Path) -> None:
    with_tokenizer(out, base, None, Ending((2,)))
    same = (out / "generation_config.json").read_bytes()
    assert same == (base / "generation_config.json").read_bytes()
    with_tokenizer(out, base, None, Ending((2, 7)))
    assert _read(out / "generation_config.json") == json.loads(same) | {"eos_token_id": [2, 7]}
    (base / "generation_config.json").unlink()
    (out / "generation_config.json").unlink()
    with_tokenizer(out, base, None, Ending((7,)))
    assert _read(out / "generation_config.json") == {"eos_token_id": 7}


@pytest.mark.parametrize("form", ["<|pad|>", {"content": "<|pad|>", "lstrip": False}])
def test_every_file_names_the_taught_token(base: Path, out: Path, form: object) -> None:
    _change(base / "tokenizer_config.json", eos_token=form)
    _change(base / "special_tokens_map.json", eos_token=form)
    with_tokenizer(out, base, None, Ending((0, 2), "<|im_end|>"))
    assert _read(out / "config.json")["eos_token_id"] == [0, 2]
    assert _read(out / "generation_config.json")["eos_token_id"] == [0, 2]
    wanted = {**form, "content": "<|im_end|>"} if isinstance(form, dict) else "<|im_end|>"
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        assert _read(out / name)["eos_token"] == wanted
    assert _read(out / "tokenizer_config.json")["pad_token"] == "<|pad|>"


def test_a_template_that_prints_eos_token_renders_as_in_training(base: Path, out: Path) -> None:
    _change(base / "tokenizer_config.json", eos_token="<|pad|>")
    path = base / "chat_template.jinja"
    path.write_text(path.read_text("utf-8") + "{{ eos_token }}", "utf-8")
    with_tokenizer(out, base, None, Ending((0, 2), "<|im_end|>"))
    assert _read(out / "tokenizer_config.json")["eos_token"] == "<|pad|>"
    assert _read(out / "generation_config.json")["eos_token_id"] == [0, 2]


def test_without_a_taught_token_the_tokenizer_stays_as_it_was(base: Path, out: Path) -> None:
    with_tokenizer(out, base, None, Ending((0, 2)))
    assert (out / "tokenizer_config.json").read_bytes() == (
        base / "tokenizer_config.json"
    ).read_bytes()


def test_the_model_s_part_of_a_multimodal_configuration_ends_there_too(
    base: Path, out: Path
) -> None:
    _change(out / "config.json", text_config={"eos_token_id": 0, "hidden_size": 8})
    with_tokenizer(out, base, None, Ending((2,)))
    assert _read(out / "config.json")["text_config"] == {"eos_token_id": 2, "hidden_size": 8}


def test_every_file_of_the_tokenizer_is_kept(base: Path, out: Path) -> None:
    for name in ("special_tokens_map.json", "chat_template.json", "merges.txt", "tokenizer.model"):
        (base / name).write_text("{}", "utf-8")
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tool_use.jinja").write_text("tools", "utf-8")
    with_tokenizer(out, base, None, Ending((2,)))
    kept = {path.relative_to(base) for path in base.rglob("*") if path.is_file()}
    kept -= {Path("config.json"), Path("model.safetensors")}
    assert {path.relative_to(out) for path in out.rglob("*") if path.is_file()} >= kept


def test_a_template_of_the_lock_replaces_all_others(base: Path, out: Path) -> None:
    _change(base / "tokenizer_config.json", chat_template="earlier one")
    _change(base / "chat_template.json", chat_template="earlier one")
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tool_use.jinja").write_text("earlier one", "utf-8")
    with_tokenizer(out, base, "new", Ending((2,)))
    assert (out / "chat_template.jinja").read_text("utf-8") == "new"
    assert "earlier one" not in "".join(
        path.read_text("utf-8") for path in out.rglob("*") if path.suffix in (".json", ".jinja")
    )
