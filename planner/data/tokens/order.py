"""The order of rows in an epoch, identical on every machine and Python version.

SplitMix64 (Steele, Lea, Flood 2014) drives a Fisher-Yates shuffle; bounded numbers use rejection
sampling, so there is no bias.
"""

import hashlib
import struct
from collections.abc import Sequence
from functools import lru_cache

WORD = 2**64
GAMMA = 0x9E3779B97F4A7C15
KEPT_ROWS = 20_000
"""Orders of up to so many rows are kept for a while: a search needs the same ones for each plan."""
SPLIT_STREAM, EPOCH_STREAM, GENERAL_STREAM = 1, 2, 3


def _mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) % WORD
    return value ^ (value >> 31)


class SplitMix64:
    """A stream of 64-bit numbers from one 64-bit state."""

    def __init__(self, state: int) -> None:
        self.state = state % WORD

    def next(self) -> int:
        """Return the next number, 0 to 2**64 - 1."""
        self.state = (self.state + GAMMA) % WORD
        return _mix(self.state)

    def below(self, bound: int) -> int:
        """Return an unbiased number, 0 to `bound` - 1."""
        limit = WORD - WORD % bound
        while (value := self.next()) >= limit:
            pass
        return value % bound


def shuffled(count: int, *key: int) -> list[int]:
    """Return the numbers 0 to `count` - 1, shuffled with `key` as the seed."""
    state = 0
    for part in key:
        state = _mix((state + part + GAMMA) % WORD)
    source, order = SplitMix64(state), list(range(count))
    for last in range(count - 1, 0, -1):
        other = source.below(last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def epoch_order(rows: int, seed: int, epoch: int) -> list[int]:
    """Return the row indices in the order of epoch `epoch` (from 0)."""
    return list(_kept(rows, seed, epoch) if rows <= KEPT_ROWS else _order(rows, seed, epoch))


def _order(rows: int, seed: int, epoch: int) -> list[int]:
    return shuffled(rows, EPOCH_STREAM, seed, epoch)


_kept = lru_cache(maxsize=32)(_order)


def order_sha256(order: Sequence[int]) -> str:
    """Return the SHA-256 (hex) of the indices as little-endian unsigned 32-bit numbers."""
    return hashlib.sha256(struct.pack(f"<{len(order)}I", *order)).hexdigest()
