"""Fixes, shown inside the wizard by the questions' titles."""

from collections.abc import Sequence

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Change, Command, Fix, Key, Option
from planner.data.reading.formats import MAP_COLUMNS
from tui.session import wording
from tui.session.wording import said


@pytest.mark.parametrize(
    ("fixes", "wanted"),
    [
        (
            [Advice("add rows"), Answer("results.evaluate", False)],
            "add rows, or answer `Compare base and tuned model?` with `no` (step Results)",
        ),
        ([Answer("machine.device", "auto")], "answer `Training device` with `auto` (step Machine)"),
        ([Change("data.train")], "answer `Training examples` (step Data)"),
        (
            [Answer("data.drop", ("encoding", "template"), to="leave such rows out")],
            "leave such rows out: answer `Drop rows with these problems` with "
            "`encoding, template` (step Data)",
        ),
        (
            [MAP_COLUMNS],
            "answer `Format of the rows` with `columns` (step Data), "
            "answer `Prompt column` (step Data), "
            "answer `Answer column` (step Data)",
        ),
        (
            [Change("train.max_length", "a larger number")],
            "answer `Maximum length in tokens` with a larger number (step Method)",
        ),
        ([Command("ls {}", "a b"), Option("--out FILE")], "ls 'a b'"),
        ([Option("--out FILE")], "add `--out FILE`"),
    ],
)
def test_a_key_of_run_toml_is_its_question(fixes: Sequence[Fix], wanted: str) -> None:
    assert wording.fix(fixes) == wanted


def test_a_key_in_a_sentence_is_its_question_and_a_literal_is_left() -> None:
    problem = UsageProblem(Key("train.epochs"), " is 9, says `data.train`.")
    assert said(problem) == "`Epochs` (step Method) is 9, says `data.train`."
    assert problem.message == "`train.epochs` is 9, says `data.train`."
