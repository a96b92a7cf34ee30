"""Finds phone numbers, in the forms in which people write them."""

import re
from collections.abc import Iterator

from planner.data.personal.calling import national_lengths
from planner.data.personal.span import Span
from planner.data.personal.words import has_word, last

_INTERNATIONAL = re.compile(
    r"(?<![\w+./-])(?<![0-9],)(?:\+|(?<![0-9] )00)[1-9](?:[ ./()-]{0,2}[0-9]){7,15}(?!\w|-\w)",
    re.ASCII,
)
_AMERICAN = re.compile(
    r"(?<![\w.+$/-])(?:(?:1[ .-]?)?\([0-9]{3}\)[ .-]?[0-9]{3}[ .-]?[0-9]{4}"
    r"|(?:1[ .-])?[2-9][0-9]{2}([.-])[2-9][0-9]{2}\1[0-9]{4})(?!\w|[.-]\w| ?[=*+\xd7])",
    re.ASCII,
)
"""The North American plan; without parentheses neither area nor exchange starts with 0 or 1."""
_BRAZILIAN = re.compile(r"\([1-9][0-9]\) ?9?[0-9]{4}-[0-9]{4}(?!\w|[.-]\w)", re.ASCII)
_TRUNK = re.compile(
    r"(?<![\w.+/-])(?<![0-9][ ,])(?:\((?=[0-9]{2,5}\)))?0[1-9]"
    r"(?:(?:[ ./-]{0,2}|\) ?)[0-9]){7,12}(?!\w|-\w)",
    re.ASCII,
)
"""With the trunk prefix `0` of most numbering plans."""
_ANY = re.compile(
    r"(?<![\w.+-])(?:\((?=[0-9]{1,5}\)))?[0-9](?:[ ().-]{0,2}[0-9]){6,14}"
    r"(?!\w|[.,-]\w| ?[=*+\xd7/])",
    re.ASCII,
)
_DECIMAL = re.compile("[0-9]+[.][0-9]+")
_GROUP = re.compile("[0-9]+")
_DATE = re.compile(
    r"[0-9]{1,2}([./-])[0-9]{1,2}\1(?:19|20)?[0-9]{2}(?![0-9])|[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])"
)
_ZIP_OR_SSN = re.compile("(?:[0-9]{5}-|[0-9]{3}([ -])[0-9]{2}\\1)[0-9]{4}(?![0-9])")
_YEARS = re.compile("(?:19|20)[0-9]{2}[ /-](?:19|20)[0-9]{2}(?![0-9])")
_NOUNS = (
    "(?:tele)?phones?|tel|t[eé]l[eé]fono?|telefone?|t[eé]l[eé]phone|t[eé]l|mobile?|mob|m[oó]vil|cell"
    "|cellphone|celular|handy|portable|fax|whatsapp|hotline|landline|toll[- ]free"
    "|(?:contact|my|his|her|our|your) (?:number|no)|тел|телефон"
)
_VERBS = "call|dial|ring|text|sms|reach|appelez|llam\\w+|ll[aá]m\\w+|chiama\\w*|ligue|bel|rufen"
_NAMED = re.compile(f"{has_word(_NOUNS).pattern}|电话|手机|電話|手機|전화|휴대폰", re.IGNORECASE)
_CALLED = has_word(_VERBS)
_OTHER = has_word(
    "order|invoice|ticket|reference|ref|case|account|serial|version|isbn|tracking|confirmation"
    "|model|zip|code|pin|price|cost|sku|part|id|imei"
)
_BARE = 10
"""Minimum digits of an ungrouped number after a verb such as `call`."""


def phones(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield numbers in international form, in the forms of North America, Brazil and plans with a
    leading `0`, and numbers of 7 to 13 digits after a word such as `phone` or `call`.

    Spans may overlap; numbers reserved for fiction are included.
    """
    for pattern in (_AMERICAN, _BRAZILIAN):
        for match in pattern.finditer(text, start, end):
            yield Span("PHONE", match.start(), match.end())
    for pattern, end_of in _ENDS:
        for match in pattern.finditer(text, start, end):
            number_end = end_of(text, match)
            if number_end:
                yield Span("PHONE", match.start(), number_end)


def _groups(match: re.Match[str]) -> list[tuple[str, int]]:
    """Return the runs of digits, each with its end in the text."""
    first = match.start()
    return [(run[0], first + run.end()) for run in _GROUP.finditer(match[0])]


def _international_end(text: str, match: re.Match[str]) -> int:
    """Return the end of the longest number that its country allows; 0 if there is none."""
    groups = _groups(match)
    if match[0].startswith("00"):
        if len(groups) == 1:
            return 0
        groups[0] = (groups[0][0][2:], groups[0][1])
    digits, found = "", 0
    trunk = "(0)" in match[0]
    for run, end in groups:
        digits += "" if trunk and run == "0" else run
        code, low, high = national_lengths(digits)
        if code and low <= len(digits) - code <= high and len(set(digits[code:])) > 1:
            found = end
    return 0 if digits.startswith(("10", "11")) else found


def _trunk_end(text: str, match: re.Match[str]) -> int:
    """Return the end of 9 to 12 digits in several groups: five pairs, or one longer group."""
    groups = _groups(match)
    if all(len(run) == 2 for run, _ in groups):
        return groups[-1][1] if len(groups) == 5 else 0
    if any(other.match(match[0]) for other in (_DATE, _ZIP_OR_SSN)):
        return 0
    if "." in match[0] and len(groups) < 3:
        return 0
    total = longest = found = 0
    for run, end in groups:
        if len(run) == 1:
            break
        total, longest = total + len(run), max(longest, len(run))
        if 9 <= total <= 12 and total > longest > 2:
            found = end
    return found


def _named_end(text: str, match: re.Match[str]) -> int:
    """Return the end of 7 to 13 digits if the nearest word before them suggests a phone."""
    start = match.start()
    noun, verb = last(_NAMED, text, start), last(_CALLED, text, start)
    if max(noun, verb) <= last(_OTHER, text, start):
        return 0
    if _DATE.match(match[0]) or _YEARS.match(match[0]) or _DECIMAL.fullmatch(match[0]):
        return 0
    groups = _groups(match)
    if len(groups) == 1 and (match[0].endswith("0000") or (noun < 0 and len(match[0]) < _BARE)):
        return 0
    total = found = 0
    for number, (run, end) in enumerate(groups):
        if number and len(run) == 1:
            break
        total += len(run)
        if 7 <= total <= 13:
            found = end
    return found


_ENDS = ((_INTERNATIONAL, _international_end), (_TRUNK, _trunk_end), (_ANY, _named_end))
