"""End tokens and chat templates of a GGUF file, from the files of a model folder."""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.gguf.check import check
from runner.demo import files

BASE = Path(files.__file__).parent / "base"
PAD, START, END = 0, 1, 2


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


def _change(path: Path, **values: object) -> None:
    content = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept = {key: value for key, value in (content | values).items() if value is not None}
    path.write_text(json.dumps(kept), "utf-8")


def _ends(base: Path) -> dict[str, int]:
    ids = check(base).special.ids
    return {name: ids[name] for name in ("eos", "eot", "eom") if name in ids}


def test_the_end_of_the_tokenizer_is_named_first(base: Path) -> None:
    assert _ends(base) == {"eos": END}
    _change(base / "generation_config.json", eos_token_id=[PAD, 5, END])
    assert _ends(base) == {"eos": END, "eot": PAD, "eom": 5}


def test_an_end_that_llama_cpp_knows_by_its_text_takes_no_place(base: Path) -> None:
    _change(base / "tokenizer_config.json", eos_token="<|pad|>")
    _change(base / "generation_config.json", eos_token_id=[PAD, END, 5, 6])
    assert _ends(base) == {"eos": PAD, "eot": 5, "eom": 6}


def test_more_ends_than_a_file_can_name_are_refused(base: Path) -> None:
    _change(base / "generation_config.json", eos_token_id=[PAD, 5, 6, 7])
    with pytest.raises(UsageProblem, match="ends answers at 5 tokens") as refused:
        check(base)
    assert "eos_token_id" in refused.value.hint


def test_without_a_named_end_the_configuration_s_counts(base: Path) -> None:
    _change(base / "tokenizer_config.json", eos_token=None)
    _change(base / "config.json", eos_token_id=5)
    _change(base / "generation_config.json", eos_token_id=[5, 9999])
    assert _ends(base) == {"eos": 5}


def test_the_map_of_special_tokens_counts_as_in_training(base: Path) -> None:
    _change(base / "tokenizer_config.json", eos_token=None, pad_token=None)
    _change(base / "special_tokens_map.json", eos_token={"content": "<|im_end|>"})
    for name in ("config.json", "generation_config.json"):
        _change(base / name, eos_token_id=None)
    assert _ends(base) == {"eos": END}


def test_a_file_of_a_template_comes_before_the_tokenizer_s_own(base: Path) -> None:
    text = (base / "chat_template.jinja").read_text("utf-8")
    _change(base / "tokenizer_config.json", chat_template="older")
    assert check(base).special.templates == text
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tool_use.jinja").write_text("tools", "utf-8")
    assert check(base).special.templates == [
        {"name": "default", "template": text}, {"name": "tool_use", "template": "tools"},
    ]  # fmt: skip


@pytest.mark.parametrize("flag", [True, False])
def test_tokens_are_added_around_a_text_as_the_tokenizer_s_files_say(
    base: Path, flag: bool
) -> None:
    assert check(base).special.adds == {"bos": False, "eos": False}
    _change(base / "tokenizer_config.json", bos_token="<|im_start|>", add_bos_token=flag)
    processor = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|im_start|>"}}, {"Sequence": {"id": "A"}}],
    }
    _change(base / "tokenizer.json", post_processor=processor)
    assert check(base).special.adds == {"bos": flag, "eos": False}


def test_a_token_that_the_model_lacks_is_never_added(base: Path) -> None:
    _change(base / "tokenizer_config.json", add_bos_token=True)
    assert check(base).special.adds["bos"] is False
