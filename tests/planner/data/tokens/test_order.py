"""Orders and splits are the same everywhere; the literals pin them."""

import pytest

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.corpus.split import split_rows
from planner.data.tokens.order import SplitMix64, epoch_order, order_sha256


def test_splitmix64_reference_values() -> None:
    source = SplitMix64(1234567)
    assert [source.next() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_epoch_order_is_a_permutation_and_differs_by_seed_and_epoch() -> None:
    orders = [epoch_order(500, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(500)) for order in orders)
    assert len({order_sha256(order) for order in orders}) == 4
    assert epoch_order(0, 1, 0) == [] and epoch_order(1, 1, 0) == [0]


def test_order_digest_is_of_u32_little_endian() -> None:
    import hashlib

    expected = hashlib.sha256(b"\x02\0\0\0\x01\x01\0\0").hexdigest()
    assert order_sha256([2, 257]) == expected


def test_split_covers_all_rows_once() -> None:
    split = split_rows(range(103), 0.1, 7)
    assert len(split.validation) == 10
    assert sorted(split.train + split.validation) == list(range(103))
    assert split == split_rows(range(103), 0.1, 7) != split_rows(range(103), 0.1, 8)
    assert split_rows(range(5), 0, 7).validation == ()


def test_split_refusals() -> None:
    with pytest.raises(UsageProblem, match=r"`1\.5`"):
        split_rows(range(10), 1.5, 0)
    with pytest.raises(DataRefused, match="1 rows are too few"):
        split_rows(range(1), 0.1, 0)


def test_pinned_orders() -> None:
    assert epoch_order(8, 42, 0) == PINNED_ORDER
    assert split_rows(range(10), 0.3, 42).validation == PINNED_SPLIT


PINNED_ORDER = [6, 0, 2, 7, 5, 1, 3, 4]
PINNED_SPLIT = (0, 3, 4)
