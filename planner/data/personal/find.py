"""Finds and redacts personal data in a text."""

import re
from collections.abc import Iterator

from planner.data.personal.bank import cards, ibans
from planner.data.personal.mail import emails
from planner.data.personal.national import capital_ids, digit_ids
from planner.data.personal.network import addresses, mac_addresses
from planner.data.personal.phone import phones
from planner.data.personal.secrets import find_secrets
from planner.data.personal.span import KINDS, Span

_DIGIT = re.compile("[0-9]")
_CAPITAL_CODE = re.compile("[A-Z][ -]?[0-9]")
_LONG_NUMBER = re.compile(r"[0-9](?:[ ()./+-]{0,2}[0-9]){5,}")
"""Card numbers, phone numbers and most national IDs have at least six digits close together."""
_BEFORE, _AFTER = 3, 16
"""Characters around those digits that may belong to the number, such as `+1 (`, or show that it
continues. A match that starts after the number is left to the next one: it may be cut off here."""
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


def found(text: str, *, key: str = "") -> list[Span]:
    """Return the personal data in `text`, in order and without overlaps.

    `key` is the JSON key of the text, such as `password`, which helps to recognize secrets.
    """
    if key:
        return _found_under(key, text)
    spans = sorted(_all(text), key=lambda span: (_RANK[span.kind], span.start, -span.end))
    taken = bytearray(len(text) if spans else 0)
    kept = [span for span in spans if _take(taken, span)]
    return sorted(kept, key=lambda span: span.start)


def redacted(text: str, *, key: str = "") -> str:
    """Return `text` with what `found` finds replaced by `[EMAIL]`, `[PHONE]` and so on.

    It is repeated until nothing is found, so that the result is stable.
    """
    while spans := found(text, key=key):
        starts = [0, *(span.end for span in spans)]
        ends = [*(span.start for span in spans), len(text)]
        words = [*(f"[{span.kind}]" for span in spans), ""]
        parts = zip(starts, ends, words, strict=True)
        text = "".join(text[start:end] + word for start, end, word in parts)
    return text


def _found_under(key: str, text: str) -> list[Span]:
    """Return what is found in `text` in the context of its key."""
    before = f'"{key}": "'
    start, end = len(before), len(before) + len(text)
    return [
        Span(span.kind, span.start - start, span.end - start)
        for span in found(f'{before}{text}"')
        if span.start >= start and span.end <= end
    ]


def _take(taken: bytearray, span: Span) -> bool:
    """Mark the characters of a span if all are free, and return whether they were."""
    free = taken.find(1, span.start, span.end) < 0
    if free:
        taken[span.start : span.end] = b"\1" * (span.end - span.start)
    return free


def _all(text: str) -> Iterator[Span]:
    yield from find_secrets(text)
    yield from emails(text)
    if not _DIGIT.search(text):
        return
    if _CAPITAL_CODE.search(text):
        yield from ibans(text)
        yield from capital_ids(text)
    yield from addresses(text)
    yield from mac_addresses(text)
    for number in _LONG_NUMBER.finditer(text):
        start, end = max(0, number.start() - _BEFORE), number.end()
        for numbers in (cards, digit_ids, phones):
            spans = numbers(text, start, end + _AFTER)
            yield from (span for span in spans if span.start < end)
