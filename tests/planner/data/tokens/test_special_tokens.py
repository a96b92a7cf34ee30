"""The token that pads and those that end an answer, for models of several makes."""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import encode_all, load_tokenizer
from planner.data.tokens.example import Example, completion
from planner.data.tokens.special_tokens import special_tokens
from planner.data.tokens.template import load_template
from planner.data.tokens.tokenizer import Tokenizer
from runner.demo import files

BASE = Path(files.__file__).parent / "base"
ROW = Row((Message("user", "what if i lost my luggage"), Message("assistant", "lost_luggage")))
PAD, START, END = 0, 1, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "base"))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(BASE)


def rows(folder: Path, tokenizer: Tokenizer, max_length: int = 0) -> list[Example]:
    """Return three rows as the model in `folder` sees them."""
    whole = encode_all([ROW] * 3, load_template(folder), tokenizer)
    return [row.cut(max_length or row.length) for row in whole]


def change(path: Path, **values: object) -> None:
    """Set fields of a JSON file; None takes one out."""
    content = json.loads(path.read_text("utf-8")) | values
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), "utf-8")


def test_the_configuration_names_the_end(folder: Path, tokenizer: Tokenizer) -> None:
    special = special_tokens(folder, tokenizer, [])
    assert (special.pad_id, special.end_ids) == (PAD, (END,))


def test_the_ends_of_both_configurations_count(folder: Path, tokenizer: Tokenizer) -> None:
    change(folder / "generation_config.json", eos_token_id=[7, 5])
    assert special_tokens(folder, tokenizer, []).end_ids == (END, 5, 7)


@pytest.mark.parametrize("after", ["", "\\n"])
def test_the_token_that_the_template_puts_after_an_answer_ends_it_too(
    folder: Path, tokenizer: Tokenizer, after: str
) -> None:
    for name in ("config.json", "generation_config.json"):
        change(folder / name, eos_token_id=7)
    template = folder / "chat_template.jinja"
    text = template.read_text("utf-8").replace("<|im_end|>'", f"<|im_end|>{after}'")
    template.write_text(text, "utf-8")
    assert special_tokens(folder, tokenizer, rows(folder, tokenizer)).end_ids == (END, 7)


def test_rows_cut_inside_their_answer_do_not_hide_the_end(
    folder: Path, tokenizer: Tokenizer
) -> None:
    for name in ("config.json", "generation_config.json"):
        change(folder / name, eos_token_id=7)
    whole = rows(folder, tokenizer)
    cut = rows(folder, tokenizer, whole[0].length - 1)
    assert special_tokens(folder, tokenizer, [*whole[:1], *cut]).end_ids == (END, 7)


def test_an_ordinary_last_token_is_no_end(folder: Path, tokenizer: Tokenizer) -> None:
    ordinary = [completion((9, 9), (-100, 9))]
    assert special_tokens(folder, tokenizer, ordinary).end_ids == (END,)


def test_without_a_pad_token_an_end_pads(folder: Path, tokenizer: Tokenizer) -> None:
    change(folder / "tokenizer_config.json", pad_token=None)
    assert special_tokens(folder, tokenizer, []).pad_id == PAD
    change(folder / "config.json", pad_token_id=None)
    assert special_tokens(folder, tokenizer, []).pad_id == END


def test_a_pad_token_as_an_object_is_read(folder: Path, tokenizer: Tokenizer) -> None:
    change(folder / "tokenizer_config.json", pad_token={"content": "<|im_start|>"})
    assert special_tokens(folder, tokenizer, []).pad_id == START


def test_a_model_without_any_end_is_refused(folder: Path, tokenizer: Tokenizer) -> None:
    for name in ("config.json", "generation_config.json"):
        change(folder / name, eos_token_id=None)
    with pytest.raises(UsageProblem, match="no token that ends an answer") as refused:
        special_tokens(folder, tokenizer, [])
    assert "eos_token_id" in refused.value.hint
