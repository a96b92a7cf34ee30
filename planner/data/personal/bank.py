"""Payment card numbers and international bank account numbers."""

import re
from collections.abc import Iterator

from planner.data.personal.checksums import luhn, mod_97
from planner.data.personal.span import Span

_CARD = re.compile(
    r"[2-6](?<![\w.-][2-6])[0-9]{3}(?:"
    r"[0-9]{10,15}|([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?|([ -])[0-9]{6}\2[0-9]{4,5}"
    r")(?!\w|[.-][0-9])"
)
"""14 to 19 digits in one piece, in groups of four, or as 4-6-4 and 4-6-5."""
_ISSUED = re.compile(
    r"4[0-9]{15}(?:[0-9]{3})?"  # Visa; those of 13 digits are no longer issued
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"  # American Express; above: Mastercard
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12,15}"  # Discover
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11,16}"  # Diners Club
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
    r"|62[0-9]{14,17}"  # UnionPay
    r"|(?:5018|5019|5020|5038|5893|6304|6759|676[1-3])[0-9]{10,15}"  # Maestro and Dankort
    r"|220[0-4][0-9]{12,15}"  # Mir
)
"""Prefixes and lengths that the card schemes publish (ISO/IEC 7812)."""
_IBAN = re.compile(r"[A-Z][A-Z][0-9]{2}(?<![A-Za-z0-9].{4})[ -]?(?=[A-Z0-9]{4})")
_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
IBAN_LENGTHS = {pair[:2]: int(pair[2:]) for pair in _LENGTHS.split()}
"""Length of an IBAN by country, from SWIFT's IBAN registry (python-stdnum 2.2)."""


def cards(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield card numbers of 14 to 19 digits with an issuer's prefix and a valid Luhn digit."""
    for match in _CARD.finditer(text, start, end):
        digits = match[0].replace(" ", "").replace("-", "")
        if _ISSUED.fullmatch(digits) and luhn(digits):
            yield Span("CARD", match.start(), match.end())


def ibans(text: str) -> Iterator[Span]:
    """Yield IBANs in capitals, with or without spaces, with a valid length and checksum."""
    for match in _IBAN.finditer(text):
        start = match.start()
        end = _end(text, start, IBAN_LENGTHS.get(text[start : start + 2], 0))
        if end:
            code = text[start:end].replace(" ", "").replace("-", "")
            if mod_97(code[4:] + code[:4]) == 1:
                yield Span("IBAN", start, end)


def _end(text: str, start: int, length: int) -> int:
    """Return the end of `length` capitals and digits with single separators; else 0."""
    at, left = start, length
    while left and at < len(text):
        char = text[at]
        if char.isascii() and (char.isdigit() or char.isupper()):
            left -= 1
        elif char not in " -" or text[at - 1] in " -":
            return 0
        at += 1
    complete = length and not left and not text[at : at + 1].isalnum()
    return at if complete else 0
