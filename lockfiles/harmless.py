r"""Text from a file, made harmless: nothing in it can steer a terminal or forge a line.

Every face (terminal, wizard, HTML, model card) shows what came out of a lock, data, a model or
events through `one_line`. Characters that act instead of being seen are shown as their escapes:
control characters and newlines of all kinds, bidirectional marks, invisible ones, halves of
surrogate pairs. Source: Unicode's categories Cc, Cf, Cs, Zl and Zp, without the format characters
that are visible (such as the Arabic number sign) and the two joiners that spelling needs.
"""

import re

_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
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


def is_harmless(text: str) -> bool:
    """Return whether a text is shown as it is."""
    return _ACTING.search(text) is None


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"
