"""Strings that a stranger may put wherever text is read, drawn with a fixed seed."""

import random
import unicodedata
from collections.abc import Iterator

FORGED = "FORGED"
"""Stands behind what would pass for a line of ours, wherever a string breaks its line."""
UNEXPECTED = "Unexpected error"
_LINES = ("error: ", "hint: ", "warning: ", "run  done: ", "✓ ")
_BREAKS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
_ACTS = (
    "\x1b[2J", "\x1b[1A\x1b[2K", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZWNobyB4\x07", "\x1bP$q\x1b\\", "\x1b[?1049h", "\x1bc", "\x9b31m", "\x9d0;t\x9c",
    "\x90q\x9c", "\x08" * 9, "\x00", "\x07", "\x7f", "\x0e", "\x1b(0", "\t",
    "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\ufeff", "\xad", "\u3164",
    "\U000e0041\U000e007f", "\ufff9", "\u180e", "\ud800", "\udc80", "\udfff\ud800",
)  # fmt: skip
_MARKUP = (
    "[red]x[/]", "[@click=app.quit]x[/]", "[link=http://x]x[/link]", "[/nothing]", "[", "]",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'><b>", "&lt;", "]]>", "-->",
    "[x](javascript:x)", "# title", "| a | b |", "```", "{{ 7 * 7 }}", "%s %d {0} {x}", "\\", "`",
    "$(touch x)", "; rm -rf ~", "<class:red>x</class:red>",
)  # fmt: skip
_PLAIN = (
    "a",
    "name",
    "日本語",
    "שלום",
    "é",
    "👩\u200d👩",
    "0",
    " ",
    "x" * 90,
    "z\u0301" * 20,
    "\u0301" * 300,
)
_LONG = 100_000


def strings(count: int, seed: int = 1) -> Iterator[str]:
    """Yield hostile strings: each kind alone first, then mixed, every hundredth very long."""
    draw = random.Random(seed)
    alone = [_broken(one, draw) for one in (*_BREAKS, *_ACTS, *_MARKUP)]
    for number in range(count):
        if number < len(alone):
            yield alone[number]
            continue
        parts = draw.choices((*_ACTS, *_MARKUP, *_PLAIN), k=draw.randint(1, 6))
        parts += [_line(draw) for _ in range(draw.randint(0, 2))]
        draw.shuffle(parts)
        text = "".join(parts)
        yield text * (_LONG // len(text)) if number % 100 == 99 else text


def _line(draw: random.Random) -> str:
    return f"{draw.choice(_BREAKS)}{draw.choice(_LINES)}{FORGED} "


def _broken(what: str, draw: random.Random) -> str:
    return f"a{what}{_line(draw)}{what}b"


def faults(text: str) -> list[str]:
    """Return what is wrong with a text that was shown.

    Characters that act, lines that pass for ours, and faults that nobody expected.
    """
    acting = {char for char in set(text) if char != "\n" and acts(char)}
    begins = tuple(f"{line}{FORGED}" for line in _LINES)
    forged = [line for line in text.split("\n") if line.lstrip().startswith(begins)]
    fallen = [text[:200]] if UNEXPECTED in text else []
    return [f"U+{ord(char):04X}" for char in sorted(acting)] + [
        line[:120] for line in forged + fallen
    ]


def acts(char: str) -> bool:
    """Return whether a character acts instead of being seen, as Unicode's data has it."""
    kind = unicodedata.category(char)
    if kind in ("Cc", "Zl", "Zp", "Cs"):
        return True
    return unicodedata.bidirectional(char) in _BIDIRECTIONAL or char in "\u200b\ufeff\xad\u3164"


_BIDIRECTIONAL = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
