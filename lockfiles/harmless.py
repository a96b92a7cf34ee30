r"""Text from a file, made harmless: nothing in it can steer a terminal or forge a line.

Every face (terminal, wizard, HTML, model card) shows what came out of a lock, data, a model or
events through `one_line`. Characters that act instead of being seen are shown as their escapes:
control characters and newlines of all kinds, bidirectional marks, invisible ones, halves of
surrogate pairs, letters that are blank. Source: Unicode's categories Cc, Cf, Cs, Zl and Zp and the
property Default_Ignorable_Code_Point, without the format characters that are visible (such as the
Arabic number sign), the two joiners that spelling needs, and the selectors of a glyph's variant.
"""

import json
import math
import re
from collections.abc import Iterable

_LETTERS = (
    "\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_ACTING = re.compile(f"[\x00-\x1f{_LETTERS}]")
_ACTING_IN_JSON = re.compile(f"[{_LETTERS}]")
"""What `json.dumps` leaves: all below a space is its line ends, or escaped already."""
_WORD = re.compile(r"\s*(error|hint|warning|note)\b", re.IGNORECASE)
"""How lines of ours begin."""
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
MOST_CHARS = 4000
"""What is shown of one value at most."""


def one_line(value: object, *, most: int = MOST_CHARS) -> str:
    """Return a value as text on one line, in which every character can be seen.

    What is longer than `most` characters ends with `…`.
    """
    text = str(value)
    if len(text) > most:
        text = text[: most - 1] + "…"
    return escaped(text)


def escaped(text: str) -> str:
    """Return text of any length with the characters that act as their escapes."""
    return text if text.isascii() and text.isprintable() else _ACTING.sub(_escape, text)


def named(text: str) -> str:
    """Return a name that begins a line; in backticks where the line could pass for another."""
    return f"`{one_line(text)}`" if ": " in text or _WORD.match(text) else one_line(text)


def joined(lines: Iterable[object]) -> str:
    """Return lines as one text: the only newlines in it are those between the lines."""
    return "\n".join(escaped(str(line)) for line in lines)


def paragraphs(*texts: str) -> str:
    """Return texts of several lines with an empty line between them."""
    return "\n\n".join(joined(text.split("\n")) for text in texts)


def masked(text: str) -> str:
    """Return text of the same length, with one visible sign for each character that acts."""
    return _ACTING.sub(_sign, text)


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON that reads back the same, with what acts as JSON's own escapes.

    A number that is not finite, which JSON lacks, becomes null.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return _ACTING_IN_JSON.sub(_escape_in_json, text)


def is_harmless(text: str) -> bool:
    """Return whether a text is shown as it is."""
    return _ACTING.search(text) is None


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"


def _escape_in_json(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
