"""Normalizes texts for comparison, and computes digests of them."""

import hashlib
import unicodedata
from collections.abc import Iterable

DIGEST_BYTES = 8
"""For a million distinct texts, the chance of a collision is 3 in 100 million."""


def fold(text: str) -> str:
    """Return a text in Unicode's NFC, stripped, with runs of white space as single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest(parts: Iterable[str], *, case: bool = True) -> int:
    """Return a 64-bit digest of folded texts in order.

    If `case` is False, letter case is ignored.
    """
    # Folded text has no unit separator, since that is white space.
    joined = "\x1f".join(map(fold, parts))
    folded = joined if case else joined.casefold()
    hashed = hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    return int.from_bytes(hashed.digest(), "little")
