"""The rows of a comparison: the same for all sides, with every token but the first scored."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from planner.data.tokens.example import Example, completion
from tests.gpu.speed.line import SHORTER, Line

STEP_TOKENS = 32768
"""Tokens of the guide's step: 16 blocks of 2,048."""
LONGEST = 2048
MORE = 5
"""Steps that rows are there for, beyond the measured ones."""
_GSM8K = Path(__file__).with_name("gsm8k_lengths.txt")


def chat(count: int, seed: int = 7) -> list[int]:
    """Return the tokens of rows with log-normal lengths, of a median of about 300 tokens."""
    source = random.Random(seed)
    return [max(16, min(LONGEST, int(source.lognormvariate(5.7, 0.75)))) for _ in range(count)]


def gsm8k() -> list[int]:
    """Return the tokens of GSM8K's training rows."""
    written = _GSM8K.read_text("utf-8").splitlines()
    return [int(word) for line in written if not line.startswith("#") for word in line.split()]


def lengths(line: Line, steps: int) -> list[int]:
    """Return the tokens of rows that are enough for so many steps of the guide."""
    every = gsm8k() if line.rows == "gsm8k" else chat(20_000)
    total, found = 0, list[int]()
    for length in every:
        if total >= (steps + MORE) * STEP_TOKENS:
            break
        found.append(length)
        total += length
    return [math.ceil(length / SHORTER) + 1 for length in found] if line.tiny else found


def rows(of: Sequence[int], vocabulary: int) -> list[Example]:
    """Return rows of these lengths with random tokens."""
    source, found = random.Random(3), []
    for length in of:
        ids = tuple(source.randrange(3, vocabulary) for _ in range(length))
        found.append(completion(ids, ids))
    return found
