"""What `tunelock fit` plans for several cards: how they share the work, and what is offloaded."""

from dataclasses import replace
from typing import Any

import pytest

from planner.fit.answers import answers, refusal
from planner.fit.machines import named
from planner.parallelism.layouts import Parallel
from planner.search.wording import gib
from tests.planner.fit.test_fit import GIB, cards_of, only, request_of
from tui.text.fit import page


@pytest.mark.parametrize("count", [2, 4, 8])
@pytest.mark.parametrize("size", [24, 40, 80])
def test_several_cards_share_no_more_than_they_must(count: int, size: int) -> None:
    roomy = replace(cards_of(count, size), ram_bytes=1024 * GIB)
    request = request_of(roomy, method="full")
    plan = answers(request)[0].plan
    assert plan.fits
    tried = request.candidates
    at = tried.layouts.index((plan.profile.parallel, plan.profile.offload))
    for layout in tried.layouts[:at]:
        assert not tried.fits(tried.profile("full", 1, True, layout=layout))


def test_what_a_plan_needs_is_one_number_in_the_table_and_the_reasons() -> None:
    request = request_of(named("H100:4"), method="full", packing=False)
    answer = answers(request)[0]
    profile, needs = answer.plan.profile, answer.plan.wanted_bytes
    assert profile.parallel != "single" and needs > answer.plan.allocated_bytes
    assert needs == request.candidates.wanted(profile)
    row = page(request, [answer])[5]
    said = next(one for one in answer.reasons if one.startswith("Micro-batch"))
    assert f" {gib(needs)} " in row and f"needs {gib(needs)} (its peak of " in said


def test_eight_cards_train_whole_what_one_cannot() -> None:
    alone, together = cards_of(1, 40), cards_of(8, 40)
    assert not only(alone, method="full", offload="none").plan.fits
    plan = only(together, method="full", offload="none").plan
    assert plan.fits and plan.zero_stage > 0
    assert plan.profile.ranks == 8
    assert plan.profile.micro_batch * plan.accumulation == 2


def test_what_is_offloaded_must_fit_in_main_memory() -> None:
    wished: dict[str, Any] = {"method": "full", "offload": "optimizer"}
    roomy = replace(cards_of(2, 80), ram_bytes=256 * GIB)
    plan = only(roomy, **wished).plan
    assert plan.fits
    assert plan.estimate.host_bytes > 64 * GIB / 2
    found = only(cards_of(2, 80), **wished)
    assert not found.plan.fits
    assert "of main memory" in found.reasons[0]
    short = request_of(cards_of(2, 80), **wished)
    assert "would offload" in refusal(short, [found]).message


STAGES: list[tuple[Parallel, int]] = [
    ("ddp", 0), ("zero1", 1), ("zero2", 2), ("zero3", 3), ("fsdp2", 3)
]  # fmt: skip


@pytest.mark.parametrize(("parallel", "stage"), STAGES)
def test_the_stage_of_each_way_to_share(parallel: Parallel, stage: int) -> None:
    assert only(cards_of(4, 80), method="lora", parallel=parallel).plan.zero_stage == stage


def test_one_card_alone_shares_with_nobody() -> None:
    alone, ddp = (only(cards_of(1, 80), method="lora", parallel=one).plan for one in (None, "ddp"))
    assert alone.profile == ddp.profile
    assert alone.profile.parallel == "single"


def test_four_bit_weights_go_to_main_memory_only_where_it_is_set() -> None:
    request = request_of(replace(cards_of(2, 3), ram_bytes=1024 * GIB), method="qlora")
    assert ("zero3", "all") in request.candidates.layouts
    assert ("zero3", "all") not in request.candidates.layouts_of("qlora")
    assert ("zero3", "all") in request.candidates.layouts_of("lora")
    wished = replace(request, wish=replace(request.wish, offload="all"))
    assert wished.candidates.layouts_of("qlora") == (("zero3", "all"),)
