"""The sizes of recorded passes."""

import random
import time
from itertools import combinations

from planner.data.tokens.layout import size_of
from planner.data.tokens.sizes import STEP, sizes


def _blank(tokens: list[int], found: tuple[int, ...]) -> int:
    return sum(size_of(one, found) - one for one in tokens)


def test_sizes_leave_the_fewest_blank_tokens() -> None:
    source = random.Random(3)
    for count in (1, 2, 3):
        tokens = [source.randrange(100, 900) for _ in range(30)]
        found = sizes(tokens, count)
        every = range(STEP, 1024, STEP)
        tried = (one for one in combinations(every, len(found)) if one[-1] >= max(tokens))
        assert _blank(tokens, found) == min(_blank(tokens, one) for one in tried)


def test_sizes_are_few_aligned_and_hold_every_pass() -> None:
    source = random.Random(4)
    tokens = [int(source.lognormvariate(9, 0.3)) for _ in range(20_000)]
    began = time.process_time()
    found = sizes(tokens, 16)
    assert time.process_time() - began < 2
    assert len(found) == 16
    assert list(found) == sorted(found)
    assert all(size % STEP == 0 for size in found)
    assert found[-1] >= max(tokens)
    assert _blank(tokens, found) < 0.05 * sum(tokens)


def test_passes_of_one_size_need_one() -> None:
    assert sizes([640, 640], 16) == (640,)
    assert sizes([1], 16) == (STEP,)


def test_passes_without_rows_have_no_size_of_their_own() -> None:
    assert sizes([0, 60, 190, 0], 16) == (STEP, 192)
