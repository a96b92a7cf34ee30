"""An assistant's turn that is not scored, with templates with marks and without."""

import itertools
import json

import pytest

from lockfiles.errors import DataRefused
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.masks import Masks
from planner.data.rows.rows import Message, Row, canonical_json
from planner.data.tokens.encode import assistant_spans
from tests.planner.data.chat import ours, template, tokenizer

PLAIN = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<end>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
MARKED = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}"
    "{% generation %}{{ m.content }}{% endgeneration %}{% generation %}{{ '<end>' }}"
    "{% endgeneration %}{% else %}{{ m.content + '<end>' }}{% endif %}{% endfor %}"
)


def row(*scored: bool) -> Row:
    turns = (
        (Message("user", f"ask {number}"), Message("assistant", f"say {number}", scored=each))
        for number, each in enumerate(scored)
    )
    return Row(tuple(itertools.chain(*turns)))


@pytest.mark.parametrize("source", [PLAIN, MARKED])
@pytest.mark.parametrize("scored", list(itertools.product([True, False], repeat=3)))
def test_only_scored_turns_have_scored_text(source: str, scored: tuple[bool, ...]) -> None:
    text, spans = assistant_spans(template(source), row(*scored))
    said = [f"say {number}<end>" for number, each in enumerate(scored) if each]
    assert "".join(text[start:end] for start, end in spans) == "".join(said)
    assert text == assistant_spans(template(source), row(True, True, True))[0]


def test_marks_that_change_with_a_later_turn_are_those_inside_scored_turns() -> None:
    source = (
        "{% for m in messages %}{% if loop.last %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
    )
    assert assistant_spans(template(source), row(True, True))[1]
    text, [(start, end)] = assistant_spans(template(source), row(False, True))
    assert text[start:end] == "say 1"
    with pytest.raises(DataRefused, match="changes earlier text"):
        assistant_spans(template(source), row(True, False))


def test_the_canonical_row_has_the_flag_only_where_it_is_false() -> None:
    turns = json.loads(canonical_json(row(False, True)))["messages"]
    assert [turn.get("scored") for turn in turns] == [None, False, None, None]
    calling = Message("assistant", "", '{"thinking":"Add.","name":"a"}', scored=False)
    (turn,) = json.loads(canonical_json(Row((calling,))))["messages"]
    assert list(turn) == ["content", "name", "role", "scored", "thinking"]


def test_rows_that_differ_in_the_flag_are_no_exact_duplicates() -> None:
    check = Duplicates()
    for number, scored in enumerate([True, False]):
        check.see(number, row(scored, True))
    assert "exact-duplicates" not in [found.id for found in check.findings()]


@pytest.mark.parametrize("end", ["", "<end>"])
def test_the_end_of_the_last_scored_answer_counts(end: str) -> None:
    source = PLAIN.replace("<end>", end)
    masks = Masks(template(source), ours(tokenizer(source)))
    masks.see_rows([0, 1], [row(True, False), row(True, True)])
    assert [found.id for found in masks.findings()] == ([] if end else ["end-never-scored"])


@pytest.mark.parametrize("before", ["", "{% if messages[0].role == 'user' %}x{% endif %}"])
def test_an_assistant_may_begin_where_a_template_fails_without_turns(before: str) -> None:
    """Qwen's and Llama 3.1's look at the first turn; older ShareGPT data begins with `gpt`."""
    turns = (Message("assistant", "hi"), Message("user", "ask"), Message("assistant", "say"))
    text, spans = assistant_spans(template(before + PLAIN), Row(turns))
    assert [text[start:end] for start, end in spans] == ["hi<end>", "say<end>"]
    assert text.endswith("<|assistant|>hi<end><|user|>ask<end><|assistant|>say<end>")
