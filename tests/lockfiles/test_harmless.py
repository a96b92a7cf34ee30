"""What a reader cannot see is shown as its escape, and nothing else is changed."""

import unicodedata

import pytest

from lockfiles.harmless import escaped, is_harmless, one_line

JOINERS = "\u200c\u200d"
VISIBLE_FORMATS = (0x0600, 0x06DD, 0x070F, 0x0890, 0x08E2, 0x110BD, 0x13430, 0x1BCA0)


@pytest.mark.parametrize("category", ["Cc", "Cs", "Zl", "Zp"])
def test_every_character_that_acts_is_escaped(category: str) -> None:
    acting = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == category]
    assert acting
    for character in acting:
        shown = escaped(f"a{character}b")
        assert shown.isascii() and shown.isprintable(), repr(character)


def test_bidirectional_marks_and_invisible_characters_are_escaped() -> None:
    for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0x200B, 0xFEFF, 0xE0041):
        assert escaped(chr(code)).isascii(), hex(code)


def test_what_can_be_seen_stays() -> None:
    words = "Größe 日本語 שלום 👩\u200d👩 \u0645\u06cc\u200c\u062e" + "".join(
        map(chr, VISIBLE_FORMATS)
    )
    assert escaped(words) == words
    assert is_harmless(words)


def test_a_line_stays_one_line_and_has_an_end() -> None:
    assert one_line("a\nerror: b\r\x1b[2J") == r"a\nerror: b\r\x1b[2J"
    assert len(one_line("a" * 100_000)) == 4000
    assert not is_harmless("a\tb")
