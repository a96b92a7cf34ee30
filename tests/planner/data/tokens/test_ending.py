"""The token that training teaches as the end of an answer, and templates that teach none."""

import shutil
from pathlib import Path

import pytest

from planner.data.checks.masks import Masks
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import encode_all, load_tokenizer
from planner.data.tokens.ending import next_turn, unended
from planner.data.tokens.example import completion
from planner.data.tokens.special_tokens import answer_end, configured_ends, special_tokens
from planner.data.tokens.template import load_template
from runner.demo import files

BASE = Path(files.__file__).parent / "base"
ROW = Row((Message("user", "what if i lost my luggage"), Message("assistant", "lost_luggage")))
PAD, END = 0, 2


def test_the_end_of_most_rows_is_taught() -> None:
    rows = [completion((9, one), (-100, one)) for one in (PAD, END, END, 8)]
    assert answer_end(rows, (PAD, END)) == END
    assert answer_end(rows, (7,)) is None
    assert answer_end([], (END,)) is None


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("<|im_end|>", ""),
        ("\\n### End\\n", "with the text `### End`, which is more than one token"),
    ],
)
def test_a_text_that_ends_answers_is_named(tmp_path: Path, after: str, said: str) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text("utf-8").replace("<|im_end|>", after), "utf-8")
    template, tokenizer = load_template(folder), load_tokenizer(folder)
    rows = list(encode_all([ROW] * 3, template, tokenizer))
    ends = special_tokens(folder, tokenizer, rows).end_ids
    found = unended(template, tokenizer, rows, ends, turns=True)
    assert said in found and bool(said) == bool(found)


def test_rows_of_plain_text_may_end_with_no_token() -> None:
    rows = [completion((9, 8), (-100, 8))]
    assert "limit of tokens" in unended(
        load_template(BASE), load_tokenizer(BASE), rows, (END,), turns=False
    )


GLM = (
    "[gMASK]{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""GLM's habit: an answer ends where the next turn begins."""


@pytest.fixture
def glm(tmp_path: Path) -> Path:
    """A model with that template, whose end token begins the user's turns."""
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / name).read_text("utf-8")
        (folder / name).write_text(text.replace("<|im_end|>", "<|user|>"), "utf-8")
    (folder / "chat_template.jinja").write_text(GLM, "utf-8")
    return folder


def test_the_token_of_the_next_turn_is_named_where_it_ends_answers(glm: Path) -> None:
    template, tokenizer = load_template(glm), load_tokenizer(glm)
    assert configured_ends(glm) == (END,) == (next_turn(template, tokenizer),)
    rows = list(encode_all([ROW] * 3, template, tokenizer))
    found = unended(template, tokenizer, rows, (END,), turns=True)
    assert found.startswith("The template ends an answer with the `<|user|>` of the next turn")
    assert "more than one token" in unended(template, tokenizer, rows, (PAD,), turns=True)


def test_a_template_with_an_end_has_no_next_turn_for_one() -> None:
    assert next_turn(load_template(BASE), load_tokenizer(BASE)) is None


@pytest.mark.parametrize("ends", [(END,), (PAD,), ()])
def test_a_model_that_stops_at_the_next_turn_may_be_trained(
    glm: Path, ends: tuple[int, ...]
) -> None:
    masks = Masks(load_template(glm), load_tokenizer(glm), end_ids=ends)
    masks.see_rows([0, 1], [ROW, ROW])
    (found,) = masks.findings()
    wanted = ("end-not-scored", "warning") if END in ends else ("end-never-scored", "refused")
    assert (found.id, found.severity) == wanted


def test_an_added_token_that_is_not_special_ends_answers_too(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BASE, tmp_path / "base"))
    path = folder / "tokenizer.json"
    text = path.read_text("utf-8")
    at = text.index('"<|im_end|>"')
    text = text[:at] + text[at:].replace('"special":true', '"special":false', 1)
    path.write_text(text, "utf-8")
    for name in ("config.json", "generation_config.json"):
        one = folder / name
        one.write_text(one.read_text("utf-8").replace('"eos_token_id": 2', '"eos_token_id": 7'))
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text("utf-8").replace('"eos_token": "<|im_end|>",', ""), "utf-8")
    tokenizer = load_tokenizer(folder)
    assert END not in tokenizer.special_ids and END in tokenizer.added_ids
    rows = list(encode_all([ROW] * 3, load_template(folder), tokenizer))
    assert special_tokens(folder, tokenizer, rows).end_ids == (END, 7)
