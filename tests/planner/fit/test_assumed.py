"""The rows that `tunelock fit` assumes where it knows none."""

from dataclasses import replace
from statistics import mean, median

import pytest

from planner.fit import assumed
from planner.fit.answers import answers, record
from tests.gpu.speed.rows import chat
from tests.planner.fit.test_fit import CPU, cards_of, request_of


@pytest.mark.parametrize(
    ("cards", "wished", "known"),
    [(1, {}, True), (1, {"method": "qlora"}, True), (1, {"packing": True}, True),
     (1, {"packing": False}, False), (1, {"micro_batch": 2}, False),
     (1, {"objective": "dpo"}, False), (2, {}, True), (2, {"packing": False}, False),
     (0, {}, False)],
)  # fmt: skip
def test_rows_are_assumed_where_they_can_be_concatenated(
    cards: int, wished: dict[str, object], known: bool
) -> None:
    request = request_of(cards_of(cards, 80) if cards else CPU, "qwen2.5-0.5b", **wished)
    assert bool(request.lengths) == known
    for answer in answers(request):
        assert (answer.plan.profile.pass_tokens > 0) == known
    rows = record(request, [])["rows"]
    assert isinstance(rows, dict) and rows["longest"] == request.longest
    assert (rows["mean"] < rows["longest"]) == known
    assert not replace(request, padded=True).lengths


@pytest.mark.parametrize("longest", [8, 64, 2048, 32768])
def test_the_rows_that_are_assumed_are_spread_as_those_of_chats(longest: int) -> None:
    found = assumed.lengths(longest)
    assert len(found) == assumed.ROWS and max(found) == longest and min(found) >= 8
    if longest >= 2048:
        chats = chat(10_000)
        assert median(found) / longest == pytest.approx(median(chats) / 2048, rel=0.02)
        assert mean(found) / longest == pytest.approx(mean(chats) / 2048, rel=0.02)
