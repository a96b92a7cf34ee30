"""Empty prompts and answers, answers of one word, labels out of balance."""

from dataclasses import replace

from planner.data.checks.answers import Empty, OneWord
from planner.data.checks.balance import Imbalance
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
    with_answers,
    with_prompt,
)


def test_empty_finds_each_planted_row_and_no_other() -> None:
    rows = with_answers(varied(MATHS, 60), {4: "", 9: " \n\t ", 11: "\u200b\ufeff", 20: "\u00a0"})
    rows[5], rows[59] = with_prompt(rows[5], ""), with_prompt(rows[59], "\n")
    answers, prompts = found(Empty(), rows)
    assert (answers.id, answers.severity, list(answers.rows)) == (
        "empty",
        "warning",
        [4, 9, 11, 20],
    )
    assert answers.said == "4 of 60 rows have an empty answer."
    assert (prompts.id, prompts.severity, list(prompts.rows)) == ("empty", "warning", [5, 59])
    assert prompts.said == "2 of 60 rows have an empty prompt."


def test_empty_text_and_the_rejected_answer() -> None:
    ask, good, none = Message("user", "a"), Message("assistant", "b"), Message("assistant", "")
    rows = [Row((ask, good), rejected=(ask, none)), said("text:  "), Row((ask, good))]
    answers, texts = found(Empty(), rows)
    assert list(answers.rows) == [0] and list(texts.rows) == [1]


def test_a_call_without_words_a_system_turn_and_a_tool_are_not_empty() -> None:
    call = Message("assistant", "", '{"tool_calls":[{"type":"function"}]}')
    ask, tool, good = Message("user", "a"), Message("tool", ""), Message("assistant", "b")
    assert not found(Empty(), [Row((Message("system", ""), ask, call, tool, good))])
    assert not found(Empty(), REAL)


def test_few_one_word_answers_are_a_warning() -> None:
    rows = with_answers(
        varied(MATHS, 100), {7: "72", 8: " yes\n", 50: "是的", 99: "direct_deposit"}
    )
    (finding,) = found(OneWord(), rows)
    assert (finding.id, finding.severity) == ("one-word", "warning")
    assert list(finding.rows) == [7, 8, 50, 99]


def test_one_word_answers_of_a_classification_are_a_note() -> None:
    (finding,) = found(OneWord(), INTENTS)
    assert (finding.severity, finding.rows_found, finding.fix) == ("note", 12, "")


def test_unspaced_scripts_addresses_and_empty_answers_are_no_word() -> None:
    answers = [
        "她周一去了学校但是却发现没有其他的同学。",
        "https://example.org/a/path/that/is/longer",
        "",
        "\u200b",
        "no one",
    ]
    assert not found(OneWord(), [with_answer(MATHS[0], answer) for answer in answers])
    assert not found(OneWord(), [*MATHS, *TASKS])


def _labelled(*counts: int) -> list[Row]:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    rows = varied(INTENTS, len(labels))
    return with_answers(rows, {n: f"intent_{label}" for n, label in enumerate(labels)})


def test_a_rare_label_is_a_warning_with_its_rows() -> None:
    (finding,) = found(Imbalance(), _labelled(100, 90, 100, 7))
    assert (finding.id, finding.severity) == ("imbalance", "warning")
    assert list(finding.rows) == list(range(290, 297))
    assert (
        "`intent_0` has 100 rows and `intent_3` 7; an even share would be 74 (25%)" in finding.said
    )


def test_a_rather_rare_label_is_a_note() -> None:
    (finding,) = found(Imbalance(), _labelled(80, 20))
    assert finding.severity == "note" and list(finding.rows) == list(range(80, 100))


def test_balanced_labels_say_nothing() -> None:
    assert not found(Imbalance(), _labelled(50, 50, 50, 20))


def test_one_label_only_is_a_warning() -> None:
    (finding,) = found(Imbalance(), varied(INTENTS[:3], 60))
    assert finding.severity == "warning" and "same label, `direct_deposit`" in finding.said


def test_answers_that_are_no_labels_say_nothing() -> None:
    assert not found(Imbalance(), varied(MATHS, 300))
    numbers = {n: str(n % 47) for n in range(300)}
    assert not found(Imbalance(), with_answers(varied(MATHS, 300), numbers))
    many = {n: str(n // 10 if n < 20_000 else 5) for n in range(30_000)}
    assert not found(Imbalance(), with_answers([MATHS[0]] * 30_000, many))
    half_free = {n: "yes" if n % 8 else "no" for n in range(150)}
    assert not found(Imbalance(), with_answers(varied(MATHS, 300), half_free))


def test_good_and_bad_answers_out_of_balance() -> None:
    rows = [replace(row, liked=n % 20 != 0) for n, row in enumerate(varied(MATHS, 200))]
    (finding,) = found(Imbalance(), rows)
    assert finding.severity == "warning" and list(finding.rows) == list(range(0, 200, 20))
    assert "`good` has 190 rows and `bad` 10" in finding.said
