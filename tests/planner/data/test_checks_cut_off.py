"""Answers that stop in the middle."""

import random

import pytest

from planner.data.checks.cut_off import Truncated
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import (
    MATHS,
    REAL,
    TASKS,
    found,
    varied,
    with_answer,
    with_answers,
)

CUT = (5, 31, 47)
"""Rows whose answers are cut in the middle of a word."""


def _prose(count: int) -> list[Row]:
    """Rows whose answers are sentences, without the last line that has the figure only."""
    rows = [row for row in MATHS if row.answer.split("\n")[-2].endswith(".")]
    assert len(rows) == len(MATHS) - 1
    cut = [with_answer(row, row.answer.rpartition("\n")[0]) for row in rows]
    return varied(cut, count)


def _cut(rows: list[Row]) -> list[Row]:
    return with_answers(rows, {number: _stop(rows[number].answer) for number in CUT})


def _stop(answer: str) -> str:
    """Return an answer up to the middle of its second line's sixth word."""
    first, second = answer.split("\n")[:2]
    words = second.split(" ")
    return f"{first}\n{' '.join(words[:5])} {words[5][:1].replace('$', 'f')}a"


def test_sentences_without_end_where_nearly_all_have_one() -> None:
    (finding,) = found(Truncated(), _cut(_prose(100)))
    assert (finding.id, finding.severity, list(finding.rows)) == ("truncated", "warning", [*CUT])
    assert finding.said == (
        "3 of 100 rows have an answer that seems cut off: in 3 the last sentence does not end."
    )


def test_other_last_lines_where_nearly_all_begin_alike() -> None:
    rows = varied(MATHS, 100)
    planted = {
        8: rows[8].answer.rpartition("\n")[0],
        60: "About 12.",
        61: "12\n###",
        62: "12\n#### 5",
    }
    (finding,) = found(Truncated(), with_answers(rows, planted))
    assert list(finding.rows) == [8, 60, 61]
    assert finding.said.endswith("in 3 the last line does not begin with `###` as in other rows.")


def test_other_last_lines_where_nearly_all_are_marks() -> None:
    rows = [with_answer(row, f"```\n{row.answer}\n```") for row in varied(MATHS, 100)]
    (finding,) = found(Truncated(), with_answers(rows, {8: "Sum:\n```\n12\n```\n#### 12"}))
    assert list(finding.rows) == [8]
    assert "in 1 the last line does not begin with" in finding.said


def test_answers_that_end_in_many_ways_say_nothing() -> None:
    loose = {number: "an answer that has no end of a sentence" for number in range(0, 100, 10)}
    assert not found(Truncated(), with_answers(_prose(100), loose))
    assert not found(Truncated(), with_answers(varied(MATHS, 100), loose))


@pytest.mark.parametrize(("count", "is_enough"), [(50, False), (51, True)])
def test_few_others_do_not_tell(count: int, is_enough: bool) -> None:
    rows = _prose(count)
    rows[CUT[0]] = with_answer(rows[CUT[0]], _stop(rows[CUT[0]].answer))
    assert len(found(Truncated(), rows)) == is_enough


def test_single_lines_are_no_usual_last_line() -> None:
    rows = [with_answer(row, "It is done.") for row in varied(MATHS, 100)]
    assert not found(Truncated(), with_answers(rows, {7: "It is done.\nAnd more.", 9: "No.\nYes."}))


OPEN = [
    "This is it:\n```python\nprint(1)\n",
    "He went to the shop (the one that",
    "He said: “I will never",
    'She told me "never do that',
    '{"name": "Ann", "pets": [',
    '{"name": "Ann",\n "pets": "cat"',
    "[1, 2, 3,",
    "The list is [1, 2",
    "Er sagte: «Das ist",
]
CLOSED = [
    "```python\nprint(1)\n```",
    "He went to the shop (the one there).",
    "1) one 2) two",
    "What a day :(",
    "He is 6'2\" tall",
    '5" by 7"',
    "{}",
    '{"name": "Ann"}',
    "[1, 2, 3]",
    "[Verse 1]\nIt is late",
    "He said “yes” and “no” and went",
]


@pytest.mark.parametrize("answer", OPEN)
def test_something_left_open(answer: str) -> None:
    (finding,) = found(Truncated(), with_answers(varied(MATHS, 30), {12: answer}))
    assert list(finding.rows) == [12]
    assert "in 1 a code fence, bracket or quotation is not closed" in finding.said


@pytest.mark.parametrize("answer", CLOSED)
def test_nothing_left_open(answer: str) -> None:
    assert not found(Truncated(), with_answers(varied(MATHS, 30), {12: answer}))


def _long_answers(count: int) -> list[Row]:
    """Rows whose answers have 80 to 480 characters, and end with a full stop."""
    source, words = random.Random(3), " ".join(row.answer for row in TASKS).split()
    answers = [
        " ".join(source.choices(words, k=60))[: source.randint(80, 480)] for _ in range(count)
    ]
    rows = varied(MATHS, count)
    return [with_answer(row, f"{answer}.") for row, answer in zip(rows, answers, strict=True)]


@pytest.mark.parametrize(("limit", "is_limit"), [(512, True), (500, True), (503, False)])
def test_many_of_the_same_greatest_length(limit: int, is_limit: bool) -> None:
    rows = _long_answers(100)
    for number in (8, 50, 51):
        rows[number] = with_answer(rows[number], (f"{number} " + "word " * 200)[: limit - 1] + ".")
    findings = found(Truncated(), rows)
    assert [list(finding.rows) for finding in findings] == [[8, 50, 51]] * is_limit
    assert all(
        f"in 3 the length is exactly the maximum of {limit} characters" in finding.said
        for finding in findings
    )


def test_the_same_longest_answer_again_is_no_limit() -> None:
    rows = with_answers(varied(MATHS, 30), dict.fromkeys(range(5, 12), "a" * 1023 + "."))
    assert not found(Truncated(), rows)


def test_the_rejected_answer_too() -> None:
    ask = Message("user", "a")
    pairs = [Row(row.messages, rejected=row.messages) for row in varied(MATHS, 60)]
    cut = Message("assistant", "In total, Cameron will pay 20 pesos for an")
    pairs[9] = Row(pairs[9].messages, rejected=(ask, cut))
    (finding,) = found(Truncated(), pairs)
    assert list(finding.rows) == [9]


def test_clean_rows_say_nothing() -> None:
    assert not found(Truncated(), varied(REAL, 130))
