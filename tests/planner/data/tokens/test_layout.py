"""The passes of a step: every row once, none too long, few and even; and their digest."""

import random

import pytest

from planner.data.tokens.layout import EVALUATED_PASSES, evaluated_rows, of_rank, passes, steps
from planner.plan.passes import Epoch


@pytest.mark.parametrize("seed", range(200))
def test_every_row_is_in_one_pass_and_no_pass_is_too_long(seed: int) -> None:
    source = random.Random(seed)
    lengths = [source.randrange(1, 60) for _ in range(source.randrange(1, 30))]
    most = source.randrange(max(lengths), 3 * max(lengths) + 40)
    found = passes(lengths, most)
    tokens = [sum(lengths[row] for row in one) for one in found]
    assert sorted(row for one in found for row in one) == list(range(len(lengths)))
    assert max(tokens) <= most
    assert all(list(one) == sorted(one) for one in found)
    least = -(-sum(lengths) // most)
    assert least <= len(found) <= 2 * least
    if len(found) > 1:
        assert max(tokens) - min(tokens) <= max(lengths), "the passes are even"


def test_a_step_that_fits_is_one_pass_in_its_order() -> None:
    assert passes([5, 9, 2], 16) == ((0, 1, 2),)
    assert passes([5, 9, 2], 15) == ((1,), (0, 2))


def test_the_last_step_of_an_epoch_has_the_rest() -> None:
    found = list(steps([3, 4, 5, 6, 7], [4, 2, 0, 1, 3], rows=2, most_tokens=9))
    assert found == [((4,), (2,)), ((0, 1),), ((3,),)]


def test_the_digest_is_of_rows_and_where_passes_end() -> None:
    order = [0, 1, 2, 3]
    digests = {
        Epoch.of([5, 6, 7, 8], order, 4, most).sha256 for most in (26, 25, 15, 13, 11, 9)
    } | {Epoch.of([5, 6, 7, 8], order[::-1], 4, 26).sha256}
    assert len(digests) == 5
    assert Epoch.of([5, 6, 7, 8], order, 2, 26).most_passes == 1
    assert Epoch.of([5, 6, 7, 8], order, 4, 9).most_passes == 4


def test_an_evaluation_takes_the_rows_of_several_passes_at_a_time() -> None:
    lengths = [10, 20, 30, 40] * 25
    rows = evaluated_rows(lengths, 100)
    assert rows == 32
    full = passes(lengths[:rows], 100)
    assert len(full) in (EVALUATED_PASSES, EVALUATED_PASSES + 1)
    assert evaluated_rows([1000], 1) == 1


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_every_rank_has_as_many_passes_of_about_the_same_size(seed: int, ranks: int) -> None:
    source = random.Random(seed)
    lengths = [source.randrange(1, 60) for _ in range(source.randrange(1, 40))]
    most = source.randrange(max(lengths), 3 * max(lengths) + 40)
    step = passes(lengths, most, ranks)
    each = [of_rank(step, rank, ranks) for rank in range(ranks)]
    assert len({len(one) for one in each}) == 1
    assert sorted(row for rank in each for one in rank for row in one) == list(range(len(lengths)))
    tokens = [[sum(lengths[row] for row in one) for one in rank] for rank in each]
    assert max(max(one) for one in tokens) <= most
    sums = [sum(one) for one in tokens]
    assert max(sums) - min(sums) <= 2 * max(lengths), "ranks are even"
    for turn in zip(*tokens, strict=True):
        assert max(turn) - min(turn) <= max(lengths), "what is computed at once is even"


def test_ranks_without_rows_have_empty_passes() -> None:
    assert passes([7], 20, 3) == ((0,), (), ())
    assert of_rank(passes([7], 20, 3), 2, 3) == ((),)


def test_the_digest_of_an_epoch_counts_the_passes_of_a_rank() -> None:
    lengths, order = [10, 9, 8, 7, 6, 5, 4, 3], range(8)
    alone, two = (Epoch.of(lengths, order, 8, 20, ranks) for ranks in (1, 2))
    assert (alone.most_passes, two.most_passes) == (3, 2)
    assert alone.sha256 != two.sha256
