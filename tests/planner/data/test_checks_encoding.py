"""Characters that did not come through whole."""

# ruff: noqa: RUF001  characters that look alike are what this is about

import pytest

from planner.data.checks.encoding import Encoding
from planner.data.checks.mojibake import is_mojibake
from planner.data.rows.rows import Message, Row
from tests.planner.data.check_rows import MATHS, REAL, found, varied, with_answers, with_prompt
from tests.planner.data.faults import WORDS, misread

NATURAL = [
    "«\u00a0Il était à l’été\u00a0», dit-il — déjà\u00a0: «\u00a0là\u00a0».",
    "„Schluß“, sagte Ö… Das Café–Ü» war „zu“ — CAFÉ» und TOUCHÉ”!",
    "O AÇAÍ DA MAÇÃ» É ÓTIMO; IRMÃ” VOILÀ…",
    "v nejnížším patře, ížš",
    "“FÅ” på svenska, Ä™",
    "РАСПИСАНИЕ РС РС РС",
    "Janet’s ducks — 5×½, ±2²³",
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_utf8_read_as_something_else(word: str, encoding: str) -> None:
    assert is_mojibake(misread(word, encoding))


def test_cyrillic_read_as_windows_1251() -> None:
    assert is_mojibake(misread("Привет, мир", "cp1251"))


@pytest.mark.parametrize("text", [*WORDS, *NATURAL])
def test_what_people_write(text: str) -> None:
    assert not is_mojibake(text)


def test_each_kind_is_found_where_it_was_planted() -> None:
    rows = varied(MATHS, 80)
    answer = rows[0].answer
    planted = {
        3: answer.replace("clips", "cafÃ©s"),
        8: answer + "\ufffd",
        21: answer + "\x00",
        22: "\ufeff" + answer,
        40: answer.replace(" ", "\x07", 1),
    }
    rows = with_answers(rows, planted)
    rows[70] = with_prompt(rows[70], "It\u2019s \u00e2\u20ac\u2122s")
    (finding,) = found(Encoding(), rows)
    assert (finding.id, finding.severity) == ("encoding", "warning")
    assert list(finding.rows) == [3, 8, 21, 22, 40, 70]
    assert finding.said.startswith("6 of 80 rows have broken characters: ")
    for kind in (
        "decoded text such as `Ã©` (2)",
        "control characters (2)",
        "(U+FFFD) (1)",
        "byte order marks (1)",
    ):
        assert kind in finding.said


def test_every_control_character_but_tabs_and_line_ends() -> None:
    spaces = set("\t\n\r")
    controls = [c for c in map(chr, (*range(0x20), *range(0x7F, 0xA0))) if c not in spaces]
    rows = [with_prompt(MATHS[0], f"Where{char}to?") for char in controls]
    (finding,) = found(Encoding(), rows)
    assert finding.rows_found == len(controls) == 62


def test_half_a_character_is_refused() -> None:
    rows = with_answers(varied(MATHS, 20), {6: "\ud83d smile"})
    call = Message("assistant", "", '{"tool_calls":["\udc00"]}')
    rows[9] = Row((rows[9].messages[0], call))
    (finding,) = found(Encoding(), rows)
    assert (finding.id, finding.severity, list(finding.rows)) == ("encoding", "refused", [6, 9])


def test_clean_rows_say_nothing() -> None:
    assert not found(Encoding(), REAL)
    assert not found(Encoding(), with_answers(MATHS, dict(enumerate([*NATURAL[:5], "a\r\n\tb"]))))
