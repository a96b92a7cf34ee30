"""The token that training teaches as the end of an answer, and templates that teach none."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from planner.data.checks.masks import Masks
from planner.data.rendering.ends import NO_ENDS, Ends
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import count_tokens, encode, encode_all, load_tokenizer
from planner.data.tokens.ending import unended, with_ends
from planner.data.tokens.example import COMPLETION, IGNORED, completion
from planner.data.tokens.special_tokens import answer_end, configured_ends, special_tokens
from planner.data.tokens.template import ChatTemplate, load_template
from planner.data.tokens.tokenizer import Tokenizer
from planner.data.tokens.xray import xray
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
    found = unended(template, rows, ends, turns=True)
    assert said in found and bool(said) == bool(found)


def test_rows_of_plain_text_may_end_with_no_token() -> None:
    rows = [completion((9, 8), (-100, 8))]
    assert "limit of tokens" in unended(load_template(BASE), rows, (END,), turns=False)


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


def _ended(folder: Path, *end_ids: int) -> tuple[ChatTemplate, Tokenizer]:
    tokenizer = load_tokenizer(folder)
    return with_ends(load_template(folder), tokenizer, end_ids), tokenizer


def test_the_token_of_the_next_turn_ends_answers_at_which_the_model_stops(glm: Path) -> None:
    assert configured_ends(glm) == (END,)
    assert _ended(glm, END)[0].ends == Ends("<|user|>")
    assert _ended(glm, PAD)[0].ends == _ended(glm)[0].ends == NO_ENDS
    assert _ended(BASE, END)[0].ends == NO_ENDS  # it prints an end


def test_it_is_scored_behind_each_answer_and_added_to_the_last(glm: Path) -> None:
    template, tokenizer = _ended(glm, END)
    row = Row((*ROW.messages, Message("user", "and my bag"), Message("assistant", "lost_bag")))
    text = "[gMASK]<|user|>what if i lost my luggage<|assistant|>lost_luggage<|user|>and my bag"
    text = f"{text}<|assistant|>lost_bag<|user|>"
    found = xray(row, template, tokenizer)
    assert found.text == text
    scored = [piece.text for piece in found.pieces if piece.scored]
    assert scored == ["lost_luggage<|user|>", "lost_bag<|user|>"]
    plain = encode(row, replace(template, ends=NO_ENDS), tokenizer)[COMPLETION]
    whole = encode(row, template, tokenizer)[COMPLETION]
    assert whole.input_ids == (*plain.input_ids, END)
    assert whole.scored == plain.scored + 2
    assert count_tokens([row], template, tokenizer)[0] == len(whole.input_ids)
    assert unended(template, [encode(row, template, tokenizer)], (END,), turns=True) == ""


@pytest.mark.parametrize("scored", [(False, True), (True, False)])
def test_turns_that_are_not_scored_have_no_end(glm: Path, scored: tuple[bool, bool]) -> None:
    template, tokenizer = _ended(glm, END)
    turns = [*ROW.messages, *ROW.messages]
    turns[1], turns[3] = (replace(turns[1], scored=one) for one in scored)
    found = encode(Row(tuple(turns)), template, tokenizer)[COMPLETION]
    assert found.labels.count(END) == 1
    assert (found.labels[-1] == END) == scored[1]
    assert (found.input_ids[-1] == END) == scored[1]


def test_white_space_before_the_next_turn_is_scored_with_it(glm: Path) -> None:
    path = glm / "chat_template.jinja"
    path.write_text(GLM.replace("'<|' + m.role", "(' ' if not loop.first else '') + '<|' + m.role"))
    template, tokenizer = _ended(glm, END)
    assert template.ends == Ends(" <|user|>")
    scored = [one.text for one in xray(ROW, template, tokenizer).pieces if one.scored]
    assert scored == ["lost_luggage <|user|>"]


@pytest.mark.parametrize("ends", [(END,), (PAD,), ()])
def test_a_template_needs_an_end_at_which_the_model_stops(glm: Path, ends: tuple[int, ...]) -> None:
    masks = Masks(*_ended(glm, *ends))
    masks.see_rows([0, 1], [ROW, ROW])
    assert [one.id for one in masks.findings()] == ([] if END in ends else ["end-never-scored"])


def test_a_truncated_row_has_no_end(glm: Path) -> None:
    found = encode(ROW, *_ended(glm, END))
    assert found.cut(found.length - 1)[COMPLETION].labels[-1] not in (END, IGNORED)


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
