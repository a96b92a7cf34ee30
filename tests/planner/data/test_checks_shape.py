"""Rows too few, turns out of order, system prompts that differ, rows of several shapes."""

from dataclasses import replace

import pytest

from planner.data.checks.amount import TooFew
from planner.data.checks.finding import Finding
from planner.data.checks.role_order import RoleOrder
from planner.data.checks.shape import Shape, SystemPrompts
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import INTENTS, MATHS, TASKS, found, said, varied

ASKED = Message("user", "Which is it?")
ANSWERED = Message("assistant", "That one.")
CALL = Message("assistant", "", '{"tool_calls":[]}')
TOOL = Message("tool", "12")


@pytest.mark.parametrize(
    ("count", "severity"),
    [
        (1, "refused"),
        (99, "refused"),
        (100, "warning"),
        (499, "warning"),
        (500, "note"),
        (999, "note"),
    ],
)
def test_too_few(count: int, severity: str) -> None:
    (finding,) = found(TooFew(), varied(MATHS, count))
    assert (finding.id, finding.severity, finding.rows_found) == ("too-few", severity, 0)
    assert f"{count} row" in finding.said


def test_enough() -> None:
    assert not found(TooFew(), varied(MATHS, 1000))


GOOD = [
    said("user: a", "assistant: b"),
    said("system: s", "user: a", "assistant: b", "user: c", "assistant: d"),
    Row((ASKED, CALL, TOOL, TOOL, ANSWERED)),
    Row((ASKED, ANSWERED, ASKED, CALL, TOOL, CALL, TOOL, ANSWERED)),
    Row((ASKED, ANSWERED), rejected=(ASKED, ANSWERED)),
    said("text: what nobody says"),
]
UNANSWERED = [
    said("user: a"),
    said("system: a"),
    said("user: a", "assistant: b", "user: c"),
    Row((ASKED, CALL, TOOL)),
    Row((ASKED, ANSWERED), rejected=(ASKED,)),
]
DISORDERED = [
    said("assistant: b"),
    said("user: a", "user: a", "assistant: b"),
    said("user: a", "assistant: b", "assistant: c"),
    said("user: a", "system: s", "assistant: b"),
    said("system: s", "system: s", "user: a", "assistant: b"),
    said("system: s", "assistant: b"),
    Row((ASKED, TOOL, ANSWERED)),
    Row((ASKED, CALL, TOOL, ASKED, ANSWERED)),
    said("user: a", "developer: d", "assistant: b"),
    Row((ASKED, ANSWERED), rejected=(ASKED, ASKED, ANSWERED)),
]


def test_role_order_finds_each_planted_row_and_no_other() -> None:
    rows = [*GOOD, *UNANSWERED, *MATHS, *DISORDERED, *INTENTS, *TASKS]
    refused, warned = found(RoleOrder(), rows)
    first = len(GOOD)
    second = first + len(UNANSWERED) + len(MATHS)
    assert (refused.id, refused.severity) == ("role-order", "refused")
    assert list(refused.rows) == list(range(first, first + len(UNANSWERED)))
    assert (warned.id, warned.severity) == ("role-order", "warning")
    assert list(warned.rows) == list(range(second, second + len(DISORDERED)))
    assert warned.said.startswith(f"{len(DISORDERED)} of {len(rows)} rows have turns out of order")


def _with_system(row: Row, prompt: str) -> Row:
    return replace(row, messages=(Message("system", prompt), *row.messages[1:]))


def test_few_other_system_prompts_are_a_warning() -> None:
    rows = varied(INTENTS, 100)
    rows[17] = _with_system(rows[17], "Reply with the intent.")
    rows[60] = Row(rows[60].messages[1:])
    (finding,) = found(SystemPrompts(), rows)
    assert (finding.id, finding.severity) == ("system-prompts", "warning")
    assert list(finding.rows) == [17, 60]
    assert "2 of 100 rows have" in finding.said
    assert "2 different, and 1 row without one" in finding.said


def test_many_system_prompts_are_a_note_and_few_are_kept() -> None:
    row = INTENTS[0]
    rows = [_with_system(row, f"You are person {number // 2}.") for number in range(30_000)]
    (finding,) = found(SystemPrompts(), rows)
    assert finding.severity == "note" and "over 10,000 different" in finding.said
    assert list(finding.rows) == list(range(20_000))


def test_one_system_prompt_or_none_says_nothing() -> None:
    assert not found(SystemPrompts(), INTENTS)
    assert not found(SystemPrompts(), MATHS)


def test_unlike_numbers_of_turns_are_a_note() -> None:
    rows = varied(MATHS, 40)
    rows[3] = said("user: a", "assistant: b", "user: c", "assistant: d")
    rows[30] = said("system: s", "user: a", "assistant: b")
    (finding,) = found(Shape(), rows)
    assert (finding.id, finding.severity, list(finding.rows)) == ("shape", "note", [3])
    assert finding.said == ("1 of 40 rows has 4 turns instead of the most frequent number, 2.")


def test_mixed_kinds_are_a_note() -> None:
    rows = varied(MATHS, 40)
    rows[5] = replace(rows[5], liked=True)
    rows[6] = replace(rows[6], rejected=rows[7].messages)
    rows[9] = said("text: only text")
    kinds, turns = found(Shape(), rows)
    assert list(kinds.rows) == [5, 6, 9] and kinds.severity == "note"
    assert "37 conversations, 1 answers with feedback, 1 preferences, 1 plain text" in kinds.said
    assert list(turns.rows) == [9]


def test_shipped_rows_have_one_shape() -> None:
    shipped: list[list[Finding]] = [found(Shape(), rows) for rows in (MATHS, INTENTS, TASKS)]
    assert shipped == [[], [], []]
