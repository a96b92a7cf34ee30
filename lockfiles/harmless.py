r"""Makes untrusted text harmless: it cannot control a terminal or forge a line.

Every output (terminal, wizard, HTML, model card) shows text from locks, data, models and events
through `one_line`. Characters with effects or without a visible form are shown as escapes: control
characters, line breaks of all kinds, bidirectional marks, invisible characters, lone surrogates and
blank letters. Source: Unicode's categories Cc, Cf, Cs, Zl and Zp and the property
Default_Ignorable_Code_Point, except visible format characters (such as the Arabic number sign), the
two joiners that spelling needs, and variation selectors.
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
"""The characters to escape in JSON text; `json.dumps` already escapes those below a space."""
_WORD = re.compile(r"\s*(error|hint|warning|note)\b", re.IGNORECASE)
"""How lines of this program begin."""
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
MOST_CHARS = 4000
"""Most characters that are shown of one value."""


def one_line(value: object, *, most: int = MOST_CHARS) -> str:
    """Return a value as text on one line, with every character visible.

    Text of more than `most` characters is cut and ends with `…`.
    """
    text = str(value)
    if len(text) > most:
        text = text[: most - 1] + "…"
    return escaped(text)


def escaped(text: str) -> str:
    """Return text of any length with unsafe characters as escapes."""
    return text if text.isascii() and text.isprintable() else _ACTING.sub(_escape, text)


def named(text: str) -> str:
    """Return a name for the start of a line; in backticks where it could be taken for a message."""
    return f"`{one_line(text)}`" if ": " in text or _WORD.match(text) else one_line(text)


def joined(lines: Iterable[object]) -> str:
    """Return lines as one text, in which newlines occur only between the lines."""
    return "\n".join(escaped(str(line)) for line in lines)


def paragraphs(*texts: str) -> str:
    """Return multi-line texts, separated by empty lines."""
    return "\n\n".join(joined(text.split("\n")) for text in texts)


def masked(text: str) -> str:
    """Return text of the same length, with one visible symbol for each unsafe character."""
    return _ACTING.sub(_sign, text)


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON with unsafe characters as JSON escapes; it parses to the same value.

    A number that is not finite becomes null, since JSON has no form for it.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return _ACTING_IN_JSON.sub(_escape_in_json, text)


def is_harmless(text: str) -> bool:
    """Return whether a text has no unsafe characters."""
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
