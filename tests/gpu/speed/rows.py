"""The rows of a comparison: the same for all sides, with every token but the first scored."""

import math
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from planner.data.tokens.example import Example, completion
from tests.gpu.speed.line import SHORTER, Line

STEP_TOKENS = 32768
"""Tokens of the guide's step: 16 blocks of 2,048."""
LONGEST = 2048
COUNT, FEW = 10_000, 2_000
"""Chats of a run, which ends after the steps that are measured; and those of a tiny model."""
REPEATS = 3
"""Of GSM8K's rows, so that a run has about as many tokens as one of chats."""
VOCABULARY = 128_000
"""Tokens that all models have."""
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


def lengths(line: Line) -> list[int]:
    """Return the tokens of the rows of a run."""
    every = gsm8k() * REPEATS if line.rows == "gsm8k" else chat(COUNT)
    return [math.ceil(one / SHORTER) + 1 for one in every[:FEW]] if line.tiny else every


def first(line: Line, steps: int) -> list[int]:
    """Return those of the first rows, enough for so many steps of the guide."""
    total, found = 0, list[int]()
    for length in lengths(line):
        if total >= (steps + MORE) * STEP_TOKENS:
            break
        found.append(length)
        total += length
    return found


def rows(line: Line, of: Sequence[int]) -> list[Example]:
    """Return rows of these lengths with random tokens."""
    return list(_rows(tuple(of), 512 if line.tiny else VOCABULARY))


@cache
def _rows(of: tuple[int, ...], vocabulary: int) -> tuple[Example, ...]:
    source, known, found = random.Random(3), range(3, vocabulary), []
    for length in of:
        ids = tuple(source.choices(known, k=length))
        found.append(completion(ids, ids))
    return tuple(found)
