"""The location of personal data in a text."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["SECRET", "EMAIL", "IBAN", "CARD", "NATIONAL_ID", "PHONE", "MAC", "IP"]
"""The kind of data; also the word that replaces it."""
KINDS: tuple[Kind, ...] = (
    "SECRET",
    "EMAIL",
    "IBAN",
    "CARD",
    "NATIONAL_ID",
    "PHONE",
    "MAC",
    "IP",
)
"""In order of precedence for overlaps: stricter forms first."""


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of personal data."""

    kind: Kind
    start: int
    """Index of its first character."""
    end: int
    """Index after its last character."""
