"""Texts without what does not count when two are compared, and digests of them."""

import hashlib
import unicodedata
from collections.abc import Iterable

DIGEST_BYTES = 8
"""Of a million different texts, two have the same digest with a chance of 3 in 100 million."""


def fold(text: str) -> str:
    """Return a text in Unicode's NFC, each run of white space as one blank, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest(parts: Iterable[str], *, case: bool = True) -> int:
    """Return 64 bits that are the same for the same folded texts in the same order.

    Without `case`, capital letters are as small ones.
    """
    # Folded text has no unit separator, which is white space.
    whole = "\x1f".join(map(fold, parts))
    told = whole if case else whole.casefold()
    hashed = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    return int.from_bytes(hashed.digest(), "little")
