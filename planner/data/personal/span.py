"""Where a piece of personal data stands in a text."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["SECRET", "EMAIL", "IBAN", "CARD", "NATIONAL_ID", "PHONE", "MAC", "IP"]
"""What was found; also the word that redaction writes in its place."""
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
"""Where two overlap, the kind that stands first here is kept: its form is the stricter one."""


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of personal data."""

    kind: Kind
    start: int
    """Of its first character in the text, from 0."""
    end: int
    """After its last character."""
