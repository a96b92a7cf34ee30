"""torch's caching allocator, as the trace plays it."""

import random

import pytest

from runner.trace.allocator import Block, Caching

MIB = 1 << 20


@pytest.mark.parametrize(
    ("size", "held"),
    [
        (1, 512),
        (513, 1024),
        (MIB, MIB),
        (3 * MIB + 1, 3 * MIB + 512),
        (19 * MIB + 512, 20 * MIB),  # a rest of less than 1 MiB stays with the block
        (25 * MIB, 26 * MIB),
    ],
)
def test_sizes_are_rounded_as_on_a_gpu(size: int, held: int) -> None:
    memory = Caching()
    assert memory.take(size).size == held == memory.allocated


def test_a_rest_that_is_too_small_stays_with_its_block() -> None:
    memory = Caching()
    blocks = [memory.take(int(1.75 * MIB)) for _ in range(11)]
    assert [block.size / MIB for block in blocks] == [1.75] * 10 + [2.5]


def test_the_smallest_free_block_that_fits_is_taken_again() -> None:
    memory = Caching()
    large, small = memory.take(16 * MIB), memory.take(12 * MIB)
    memory.give(large)
    memory.give(small)
    assert memory.take(11 * MIB + MIB // 2) is small
    assert memory.take(13 * MIB) is large


def test_neighbours_are_joined_and_nothing_is_lost() -> None:
    memory, chosen, taken = Caching(), random.Random(1), list[Block]()
    for _ in range(2000):
        if taken and chosen.random() < 0.5:
            memory.give(taken.pop(chosen.randrange(len(taken))))
        else:
            taken.append(memory.take(chosen.randrange(1, 24 * MIB)))
        assert memory.allocated == sum(block.size for block in taken)
    for block in taken:
        memory.give(block)
    whole = [block for pool in memory._pools.values() for *_, block in pool]
    assert memory.allocated == 0
    assert all(block.before is None and block.behind is None for block in whole)
    assert all(block.size % (2 * MIB) == 0 for block in whole)
