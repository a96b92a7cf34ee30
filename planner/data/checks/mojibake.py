"""Recognizes UTF-8 that was decoded as Windows-1252, Latin-1 or Windows-1251.

Such text becomes valid again when it is encoded with the wrong encoding and decoded as UTF-8, which
natural text hardly ever does. The exceptions, a letter with closing marks as in `É»`, are ignored.
"""

import re

_WINDOWS_1252 = bytes(range(0x80, 0xA0)).decode("cp1252", errors="ignore")
_LATIN_1 = str.maketrans({char: char.encode("cp1252").decode("latin-1") for char in _WINDOWS_1252})
_LATIN_RUN = re.compile(f"[\xc2-\xf4][\x80-\xbf{_WINDOWS_1252}]{{1,3}}")
_CYRILLIC_RUN = re.compile("(?:[\u0420\u0421][^\x00-\x7f\u0410-\u044f]){3,}")
_CLOSING = frozenset("\xa0\xb9\xb2\xb3\xbb\u2013\u2014\u2019\u201d\u2026\u203a\u2122")
"""No-break spaces, dashes, closing quotes, superscripts, dots: what people write after an accented
letter."""
_PLAUSIBLE = re.compile(
    "[\u00a0-\u021b\u0386-\u0481\u05d0-\u05ea\u0621-\u064a\u0900-\u0e7f\u1e00-\u1eff\u2010-\u2bff"
    "\u3001-\u9fff\uac00-\ud7a3\ufeff-\uff5e\ufffd\U0001f300-\U0001faff]"
)
"""Characters that repaired text consists of: those in use today."""


def is_mojibake(text: str) -> bool:
    """Return whether part of a text was decoded wrongly."""
    return any(map(_was_utf8, _LATIN_RUN.finditer(text))) or any(
        map(_was_cyrillic, _CYRILLIC_RUN.findall(text))
    )


def _was_utf8(run: re.Match[str]) -> bool:
    if all(char in _CLOSING or char.isalpha() for char in run[0][1:]) and _is_natural(run):
        return False
    meant = run[0].translate(_LATIN_1).encode("latin-1").decode("utf-8", errors="ignore")
    return _PLAUSIBLE.match(meant) is not None


def _is_natural(run: re.Match[str]) -> bool:
    """Return whether a run of letters and closing marks is natural text."""
    lead, before = run[0][0], run.string[run.start() - 1 : run.start()]
    capital_in_word = lead.isupper() and before.islower()
    return not (capital_in_word or (lead in "ÂÃ" and not before.isupper()))


def _was_cyrillic(run: str) -> bool:
    try:
        run.encode("cp1251").decode("utf-8")
    except UnicodeError:
        return False
    return True
