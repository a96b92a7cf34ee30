"""What `tunelock fit` plans for several cards: how they share the work, and what is offloaded."""

import re
from dataclasses import replace
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.fit.answers import answers, record, refusal
from planner.fit.machines import chosen, named
from planner.fit.models import find
from planner.fit.request import FitRequest, Wish
from planner.machines.facts import MachineFacts
from planner.parallelism.layouts import Parallel
from planner.search.plan import Plan
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
    row = next(one for one in page(request, [answer]) if one.startswith("full"))
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


@pytest.mark.parametrize("count", [1, 2])
def test_few_cards_that_offload_are_proposed_besides_more_that_do_not(count: int) -> None:
    request = FitRequest(find("Qwen/Qwen3-32B"), named(f"H100 SXM:{count}"), Wish(method="full"))
    said = answers(request)[0].reasons[1]
    more, few = re.findall(r"`--gpu h100-sxm:(\d+)`([^`]*)", said)
    assert re.fullmatch(r" \(~[\d,]+ tokens/s\), or ", more[1])
    moved = r" with the optimizer offloaded to ([\d.]+) GiB of main memory \(~\d+ tokens/s\)\."
    assert re.fullmatch(moved, few[1])
    assert int(few[0]) < int(more[0])
    at = {cards: _on(request, named(f"H100 SXM:{cards}")) for cards in (more[0], few[0], "2")}
    assert at[more[0]].fits and at[more[0]].profile.offload == "none"
    assert at[few[0]].fits and at[few[0]].profile.offload == "optimizer"
    assert not at["2"].fits


def test_machines_are_proposed_with_offloading_too() -> None:
    wish = Wish(method="full", nodes=2)
    request = FitRequest(find("Qwen/Qwen3-235B-A22B"), chosen("H100 SXM:8", None, 2), wish)
    said = answers(request)[0].reasons[1]
    more, few = map(int, re.findall(r"`--gpu h100-sxm:8 --nodes (\d+)`", said))
    assert "of main memory of each machine" in said and "b300" not in said
    for nodes, fits in ((few, True), (few - 1, False)):
        wide = FitRequest(
            request.model, chosen("H100 SXM:8", None, nodes), replace(wish, nodes=nodes)
        )
        assert wide.best("full").fits == fits
    assert few < more


@pytest.mark.parametrize("wished", [{"method": "qlora"}, {"method": "full", "offload": "none"}])
def test_nothing_is_offloaded_that_may_not_be(wished: dict[str, Any]) -> None:
    model = find("meta-llama/Llama-3.1-70B-Instruct")
    (found,) = answers(FitRequest(model, named("RTX 4090:2"), Wish(**wished)))
    assert not found.plan.fits and "`--gpu " in found.reasons[1]
    assert "offload" not in found.reasons[1] and "tokens/s" not in found.reasons[1]


def _on(request: FitRequest, machine: MachineFacts) -> Plan:
    return replace(request, machine=machine).best("full")


def test_main_memory_is_called_assumed_unless_it_is_given() -> None:
    def found(ram_gib: float | None) -> tuple[str, list[str], object]:
        wish = Wish(method="full", offload="optimizer", ram_gib=ram_gib)
        machine = chosen("H100 SXM:2", None, ram_gib=ram_gib)
        request = FitRequest(find("Qwen/Qwen3-32B"), machine, wish)
        each = answers(request)
        return each[0].reasons[0], page(request, each), record(request, each)["machine"]

    said, lines, facts = found(None)
    assert "but only 230.4 GiB of main memory is assumed to be available" in said
    assert "main memory: assumed, 512.0 GiB; set it with `--ram`" in lines
    assert isinstance(facts, dict)
    assert (facts["ram_bytes"], facts["ram_assumed"]) == (512 * GIB, True)
    said, lines, facts = found(640)
    assert "main memory" not in said and not any("assumed, 5" in line for line in lines)
    assert isinstance(facts, dict)
    assert (facts["ram_bytes"], facts["ram_assumed"]) == (640 * GIB, False)


def test_main_memory_that_is_given_holds_for_proposals() -> None:
    wish = Wish(method="full", ram_gib=512)
    request = FitRequest(find("Qwen/Qwen3-32B"), chosen("H100 SXM:2", None, ram_gib=512), wish)
    said = answers(request)[0].reasons[1]
    assert "offloaded" not in said  # what 4 cards offload is more than that


def test_main_memory_is_given_only_of_cards_elsewhere() -> None:
    with pytest.raises(UsageProblem, match="`--ram` is for GPUs"):
        chosen("M3 Max", None, ram_gib=64)


def test_the_fewest_machines_are_proposed_where_main_memory_rules_an_engine_out() -> None:
    """FSDP2 needs less of each card than ZeRO 3 here, but loads the model once per process."""
    wish = Wish(method="full", ram_gib=256)
    model, name = find("meta-llama/Llama-3.1-70B"), "H100 SXM:8"
    request = FitRequest(model, chosen(name, None, ram_gib=256), wish)
    said = answers(request)[0].reasons[1]
    (nodes,) = map(int, re.findall(r"`--gpu h100-sxm:8 --nodes (\d+)`", said))
    for count, fits in ((nodes, True), (nodes - 1, False)):
        machines = chosen(name, None, count, ram_gib=256)
        assert FitRequest(model, machines, replace(wish, nodes=count)).best("full").fits == fits
