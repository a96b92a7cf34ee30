"""What a reader cannot see is shown as its escape, and nothing else is changed."""

import json
import unicodedata

import pytest

from lockfiles.harmless import (  # fmt: skip
    escaped,
    is_harmless,
    joined,
    json_text,
    masked,
    named,
    one_line,
    paragraphs,
)

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


def test_joined_lines_are_as_many_as_were_given() -> None:
    assert joined(["a\nb", "c\u2028d", 1]).split("\n") == [r"a\nb", r"c\u2028d", "1"]
    assert paragraphs("a\nb\r", "c") == "a\nb\\r\n\nc"


def test_json_reads_back_the_same_and_nothing_in_it_acts() -> None:
    value = {"".join(map(chr, range(0x3000))): ["\ud800\U000e0041\u202e", "é日本", "\x7f\x9b"]}
    for indent in (None, 2):
        text = json_text(value, indent=indent)
        assert json.loads(text) == value
        assert is_harmless(text.replace("\n", ""))
    assert json_text("é日本") == '"é日本"'
    assert json_text({"a": [1.5, float("nan"), (float("-inf"),)]}) == '{"a": [1.5, null, [null]]}'


def test_a_masked_text_keeps_its_length() -> None:
    text = "a\x1b\n\x7f\x9b\u202e\ud800é"
    assert masked(text) == "a␛␊␡���é" and len(masked(text)) == len(text)


def test_a_name_that_begins_a_line_passes_for_no_line_of_ours() -> None:
    for name in ("demo-1", "NVIDIA H100 80GB", "errors", "runs/a"):
        assert named(name) == name
    for name in ("error: x", "Error x", " hint", "a: b"):
        assert named(name) == f"`{name}`"
