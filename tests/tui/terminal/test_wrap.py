"""Text in lines that fit the terminal."""

import pytest
from rich.cells import cell_len

from tui.terminal.wrap import folded, wrapped


def test_what_is_wrapped_stands_below_where_it_began() -> None:
    assert wrapped("Data     one two three", 19) == ["Data     one two", "         three"]
    assert wrapped("  + one two three", 14) == ["  + one two", "    three"]
    assert wrapped("one two-thirds", 11) == ["one", "two-thirds"]


def test_text_is_folded_at_the_terminal_s_width_and_not_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "word " * 60
    monkeypatch.delenv("COLUMNS", raising=False)
    assert folded(text) == [text]
    for columns, widest in (("40", 39), ("300", 99)):
        monkeypatch.setenv("COLUMNS", columns)
        assert widest - 5 < max(map(len, folded(text))) <= widest


@pytest.mark.parametrize("breaks", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_is_broken_nowhere_but_at_its_width(breaks: str) -> None:
    assert len(wrapped(f"a{breaks}error: b", 99)) == 1


@pytest.mark.parametrize("width", [12, 20, 39, 79])
@pytest.mark.parametrize(
    "text",
    [
        "labels    非常に長いラベル名前その00号 321, 非常に長いラベル名前その21号 12",
        "labels    " + "ラ" * 90,
        "größer als " * 20,
        "note      e\u0301te\u0301 " * 9,
        "a 👩‍👩‍👧 b " * 12,
        "  + ひらがな カタカナ " * 6,
    ],
)
def test_wide_characters_fit_the_columns_and_none_is_lost(text: str, width: int) -> None:
    pieces = wrapped(text, width)
    start = 14  # the deepest indent
    assert max(map(cell_len, pieces)) <= max(width, start + 10)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_ascii_and_wide_lines_are_wrapped_alike() -> None:
    for text in (
        "Data     one two three",
        "  + one two three",
        "one two-thirds",
        "abc" * 30 + " d",
    ):
        wide = [line.replace("ö", "o") for line in wrapped(text.replace("o", "ö"), 19)]
        assert wide == wrapped(text, 19)
