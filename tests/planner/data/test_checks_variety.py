"""Prompts and answers of few patterns, and rows in other languages."""

import random
import re
from itertools import pairwise

import pytest

from planner.data.checks.diversity import Diversity
from planner.data.checks.finding import Finding
from planner.data.checks.languages import Languages, language
from planner.data.checks.sample import EvenSample
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import (
    MATHS,
    REAL,
    TASKS,
    found,
    said,
    varied,
    with_answer,
    with_prompt,
)
from tests.planner.data.faults import TRANSLATED


def _mixed(count: int) -> list[Row]:
    """Rows whose words are those of the shipped rows, in any order."""
    source = random.Random(5)
    words = " ".join(f"{row.prompt} {row.answer}" for row in REAL).split()
    return [
        said(*(f"{who}: {' '.join(source.choices(words, k=20))}" for who in ("user", "assistant")))
        for _ in range(count)
    ]


def _low(rows: list[Row]) -> list[tuple[str, str]]:
    return [(finding.severity, finding.said.split()[1]) for finding in _found(rows)]


def _found(rows: list[Row]) -> list[Finding]:
    findings = found(Diversity(), rows)
    assert all(finding.id == "diversity" for finding in findings)
    return findings


def test_varied_rows_say_nothing() -> None:
    assert not _found(_mixed(200))
    assert not _found(_mixed(3000))


@pytest.mark.parametrize("patterns", [1, 6, 50])
def test_prompts_of_few_patterns_are_a_warning(patterns: int) -> None:
    asked = [f"{row.prompt} And {{}}?" for row in _mixed(patterns)]
    rows = [
        with_prompt(row, asked[n % patterns].format(n % 20)) for n, row in enumerate(_mixed(1000))
    ]
    (finding,) = _found(rows)
    assert finding.severity == "warning" and finding.said.startswith("The prompts have")


def test_answers_of_few_patterns_are_a_note() -> None:
    rows = [
        with_answer(row, f"I am sorry, I cannot do {n % 9}") for n, row in enumerate(_mixed(300))
    ]
    assert _low(rows) == [("note", "answers")]


def test_few_words_in_any_order_are_low() -> None:
    source, words = random.Random(2), TASKS[2].answer.split()[:40]
    rows = [with_prompt(row, " ".join(source.choices(words, k=20))) for row in _mixed(300)]
    assert _low(rows) == [("warning", "prompts")]


def test_the_same_words_before_or_after_each_prompt_are_a_task() -> None:
    rows = _mixed(300)
    before = [with_prompt(row, f"Sum up this text in one line: {row.prompt}") for row in rows]
    after = [with_prompt(row, f"{row.prompt}\nSum up this text in one line.") for row in rows]
    assert not _found(before) and not _found(after)


def test_labels_need_not_differ() -> None:
    rows = [with_answer(row, f"label_{n % 4}") for n, row in enumerate(_mixed(300))]
    assert not _found(rows)


def test_plain_text_and_few_rows() -> None:
    texts = [Row((Message("text", f"The same text, number {n % 5}."),)) for n in range(300)]
    assert _low(texts) == [("warning", "texts")]
    assert not _found(texts[:99])


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_sentence_has_its_language(name: str) -> None:
    assert language(TRANSLATED[name]) == name


SIGHTS = (
    "- Visit the Eiffel Tower\n- Walk along the River Seine\n- See the Palace of Versailles\n"
    "- Stroll through the Jardin des Tuileries\n- Visit the Arc de Triomphe\n"
    "- Visit the Sacré-Cœur Basilica\n- Explore Montmartre"
)


@pytest.mark.parametrize(
    "text",
    [
        SIGHTS,
        "reserve a table for two for 7:30 pm at dibruno's under patrick donoghue",
        "الجميلون لم يولدوا بعد. This is standard Arabic",
        "Die waarde het die korrekte formaat, maar dit is 'n ongeldige datum.",
        "direct_deposit",
        "",
        "72",
        "x = y + 3 * z",
        "Visit the Jardin des Tuileries de Paris",
        "???",
    ],
)
def test_what_tells_nothing_is_unclear(text: str) -> None:
    assert language(text) == ""


def test_rows_in_other_languages_are_found_and_no_other() -> None:
    rows = varied(MATHS, 400)
    planted = {7 + 20 * at: text for at, text in enumerate(TRANSLATED.values())}
    for number, text in planted.items():
        rows[number] = with_answer(rows[number], text)
    (finding,) = found(Languages(), rows)
    assert (finding.id, finding.severity, list(finding.rows)) == (
        "languages",
        "warning",
        [*planted],
    )
    assert finding.said.startswith("The 400 rows are in 18 languages: English 3")


def test_the_prompt_tells_where_the_answer_does_not() -> None:
    rows = varied(MATHS, 50)
    rows[3] = with_answer(with_prompt(rows[3], TRANSLATED["German"]), "72")
    (finding,) = found(Languages(), rows)
    assert list(finding.rows) == [3]


def test_many_rows_of_two_languages_are_a_note() -> None:
    rows = [
        with_answer(row, TRANSLATED["French"]) if n % 3 else row
        for n, row in enumerate(varied(MATHS, 90))
    ]
    (finding,) = found(Languages(), rows)
    assert finding.severity == "note" and list(finding.rows) == list(range(0, 90, 3))


def test_two_languages_in_turn_are_seen_in_a_sample_that_says_so() -> None:
    two = (MATHS[0], with_answer(MATHS[0], TRANSLATED["German"]))
    (finding,) = found(Languages(), (two[n % 2] for n in range(20_001)))
    counts = re.fullmatch(
        r"([\d,]+) of 20,001 rows, evenly spread, are in 2 languages: "
        r"\w+ ([\d,]+), \w+ ([\d,]+), unclear 0.",
        finding.said,
    )
    assert counts
    looked_at, first, second = (int(count.replace(",", "")) for count in counts.groups())
    assert 9_900 < looked_at == first + second < 10_100
    assert abs(first - second) < 100 and finding.rows_found == second
    assert len({row % 2 for row in finding.rows}) == 1


def test_shipped_rows_are_in_one_language() -> None:
    assert not found(Languages(), varied(REAL, 130))


@pytest.mark.parametrize("count", [1, 63, 64, 65, 100, 128, 129, 1000, 10_000])
def test_a_sample_is_even_and_never_too_large(count: int) -> None:
    sample: EvenSample[int] = EvenSample(64)
    for number in range(count):
        if sample.wants(number):
            sample.add(number, -number)
    numbers = [number for number, _ in sample]
    assert min(count, 24) <= len(sample) <= 64
    assert all(kept == -number for number, kept in sample) and numbers == sorted(set(numbers))
    gaps = [after - before for before, after in pairwise([*numbers, count])]
    assert max(gaps, default=1) <= 3 * max(count / len(sample), 1)
