"""Copies planted among real rows: exact ones, near ones, and rows that only look alike."""

import hashlib
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from itertools import combinations

import pytest

from lockfiles.errors import UsageProblem
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.plots import Bar, repeats
from planner.data.near.folding import digest
from planner.data.near.groups import KIN, TRIES, first_of_group
from planner.data.near.index import BATCH, Index
from planner.data.near.likeness import Boilerplate, are_near
from planner.data.near.shingles import sides, words
from planner.data.near.signatures import BANDS, Signatures
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
from tests.planner.data.faults import EDITS
from tests.programs import command

LONG = (*MATHS, *[row for row in TASKS if len(row.prompt.split()) > 50])


def _found(rows: Sequence[Row]) -> dict[str, list[int]]:
    findings = found(Duplicates(), rows)
    assert all(finding.severity == "warning" for finding in findings)
    return {finding.id: list(finding.rows) for finding in findings}


def _behind(row: Row) -> dict[str, list[int]]:
    """Return what is found where a row stands behind the real ones."""
    return _found([*REAL, row])


def _edited(row: Row, edit: Callable[[str], str]) -> Row:
    return with_prompt(row, edit(row.prompt))


def test_real_rows_raise_no_alarm() -> None:
    assert _found(REAL) == {}


def test_copies_are_found_where_they_stand() -> None:
    rows = [*REAL, REAL[3], *MATHS[:2], REAL[3]]
    last = len(REAL)
    rows.insert(10, REAL[0])
    (finding,) = found(Duplicates(), rows)
    assert finding.id == "exact-duplicates"
    assert list(finding.rows) == [10, last + 1, last + 2, last + 3, last + 4]
    assert finding.said == "5 of 31 rows are copies of 3 earlier rows."
    assert finding.fix == "remove the copies, keeping the first of each"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: f"  {text}\n",
        lambda text: text.replace(" ", "\n\n"),
        lambda text: text.replace(" ", "\u00a0\t"),
    ],
)
def test_white_space_makes_no_difference(edit: Callable[[str], str]) -> None:
    assert _behind(_edited(REAL[0], edit)) == {"exact-duplicates": [len(REAL)]}


def test_forms_of_unicode_make_no_difference() -> None:
    rows = [
        said("user: Une cr\u00e8me", "assistant: Oui"),
        said("user: Une cre\u0300me", "assistant: Oui"),
    ]
    assert _found(rows) == {"exact-duplicates": [1]}


@pytest.mark.parametrize(
    "other",
    [
        _edited(INTENTS[0], str.upper),
        replace(INTENTS[0], messages=INTENTS[0].messages[1:]),
        replace(INTENTS[0], tools='[{"name":"pay"}]'),
    ],
    ids=["case", "system", "tools"],
)
def test_what_training_sees_differently_is_a_near_duplicate(other: Row) -> None:
    assert _behind(other) == {"near-duplicates": [len(REAL)]}


CALL = Message("assistant", "", '{"tool_calls":[{"function":{"name":"pay","arguments":{"to":1}}}]}')


@pytest.mark.parametrize(
    "other",
    [
        with_answer(INTENTS[0], "transfer"),
        replace(INTENTS[0], messages=(*INTENTS[0].messages[:-1], CALL)),
        replace(MATHS[0], liked=False),
        replace(MATHS[0], rejected=MATHS[1].messages),
    ],
    ids=["answer", "call", "feedback", "rejected"],
)
def test_another_answer_is_no_duplicate(other: Row) -> None:
    assert _behind(other) == {}


def test_calls_of_tools_are_compared() -> None:
    asked = Message("user", "Pay what I owe")
    to_another = replace(CALL, more=CALL.more.replace("1", "2"))
    rows = [Row((asked, call)) for call in (CALL, to_another, CALL)]
    assert _found(rows) == {"exact-duplicates": [2]}


def test_what_stands_in_other_turns_is_no_copy() -> None:
    assert len({digest(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["a b c"])}) == 4


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edited_long_prompts_are_near_duplicates(edit: Callable[[str], str]) -> None:
    planted = [_edited(row, edit) for row in LONG]
    finding = found(Duplicates(), [*REAL, *planted])[0]
    assert finding.id == "near-duplicates"
    assert list(finding.rows) == list(range(len(REAL), len(REAL) + len(LONG)))
    assert f"rows nearly repeat {len(LONG)} earlier rows." in finding.said


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edited_long_answers_are_near_duplicates(edit: Callable[[str], str]) -> None:
    planted = [with_answer(row, edit(row.answer)) for row in MATHS]
    assert _found([*MATHS, *planted]) == {"near-duplicates": [6, 7, 8, 9, 10, 11]}


def test_copies_of_near_duplicates_are_named_once() -> None:
    near = _edited(MATHS[0], EDITS["another word"])
    assert _found([MATHS[0], near, MATHS[1], near, MATHS[0]]) == {
        "exact-duplicates": [3, 4],
        "near-duplicates": [1],
    }


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("set up direct deposit", "Set up direct deposit!", True),
        ("what's my balance", "whats my balance?", False),
        ("how do i say dog in french", "how do i say cat in french", False),
        ("set up direct deposit", "direct deposit set up", False),
        ("hello", "Hello.", True),
        ("hello", "hi", False),
        ("what is 5 - 3", "what is 5 + 3", False),
        ("can you put a stop on my card", "can you put a stop on my card please", True),
    ],
)
def test_in_short_prompts_each_word_counts(one: str, other: str, near: bool) -> None:
    rows = [said(f"user: {prompt}", "assistant: yes") for prompt in (one, other)]
    assert _found(rows) == ({"near-duplicates": [1]} if near else {})


def test_signs_are_no_punctuation() -> None:
    assert words("Is -5 > 3, really? (No!)") == [b"is", b"-5", b">", b"3", b"really", b"no"]
    assert words("\uff21\uff22\u3000c\u2019est") == [b"ab", b"c", b"est"]


def test_scripts_without_spaces_are_compared_by_letters() -> None:
    text = "".join(chr(0x4E00 + number * 7) for number in range(60))
    rows = [
        said(f"user: {text}", f"assistant: {text[:30]}") for text in (text, text[:40] + text[41:])
    ]
    assert _found(rows) == {"near-duplicates": [1]}


def test_questions_about_one_long_text_are_no_duplicates() -> None:
    text = " ".join(row.prompt for row in MATHS)
    asked = [
        said(f"user: {text} {question}", f"assistant: {answer}")
        for question, answer in [("Who sold clips?", "Natalia"), ("How old is Betty?", "Unknown")]
    ]
    assert _found(asked) == {}


def test_one_long_answer_to_different_questions_is_no_duplicate() -> None:
    assert _found([with_answer(row, MATHS[5].answer * 3) for row in INTENTS]) == {}


def test_an_instruction_in_every_prompt_does_not_count() -> None:
    instruction = " ".join(row.prompt for row in MATHS)
    rows = [
        said(f"user: {instruction} {word} {number}", f"assistant: {word}")
        for number, word in enumerate(["refund", "card", "travel"] * 40)
    ]
    assert are_near(sides(rows[0]), sides(rows[3]))
    assert _found(rows) == {}
    assert _found([*rows, _edited(rows[50], str.upper)]) == {"near-duplicates": [120]}


def test_rows_of_nothing_but_what_many_share_are_compared_whole() -> None:
    rows = [
        said("user: Tell me a joke", f"assistant: {'yes' if n % 2 else 'no'}") for n in range(120)
    ]
    assert _found(rows) == {"exact-duplicates": list(range(2, 120))}


@pytest.mark.parametrize("odd", ["", "\ud800 lone", "\x00\x1f", "\U0001f600 \U0001f600"])
def test_odd_text_is_compared_too(odd: str) -> None:
    rows = [*REAL, said(f"user: {odd}", "assistant: "), said(f"user: {odd}", "assistant: ")]
    assert _found(rows) == {"exact-duplicates": [len(REAL) + 1]}


def test_plain_text_and_preferences_are_compared() -> None:
    texts = [Row((Message("text", f"{row.prompt} {row.answer}"),)) for row in MATHS]
    nearly = Row((Message("text", EDITS["another word"](texts[2].answer)),))
    assert _found([*texts, nearly]) == {"near-duplicates": [6]}
    pairs = [
        replace(row, rejected=with_answer(row, MATHS[n - 1].answer).messages)
        for n, row in enumerate(MATHS)
    ]
    again = _edited(pairs[2], EDITS["another word"])
    assert _found([*pairs, again]) == {"near-duplicates": [6]}


def _shuffled(rows: int) -> list[Row]:
    """Make rows of which many are edited more or less, far below and above the threshold."""
    source = random.Random(3)
    made = varied(REAL, rows, seed=1)
    vocabulary = " ".join(row.prompt for row in REAL).split()
    for number in range(rows // 3, rows):
        row = made[source.randrange(number)]
        text = row.prompt.split()
        for _ in range(source.randrange(4)):
            text[source.randrange(len(text))] = source.choice(vocabulary)
        made[number] = with_prompt(row, " ".join(text))
    source.shuffle(made)
    return made


def test_groups_are_those_of_comparing_all_pairs() -> None:
    rows = _shuffled(BATCH + 176)
    index = Index()
    for row in rows:
        index.see(row)
    group = first_of_group(index)
    known = [index.boilerplate.told_apart_by(sides(row)) for row in rows]
    near = [
        pair for pair in combinations(range(len(rows)), 2) if are_near(*[known[n] for n in pair])
    ]
    leads = list(range(len(rows)))
    for early, late in near:
        one, other = sorted((leads[early], leads[late]))
        leads = [one if lead == other else lead for lead in leads]
    together = sum(group[early] == group[late] for early, late in near)
    assert len(near) > 500 and together >= 0.995 * len(near)
    assert all(leads[row] == leads[first] and first <= row for row, first in enumerate(group))


def test_a_group_goes_by_its_first_row_even_through_others() -> None:
    text, other = MATHS[2].prompt.split(), MATHS[5].prompt.split()
    steps = [" ".join([*other[:at], *text[at:]]) for at in (0, 4, 7)]
    rows = [said(f"user: {step}", "assistant: 4") for step in steps]
    assert not are_near(sides(rows[0]), sides(rows[2]))
    index = Index()
    for row in (*MATHS[3:], rows[0], rows[2], rows[1]):
        index.see(row)
    assert list(first_of_group(index)) == [0, 1, 2, 3, 3, 3]


def test_no_row_is_compared_with_more_than_a_few() -> None:
    index = Strangers()
    for _ in range(200):
        index.see(MATHS[0])
    assert list(first_of_group(index)) == list(range(200))
    assert 100 * KIN * BANDS < index.asked <= 200 * (1 + TRIES) * (1 + BANDS)


class _Chain(Index):
    """Rows that share one band and are near the next one only."""

    def columns(self) -> Iterator[Sequence[int]]:
        yield range(len(self))
        yield [0] * len(self)

    def are_near(self, one: int, other: Index, of_other: int) -> bool:
        return abs(one - of_other) == 1


def test_a_group_grows_through_rows_that_joined_it() -> None:
    index = _Chain()
    for _ in range(6):
        index.see(MATHS[0])
    assert list(first_of_group(index)) == [0] * 6


SIGNED = "5095c5e1ba0058dc013406926a354722fcca6fdbb66df0b304ab5fa7527e69db"


def test_signatures_are_the_same_in_every_process() -> None:
    signatures = Signatures()
    signatures.add([sides(row) for row in REAL])
    mine = f"{[list(column) for column in signatures.columns()]}\n".encode()
    printed = subprocess.run(command("print_signatures"), capture_output=True, check=True)
    assert printed.stdout == mine
    assert hashlib.sha256(mine).hexdigest() == SIGNED


def test_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(BytesIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(UsageProblem, match="has no space to compare the rows: No space left"):
        _found(MATHS)


def test_boilerplate_is_what_a_fifth_of_the_rows_share() -> None:
    shared, own = Boilerplate(), Boilerplate()
    shared.learn([({1, number + 9}, {2}) for number in range(50)])
    own.learn([({1, number + 9}, {2}) for number in range(49)])
    assert shared.told_apart_by(({1, 5}, {2})) == ({5}, {2})
    assert own.told_apart_by(({1, 5}, {2})) == ({1, 5}, {2})
    assert shared.asked_by(({1, 5}, {7})) == ({5}, set())
    assert shared.asked_by(({1}, {7})) == ({1}, {7})
    assert shared.asked_by((set(), {7})) == (set(), {7})


def test_how_often_the_same_is_said_is_told_by_size() -> None:
    assert repeats([1, 1, 2, 2, 3, 7, 150]) == (
        Bar("once", 2), Bar("twice", 4), Bar("3 or 4 times", 3), Bar("5 to 10 times", 7),
        Bar("over 100 times", 150),
    )  # fmt: skip
    assert repeats([1, 1, 1]) == ()
    assert repeats([2, 2]) == (Bar("twice", 4),)
