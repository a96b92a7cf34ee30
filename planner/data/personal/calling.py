"""Country calling codes (ITU-T E.164), and the lengths of the national numbers."""

import re

_LENGTHS = (
    "1:10-10 7:10-10 20:8-10 27:9-9 30:10-10 31:9-9 32:8-9 33:9-9 34:9-9 36:8-9 39:6-11 40:9-9 "
    "41:9-9 43:7-12 44:9-10 45:8-8 46:7-9 47:8-8 48:9-9 49:6-11 51:8-9 52:10-10 53:6-8 54:10-11 "
    "55:10-11 56:9-9 57:10-10 58:10-10 60:8-10 61:9-10 62:8-12 63:8-10 64:8-10 65:8-8 66:8-9 "
    "81:9-10 82:8-10 84:9-10 86:10-11 90:10-10 91:10-10 92:9-10 93:9-9 94:9-9 95:7-10 98:10-10"
)
_BY_CODE = {
    code: tuple(map(int, lengths.split("-")))
    for code, lengths in (pair.split(":") for pair in _LENGTHS.split())
}
_THREE = re.compile("2[1-69]|3[578]|42|5[09]|6[789]|8[0578]|9[679]")
"""The first two digits of three-digit codes."""
_THREE_LENGTHS = (6, 10)


def national_lengths(digits: str) -> tuple[int, int, int]:
    """Return the number of digits of the calling code, and the minimum and maximum after it.

    `digits` is an international number, starting with the code. An unassigned code gives zeros.
    Lengths are those of fixed and mobile numbers in libphonenumber's metadata 9.0.
    """
    for size in (1, 2):
        if digits[:size] in _BY_CODE:
            low, high = _BY_CODE[digits[:size]]
            return size, low, high
    return (3, *_THREE_LENGTHS) if _THREE.match(digits) else (0, 0, 0)
