"""Lengths summed up, and what a limit would cut."""

import random
from math import ceil

import pytest

from lockfiles.fixes import Advice, Answer
from planner.data.checks.lengths import Lengths, OverLength


def _seen(tokens: list[int], context: int = 10_000, limit: int = 0) -> OverLength:
    check = OverLength(context, limit)
    for number, count in enumerate(tokens):
        check.see_length(number, count)
    return check


def test_a_summary_of_few_rows() -> None:
    assert _seen([30, 10, 20]).summary() == Lengths(
        rows=3,
        minimum=10,
        median=20,
        mean=20.0,
        percentile_90=30,
        percentile_95=30,
        percentile_99=30,
        maximum=30,
        total=60,
    )
    assert _seen([7]).summary().percentile_99 == _seen([7]).summary().median == 7


def test_no_rows() -> None:
    summary = _seen([]).summary()
    assert summary.rows == summary.median == summary.maximum == summary.mean == 0
    assert not list(_seen([]).findings())


@pytest.mark.parametrize("count", [1, 2, 19, 20, 21, 100, 101, 999, 1000])
def test_a_percentile_is_the_least_length_that_holds_so_many(count: int) -> None:
    source = random.Random(count)
    tokens = [source.randint(1, 3000) for _ in range(count)]
    summary = _seen(tokens).summary()
    for percent, value in (
        (50, summary.median),
        (90, summary.percentile_90),
        (95, summary.percentile_95),
        (99, summary.percentile_99),
    ):
        needed = ceil(count * percent / 100)
        assert value in tokens
        assert sum(other <= value for other in tokens) >= needed
        assert sum(other < value for other in tokens) < needed


def test_rows_over_the_limit_are_found() -> None:
    tokens = [100] * 1000
    tokens[3], tokens[500], tokens[999] = 513, 512, 600
    (finding,) = _seen(tokens, context=4096, limit=512).findings()
    assert (finding.id, finding.severity, list(finding.rows)) == (
        "over-length",
        "warning",
        [3, 999],
    )
    assert finding.said == (
        "2 of 1,000 rows have more than 512 tokens; 89 tokens (0.088%) would be truncated."
    )
    assert finding.ways == (Answer("train.max_length", 600), Advice("split those rows"))


@pytest.mark.parametrize("limit", [0, 512, 8192])
def test_the_context_limits_too(limit: int) -> None:
    (finding,) = _seen([10, 600, 20], context=512, limit=limit).findings()
    assert list(finding.rows) == [1]
    assert "1 of 3 rows has more than 512 tokens; 88 tokens (14%)" in finding.said
    assert finding.answer is None


def test_rows_at_the_limit_are_whole() -> None:
    assert not list(_seen([512, 512], context=512).findings())
