"""Guesses the encoding of text that is not UTF-8, from its bytes."""

import re
from collections.abc import Callable

_RUN = re.compile(rb"[\x80-\xff]{3,}")
_HALF = 0.5
_MOST_RUNS = 0.6
"""Share of the other bytes in long runs, above which a text is not in Latin letters."""
_KANA = re.compile("[\u3041-\u30fe]")
_CENTRAL = re.compile("[a-z][³¹¿]|[³¹][a-z]|[a-z][ìù][a-z]")
"""Polish and Czech letters, read as Western European."""
_TURKISH = re.compile("[a-z][ðþý]|[ðþý][a-z]|Ý[a-z]")


def encoding_of(found: bytes) -> str:
    """Return the name of the likely encoding of some lines, as `iconv` has it; empty if none is
    likely."""
    other = sum(byte > 0x7F for byte in found)
    if sum(map(len, _RUN.findall(found))) >= _MOST_RUNS * other or _japanese(found):
        return next((name for name, is_it in _SCRIPTS.items() if is_it(found)), "")
    return _european(found)


def _european(found: bytes) -> str:
    text = found.decode("cp1252", errors="replace")
    if _CENTRAL.search(text):
        return "WINDOWS-1250"
    return "WINDOWS-1254" if _TURKISH.search(text) else "WINDOWS-1252"


def _japanese(found: bytes) -> bool:
    text = _decoded(found, "cp932")
    wide = [char for char in text if char > "\u2fff"]
    return len(_KANA.findall(text)) > 0.2 * len(wide) and not re.search("[\uff61-\uff9f]", text)


def _cyrillic(found: bytes) -> bool:
    text = _decoded(found, "cp1251")
    other = [char for char in text if char > "\x7f"]
    return sum("\u0430" <= char <= "\u044f" for char in other) > _HALF * len(other) > 0


def _two_bytes(found: bytes) -> list[bytes]:
    return re.findall(rb"[\x81-\xfe][\x40-\xfe]", found)


def _korean(found: bytes) -> bool:
    text = _decoded(found, "cp949")
    other = [char for char in text if char > "\x7f"]
    return sum("가" <= char <= "힣" for char in other) > 0.9 * len(other) > 0


def _chinese(found: bytes) -> bool:
    pairs = _two_bytes(found)
    common = sum(b"\xb0" <= pair[:1] <= b"\xd7" and pair[1] >= 0xA1 for pair in pairs)
    return bool(_decoded(found, "gb18030")) and common > _HALF * len(pairs) > 0


def _traditional(found: bytes) -> bool:
    pairs = _two_bytes(found)
    common = sum(b"\xa4" <= pair[:1] <= b"\xc6" for pair in pairs)
    return bool(_decoded(found, "big5")) and common > _HALF * len(pairs) > 0


def _decoded(found: bytes, encoding: str) -> str:
    try:
        return found.decode(encoding)
    except UnicodeDecodeError:
        return ""


_SCRIPTS: dict[str, Callable[[bytes], bool]] = {
    "CP932": _japanese,
    "WINDOWS-1251": _cyrillic,
    "CP949": _korean,
    "GB18030": _chinese,
    "BIG5": _traditional,
}
