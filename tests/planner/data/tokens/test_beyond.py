"""Tokens that the embedding of a model has no row for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.checks.scan import Chat
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import load_tokenizer
from planner.data.tokens.template import load_template
from planner.plan.gather import gather
from planner.plan.plan import plan
from tests.planned import MACHINE, answers, few_rows
from tests.planner.data.planted.file import File
from tui.text.plan import summary

EMBEDDING = 1024
"""The rows of the demo's embedding."""
SPARE = "<|spare|>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The demo, whose tokenizer has one token more than the embedding has rows."""
    made = few_rows(tmp_path)
    path = made / "base" / "tokenizer.json"
    found = json.loads(path.read_text("utf-8"))
    more = found["added_tokens"][0] | {"id": EMBEDDING, "content": SPARE, "special": False}
    path.write_text(json.dumps(found | {"added_tokens": [*found["added_tokens"], more]}), "utf-8")
    return made


def test_a_plan_names_a_token_that_no_row_uses_and_refuses_one_that_a_row_uses(
    folder: Path,
) -> None:
    asked = answers(results__gguf=[])
    made = plan(asked, gather(asked, folder, machine=MACHINE))
    said = made.why["model.architecture.vocabulary"]
    assert f"such as `{SPARE}` (id 1024)" in said and f"          {said}" in summary(made)
    path = folder / "rows" / "train.jsonl"
    path.write_text(path.read_text("utf-8").replace("luggage", SPARE), "utf-8")
    with pytest.raises(UsageProblem, match=r"the id 1024, but the model's embedding has 1,024"):
        gather(asked, folder, machine=MACHINE)


def test_a_plan_without_such_a_token_says_nothing(tmp_path: Path) -> None:
    made = plan(answers(), gather(answers(), few_rows(tmp_path), machine=MACHINE))
    assert "model.architecture.vocabulary" not in made.why


def _chat(said: str) -> Row:
    return Row((Message("user", "A number?"), Message("assistant", said)))


def _text(said: str) -> Row:
    return Row((Message("text", said),))


def _preference(said: str) -> Row:
    asked = Message("user", "A number?")
    return Row((asked, Message("assistant", "One.")), (asked, Message("assistant", said)))


@pytest.mark.parametrize("kind", [_chat, _text, _preference])
def test_rows_with_such_a_token_are_refused_in_a_report(
    folder: Path, kind: Callable[[str], Row]
) -> None:
    base = folder / "base"
    chat = Chat(load_template(base), load_tokenizer(base), 256, vocabulary=EMBEDDING)
    rows = [kind(f"Number {n}{SPARE * (n in (3, 7))}.") for n in range(20)]
    found = [one for one in File(rows, chat=chat).report().findings if "embedding" in one.id]
    assert [(one.severity, list(one.rows)) for one in found] == [("refused", [3, 7])]
    assert f"`{SPARE}` has the id 1024" in found[0].said
