"""Finds secrets: known keys, private keys, and values assigned to words such as `password`."""

import re
from collections.abc import Iterator
from math import log2

from planner.data.personal.keys import find_api_keys
from planner.data.personal.span import Span

_PRIVATE = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]*(?:-(?!----)[^-]*)*-----END [A-Z0-9 ]{1,48}-----|(?:\s{1,4}[A-Za-z0-9+/=]{16,128})*)"
)
"""A complete block (RFC 7468), or the rest of one that was cut off."""
_URL = re.compile(r"://[^\s/:@\"']{0,64}:([^\s/@\"']{3,128})@[\w.\[-]")
_BEARER = re.compile(r"\b[Bb]earer (?=[A-Za-z_.~+/-]*+[0-9])([\w.~+/-]{20,1024}=*)")
_HINTS = ("pass", "pwd", "secret", "token", "key")
_NAME = re.compile(r"(passwor[dt]|passwd|passphrase|passcode|pwd)|(?<!\[)secret|token|(key)")
_KEY_OF = re.compile(r"(?:api|access|auth|account|private|encryption|signing|master|secret)[_-]?\Z")
_KEY_OF_REACH = len("encryption_")
_VALUE = re.compile(
    r"(?![a-z])[\"'`\]]{0,2}[ \t]{0,3}(?:=>|:=|[=:]|\bis\b|\bwas\b)[ \t]{0,3}"
    r"(?:\"([^\"\s]{6,200})\"|'([^'\s]{6,200})'|`([^`\s]{6,200})`|([^\s\"'`<>\[{(]{6,200}))",
)
_PLACEHOLDER = re.compile(
    r"[$%<{\[(]|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z|\w+[(\[]|(.)\1*\Z|\*{3}"
    r"|[A-Za-z]+[0-9]{0,2}(?:_[A-Za-z]+[0-9]{0,2})+\Z"
)
"""A value that is not secret: a variable, a call, an attribute, one repeated character, or words
joined by `_`."""
_UNQUOTED = 4
_FIELD = re.compile(r";|,(?=[\w\"']+[:=])|&(?=\w+=)")
"""The end of a value without quotes."""
_PLACEHOLDER_PASSWORDS = frozenset(
    ["password", "passwd", "pass", "pwd", "secret", "token", "changeme", "admin"]
)
_LOGIN_BITS = 2.0
_KEY_LENGTH, _KEY_BITS = 16, 3.0
"""Minimum entropy in bits per character of a password, and minimum length and entropy of a key.

English words have similar entropy; a required digit distinguishes them.
"""


def find_secrets(text: str) -> Iterator[Span]:
    """Yield the secrets in a text; their spans may overlap.

    These are API keys of known providers, private keys, passwords in URLs, bearer tokens, and
    values assigned to a name such as `password`, without their quotes.
    """
    yield from find_api_keys(text)
    if "PRIVATE KEY" in text:
        for match in _PRIVATE.finditer(text):
            yield Span("SECRET", match.start(), match.end())
    if "://" in text and "@" in text:
        for match in _URL.finditer(text):
            if match[1].lower() not in _PLACEHOLDER_PASSWORDS and not _PLACEHOLDER.match(match[1]):
                yield Span("SECRET", *match.span(1))
    if "earer " in text:  # "Bearer" or "bearer"
        for match in _BEARER.finditer(text):
            yield Span("SECRET", *match.span(1))
    yield from _find_assigned_secrets(text)


def _find_assigned_secrets(text: str) -> Iterator[Span]:
    small = text.replace("\u0130", "I").lower()  # the only letter that lower() makes longer
    if not any(hint in small for hint in _HINTS):
        return
    for name in _NAME.finditer(small):
        value = _VALUE.match(text, name.end())
        if value is None or (name[2] and not _is_key_of(small, name.start())):
            continue
        group = value.lastindex or 0
        start, said = value.start(group), value[group]
        if group == _UNQUOTED:
            said = _FIELD.split(said)[0].rstrip(".,:!?)]}")
        if _is_login(said) if name[1] else _is_key(said):
            yield Span("SECRET", start, start + len(said))


def _is_key_of(small: str, at: int) -> bool:
    """Return whether the word `key` at `at` follows a word such as `api_`."""
    return _KEY_OF.search(small, max(0, at - _KEY_OF_REACH), at) is not None


def _is_login(value: str) -> bool:
    digit = any(map(str.isdigit, value))
    return (
        len(value) >= 6 and digit and not _PLACEHOLDER.match(value) and _bits(value) >= _LOGIN_BITS
    )


def _is_key(value: str) -> bool:
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return (
        len(value) >= _KEY_LENGTH
        and mixed
        and not _PLACEHOLDER.match(value)
        and _bits(value) >= _KEY_BITS
    )


def _bits(value: str) -> float:
    """Return the entropy of the characters, in bits per character."""
    shares = [value.count(char) / len(value) for char in set(value)]
    return -sum(share * log2(share) for share in shares)
