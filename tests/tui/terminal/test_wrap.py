"""Text in lines that fit the terminal."""

import pytest

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
