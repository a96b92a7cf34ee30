"""Prompts with several answers, planted among real rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from planner.data.checks.conflicts import ConflictingAnswers
from planner.data.checks.finding import Finding
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import (
    INTENTS,
    MATHS,
    REAL,
    found,
    said,
    with_answer,
    with_prompt,
)


def _found(rows: Sequence[Row]) -> list[int]:
    findings = found(ConflictingAnswers(), rows)
    return [number for finding in findings for number in finding.rows]


def test_real_rows_raise_no_alarm_nor_do_their_copies() -> None:
    assert _found([*REAL, *REAL]) == []


def test_all_rows_of_a_prompt_with_several_answers_are_named() -> None:
    rows = [*REAL, with_answer(REAL[3], "6"), REAL[3], with_answer(INTENTS[4], "transfer")]
    findings = found(ConflictingAnswers(), rows)
    last = len(REAL)
    assert findings == [
        Finding(
            id="conflicting-answers",
            severity="warning",
            rows=findings[0].rows,
            said="5 of 29 rows answer 2 prompts in different ways.",
            fix="keep the correct answer for each prompt, unless several are correct",
        )
    ]
    assert list(findings[0].rows) == [3, len(MATHS) + 4, last, last + 1, last + 2]


@pytest.mark.parametrize("edit", [str.upper, lambda text: f" {text}\n".replace(" ", "  ")])
def test_case_and_white_space_make_no_difference(edit: Callable[[str], str]) -> None:
    same = with_prompt(INTENTS[0], edit(INTENTS[0].prompt))
    assert _found([INTENTS[0], same, with_answer(INTENTS[1], edit(INTENTS[1].answer))]) == []
    assert _found([INTENTS[0], with_answer(same, "transfer"), INTENTS[2]]) == [0, 1]


def test_another_system_prompt_or_history_may_change_the_answer() -> None:
    other = with_answer(INTENTS[0], "transfer")
    system = Message("system", "Reply in French.")
    assert _found([INTENTS[0], replace(other, messages=(system, *other.messages[1:]))]) == []
    history = ("user: Hello", "assistant: Hi")
    assert (
        _found(
            [said("user: Why?", "assistant: So."), said(*history, "user: Why?", "assistant: No.")]
        )
        == []
    )
    assert _found([said(*history, "user: Why?", f"assistant: {why}") for why in "ab"]) == [0, 1]


def test_other_tools_may_change_the_answer() -> None:
    rows = [replace(with_answer(MATHS[0], tool), tools=f'["{tool}"]') for tool in ("a", "b")]
    assert _found(rows) == []


def test_calls_of_tools_are_answers() -> None:
    calls = [Message("assistant", "", f'{{"tool_calls":["{name}"]}}') for name in ("pay", "ask")]
    rows = [Row((Message("user", "Pay it"), call)) for call in calls]
    assert _found(rows) == [0, 1] and _found([rows[0], rows[0]]) == []


def test_preferences_and_plain_text_have_no_conflicts() -> None:
    pair = replace(MATHS[0], rejected=MATHS[1].messages)
    assert _found([pair, with_answer(pair, "6"), pair]) == []
    assert _found([Row((Message("text", row.answer),)) for row in MATHS]) == []
    assert _found([said("user: Hello"), said("user: Hello", "user: Hello")]) == []


def test_of_one_answer_there_is_one_opinion() -> None:
    good, bad = (replace(MATHS[0], liked=liked) for liked in (True, False))
    assert _found([good, replace(with_answer(MATHS[0], "6"), liked=False)]) == []
    assert _found([MATHS[1], good, MATHS[2], bad]) == [1, 3]
