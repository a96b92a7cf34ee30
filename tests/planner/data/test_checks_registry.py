"""Which checks look at rows of which kind, and that clean rows pass them all."""

from dataclasses import replace

import pytest

from planner.data.checks.registry import every
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import INTENTS, MATHS, TASKS, varied

KINDS = ["conversation", "text", "preference", "feedback"]
FROM_FEW_PATTERNS = {"TooFew", "Diversity", "Duplicates", "ConflictingAnswers"}
"""Checks that rightly find something in six rows repeated with other figures."""


def _of_kind(row: Row, kind: str) -> Row:
    if kind == "text":
        return Row((Message("text", f"{row.prompt}\n{row.answer}"),))
    if kind == "preference":
        return replace(row, rejected=row.messages)
    return replace(row, liked=len(row.answer) % 2 == 0) if kind == "feedback" else row


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shipped", [MATHS, TASKS], ids=["gsm8k", "self-instruct"])
def test_clean_rows_raise_no_alarm(kind: str, shipped: tuple[Row, ...]) -> None:
    checks = every(kind)
    for number, row in enumerate(varied(shipped, 120)):
        for check in checks:
            check.see(number, _of_kind(row, kind))
    alarms = {type(check).__name__ for check in checks if list(check.findings())}
    assert alarms <= FROM_FEW_PATTERNS


def test_a_clean_classification_raises_only_notes() -> None:
    checks = every("conversation")
    for number, row in enumerate(INTENTS):
        for check in checks:
            check.see(number, row)
    found = [finding for check in checks for finding in check.findings()]
    assert [(one.id, one.severity) for one in found] == [
        ("too-few", "refused"),
        ("one-word", "note"),
    ]


def test_checks_are_new_each_time() -> None:
    for first, second in zip(every("conversation"), every("conversation"), strict=True):
        assert first is not second and type(first) is type(second)


def test_plain_text_has_no_turns_to_check() -> None:
    kinds = {kind: {type(check).__name__ for check in every(kind)} for kind in KINDS}
    turns = {"RoleOrder", "SystemPrompts", "OneWord", "Truncated"}
    answers = {"Imbalance", "ConflictingAnswers"}
    assert kinds["conversation"] - kinds["text"] == turns | answers
    assert kinds["preference"] == kinds["conversation"] - answers
    assert kinds["feedback"] == kinds["conversation"]
