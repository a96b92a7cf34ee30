"""Turns of templates that change earlier text when a turn is added."""

from pathlib import Path

import pytest

from lockfiles.errors import DataRefused
from planner.data.isolation import client
from planner.data.isolation.client import Tokens
from planner.data.rendering.located import located_spans
from planner.data.rendering.proof import Proof
from planner.data.rendering.spans import LeftOut, Rewritten
from planner.data.rendering.spans import assistant_spans as by_prefixes
from planner.data.rows.rows import Message, Row, in_order
from planner.data.tokens.encode import (
    NoAnswer,
    PartLost,
    TurnsRewritten,
    assistant_spans,
    whole_rows,
)
from planner.data.worker.conversation import Conversation, Refused, Template
from tests.planner.data.chat import SPECIAL, ours, template, tokenizer
from tests.planner.data.tokens.template_rows import ROWS

REAL = sorted((Path(__file__).parents[3] / "data" / "templates").glob("*.jinja"))

THINKS = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' and loop.last %}"
    "{{ '<think>' + (m.reasoning_content or '') + '</think>' }}{% endif %}{{ m.content + '<end>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>' }}{% endif %}"
)
"""Only the last turn has reasoning, which the prompt opens."""


def row(*answers: str, scored: tuple[bool, ...] = (True, True, True), thought: str = "") -> Row:
    turns = list[Message]()
    for number, (answer, counts) in enumerate(zip(answers, scored, strict=False)):
        more = in_order({"reasoning_content": thought}) if thought else ""
        turns += [Message("user", f"ask {number}"), Message("assistant", answer, more, counts)]
    return Row(tuple(turns))


def scored(source: str, one: Row) -> list[str]:
    text, spans = assistant_spans(template(source), one)
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize("first", ["say 0", "e", "<end", "<|assistant|>", "ask 0"])
def test_a_turn_is_found_whatever_it_says(first: str) -> None:
    assert scored(THINKS, row(first, "say 1")) == [f"{first}<end>", "</think>say 1<end>"]


@pytest.mark.parametrize("counts", [(True, False, True), (False, True, True), (True, False, False)])
def test_only_scored_turns_are_found(counts: tuple[bool, ...]) -> None:
    said = ["say 0<end>", "say 1<end>", "</think>say 2<end>"]
    wanted = [text for text, each in zip(said, counts, strict=True) if each]
    assert scored(THINKS, row("say 0", "say 1", "say 2", scored=counts)) == wanted


def test_the_reasoning_of_the_last_turn_is_scored() -> None:
    found = scored(THINKS, row("say 0", "say 1", thought="I think."))
    assert found == ["say 0<end>", "I think.</think>say 1<end>"]


@pytest.mark.parametrize(
    "source",
    [
        THINKS.replace("<|assistant|><think>", "<|model|>"),
        THINKS.replace("<|assistant|><think>", "<|assistant|>" + "<think>" * 300),
        THINKS.replace("m.content + '<end>'", "m.content + ('<end>' if loop.last else '<stop>')"),
    ],
    ids=["another prompt", "a long prompt", "another end"],
)
def test_a_turn_without_its_edges_is_refused(source: str) -> None:
    with pytest.raises(TurnsRewritten):
        scored(source, row("say 0", "say 1"))


def test_without_a_prompt_an_answer_begins_where_the_question_ends() -> None:
    found = scored(THINKS.replace("<|assistant|><think>", ""), row("say 0", "say 1"))
    assert found == ["<|assistant|>say 0<end>", "<|assistant|><think></think>say 1<end>"]


def test_an_empty_answer_is_refused_alone() -> None:
    rows = [row("", "say 1"), row("say 0", "say 1")]
    found = whole_rows(rows, template(THINKS), ours(tokenizer(THINKS)))
    assert isinstance(found[0], NoAnswer) and isinstance(found[1], Tokens)


def test_a_turn_that_is_shortened_later_is_refused() -> None:
    source = THINKS.replace("m.content +", "(m.content if loop.last else m.content[:5]) +")
    found = whole_rows([row("a long answer", "say 1")], template(source), ours(tokenizer(source)))
    assert isinstance(found[0], DataRefused)
    assert isinstance(found[0], PartLost | TurnsRewritten)


@pytest.mark.parametrize("path", REAL, ids=[path.stem for path in REAL])
def test_where_earlier_text_is_kept_both_ways_find_the_same(path: Path) -> None:
    made, compared = Template(path.read_text("utf-8"), SPECIAL), 0
    for one in ROWS.values():
        found = Conversation(made, client.written(one))

        def render(count: int, prompt: bool, found: Conversation = found) -> str:
            return found.marked(count, prompt)[0]

        def prove(count: int, found: Conversation = found) -> tuple[str, Proof]:
            return found.proof(count)

        try:
            wanted = by_prefixes(found.messages, render, strict=False)
        except (Rewritten, LeftOut, Refused):
            continue
        assert located_spans(found.messages, render, prove) == wanted
        compared += 1
    assert compared >= 9
