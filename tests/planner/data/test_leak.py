"""Training rows planted in held-out rows, among rows that only look alike."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from planner.data.checks.finding import Finding
from planner.data.checks.leak import Leak, TrainingRows
from planner.data.near.groups import TRIES, groups_of
from planner.data.near.index import Index
from planner.data.near.matches import matches
from planner.data.near.signatures import BANDS
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import (
    INTENTS,
    MATHS,
    REAL,
    TASKS,
    found,
    said,
    varied,
    with_answer,
    with_prompt,
)
from tests.planner.data.colliding_rows import Strangers

TRAINING = (*MATHS[:3], *INTENTS[:6], *TASKS[:4])
HELD_OUT = (*MATHS[3:], *INTENTS[6:], *TASKS[4:])


def _findings(training: Sequence[Row], held_out: Sequence[Row]) -> list[Finding]:
    rows = TrainingRows()
    assert found(rows, training) == []
    return found(Leak(rows), held_out)


def _found(training: Sequence[Row], held_out: Sequence[Row]) -> list[int]:
    return [number for finding in _findings(training, held_out) for number in finding.rows]


def test_real_splits_raise_no_alarm() -> None:
    assert _found(TRAINING, HELD_OUT) == []


def test_training_rows_are_found_where_they_stand() -> None:
    held_out = list(HELD_OUT)
    held_out.insert(2, TRAINING[1])
    held_out += [TRAINING[12], TRAINING[5], TRAINING[5], TRAINING[0]]
    last = len(HELD_OUT)
    assert _findings(TRAINING, held_out) == [
        Finding(
            id="leak",
            severity="warning",
            rows=[2, last + 1, last + 2, last + 3, last + 4],
            said=f"5 of {last + 5} rows are also in the training rows, 5 word for word: row 2 "
            f"(training row 1), row {last + 1} (training row 12), row {last + 2} "
            "(training row 5), and others.",
            fix="remove those rows from one of the two files",
        )
    ]


EDITS: dict[str, tuple[Callable[[str], str], int]] = {
    "another word": (lambda text: text.replace(" money ", " cash ", 1), 0),
    "case": (str.upper, 1),
    "punctuation": (lambda text: text.replace(". ", "; "), 1),
    "a question more": (lambda text: f"{text} And how do you know?", 0),
}


@pytest.mark.parametrize(("edit", "same"), EDITS.values(), ids=EDITS)
def test_nearly_the_same_prompt_is_a_leak(edit: Callable[[str], str], same: int) -> None:
    edited = with_answer(with_prompt(MATHS[2], edit(MATHS[2].prompt)), "5")
    (finding,) = _findings(TRAINING, [*HELD_OUT, edited])
    last = len(HELD_OUT)
    assert list(finding.rows) == [last]
    assert f"1 of {last + 1} rows is also in the training rows" in finding.said
    assert f"{same} word for word: row {last} (training row 2)." in finding.said


def test_the_same_answer_is_no_leak() -> None:
    assert _found(MATHS, [with_answer(row, MATHS[0].answer) for row in INTENTS]) == []


def test_other_system_prompts_hide_no_leak() -> None:
    system = Message("system", "Answer in one word.")
    row = replace(INTENTS[0], messages=(system, *INTENTS[0].messages[1:]))
    assert _found(TRAINING, [row]) == [0]


def test_plain_text_is_looked_up_whole() -> None:
    texts = [Row((Message("text", f"{row.prompt} {row.answer}"),)) for row in MATHS]
    nearly = Row((Message("text", texts[1].answer.replace("Yesterday", "Last week")),))
    assert _found(texts[:3], [texts[4], nearly, texts[2]]) == [1, 2]


def test_a_prompt_that_all_rows_have_is_looked_up_with_its_answer() -> None:
    source, told = random.Random(4), MATHS[2].answer.split()
    jokes = [
        said("user: Tell me a joke, please.", f"assistant: {' '.join(source.sample(told, 20))}")
        for _ in range(80)
    ]
    leaked = with_prompt(jokes[7], "tell me a joke, please")
    assert _found(jokes[:70], [*jokes[70:], leaked]) == [10]


def test_an_instruction_in_every_prompt_does_not_count() -> None:
    instruction = MATHS[2].prompt * 3
    rows = [
        with_prompt(row, f"{instruction} {number} {row.prompt[:20]}")
        for number, row in enumerate(varied(INTENTS, 140))
    ]
    assert _found(rows[:120], [*rows[120:], rows[4]]) == [20]


def test_a_leak_among_many_training_rows_alike_is_found() -> None:
    training = [
        said(f"user: how many days are {number} weeks", "assistant: 7") for number in range(40)
    ]
    assert len(training) > 2 * TRIES
    assert _found(training, [*HELD_OUT, training[33]]) == [len(HELD_OUT)]


def test_no_row_is_compared_with_more_than_a_few() -> None:
    asked, known = Strangers(), Index()
    for _ in range(100):
        asked.see(MATHS[0])
        known.see(MATHS[0])
    assert matches(asked, known) == []
    assert asked.asked == 100 * (1 + TRIES) * (1 + BANDS)


def test_splits_by_groups_have_no_leak() -> None:
    edited = [
        with_answer(with_prompt(row, f"Please: {row.prompt}"), f"{number}")
        for number, row in enumerate(MATHS)
    ]
    groups = groups_of([*REAL, *edited, *REAL[::-1]])
    own = list(range(len(REAL)))
    assert list(groups) == [*own, *range(len(MATHS)), *own[::-1]]
    rows = zip([*REAL, *edited, *REAL[::-1]], groups, strict=True)
    halves: tuple[list[Row], list[Row]] = ([], [])
    for row, group in rows:
        halves[group % 2].append(row)
    assert all(halves) and _found(*halves) == []
