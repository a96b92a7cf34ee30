"""How several cards share the work: the fastest way that fits, and why."""

from dataclasses import replace
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.catalogue.links import Links
from planner.fit import machines
from planner.fit.answers import answers
from planner.fit.models import find
from planner.fit.request import FitRequest, Wish
from planner.interview.answers import check
from planner.memory.trainable import trained_parameters
from planner.search.candidates import Candidates
from planner.search.ranking import LAYOUT_TIE, fastest_of, seconds
from planner.setup.setup import Kind, Profile
from planner.speed import step_seconds
from planner.speed.exchange import exchange, traffic_seconds
from tests.few import few

MODELS = ("Qwen/Qwen2.5-1.5B", "meta-llama/Llama-3.1-8B", "Qwen/Qwen3-32B")


def _found(model: str, gpu: str, **wished: Any) -> Candidates:
    return _request(model, gpu, **wished).candidates


def _request(model: str, gpu: str, **wished: Any) -> FitRequest:
    network = wished.pop("network", None)
    nodes = wished.get("nodes", 1)
    return FitRequest(find(model), machines.chosen(gpu, None, nodes, network), Wish(**wished))


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("model", few(MODELS))
def test_the_fastest_of_all_that_fit_is_chosen(model: str, method: Kind, count: int) -> None:
    found = _found(model, f"H100 SXM:{count}")
    every = [
        plan
        for layout in found.layouts_of(method)
        for plan in found.of(method, layout)
        if found.fits(plan)
    ]
    chosen = fastest_of(found, method)
    assert (chosen is None) == (not every)
    if chosen:
        moved = [plan for plan in every if plan.offloads]
        others = moved if chosen.offloads else [plan for plan in every if not plan.offloads]
        least = min(seconds(found, plan) or 0 for plan in others)
        took = seconds(found, chosen)
        assert took and took <= (1 + LAYOUT_TIE) * 1.03 * least
        assert not chosen.offloads or len(moved) == len(every)


def test_a_copy_on_each_card_is_fastest_where_it_fits() -> None:
    for count in (2, 4, 8):
        chosen = fastest_of(_found("Qwen/Qwen2.5-1.5B", f"H100 SXM:{count}"), "full")
        assert chosen and chosen.parallel == "ddp"


def test_four_bits_are_not_shared_unasked() -> None:
    found = _found("meta-llama/Llama-3.1-70B", "RTX 4090:8")
    assert {layout for layout, _ in found.layouts_of("qlora")} == {"ddp", "zero1", "zero2"}
    asked = _found("meta-llama/Llama-3.1-70B", "RTX 4090:8", parallel="zero3")
    assert {layout for layout, _ in asked.layouts_of("qlora")} == {"zero3"}


def _plan(parallel: str, accumulates: bool = True, offload: str = "none") -> Profile:
    asked: dict[str, Any] = {"parallel": parallel, "offload": offload, "packing": False}
    found = _found("meta-llama/Llama-3.1-8B", "H100 SXM:8", **asked)
    plan = found.profile("full", 1, True)
    return replace(plan, accumulates=accumulates)


def test_what_is_exchanged_follows_from_the_layout() -> None:
    model = find("meta-llama/Llama-3.1-8B")
    full = 2 * trained_parameters(model, _plan("zero2")) * 7 / 8
    found = {name: exchange(model, _plan(name)) for name in ("ddp", "zero1", "zero2", "zero3")}
    assert found["ddp"].stepped == pytest.approx(2 * full)
    assert found["zero1"].sent == 0
    assert found["zero1"].stepped == pytest.approx(3 * full)
    assert found["zero2"].sent == pytest.approx(2 * full)
    assert found["zero2"].stepped == pytest.approx(full)
    assert found["zero3"].sent == pytest.approx(3 * full) == exchange(model, _plan("fsdp2")).sent
    assert exchange(model, replace(_plan("zero2"), ranks=1)).sent == 0


def test_a_slow_network_costs_most_where_each_micro_step_gathers() -> None:
    model = find("meta-llama/Llama-3.1-8B")
    card = _found("meta-llama/Llama-3.1-8B", "H100 SXM:8").card
    assert card
    slow = replace(card, links=Links(3e11, 1e9, 2))
    took = {name: traffic_seconds(model, _plan(name), slow, 4) for name in ("zero1", "fsdp2")}
    assert took["fsdp2"] == pytest.approx(4 * took["zero1"], rel=0.01)
    plan = _plan("fsdp2")
    near, far = (step_seconds(model, plan, one, 4) for one in (card, slow))
    assert near and far and far > 5 * near


def test_ddp_hides_its_exchange_behind_the_backward_pass() -> None:
    model = find("meta-llama/Llama-3.1-8B")
    card = _found("meta-llama/Llama-3.1-8B", "H100 SXM:8").card
    assert card
    alone = step_seconds(model, replace(_plan("ddp"), parallel="single", ranks=1), card, 4)
    together = step_seconds(model, _plan("ddp"), card, 4)
    assert alone and together
    assert together - alone < traffic_seconds(model, _plan("ddp"), card, 4)


def test_the_reason_has_the_numbers_of_the_person() -> None:
    asked = {"method": "full", "packing": False}
    (full,) = answers(_request("meta-llama/Llama-3.1-8B", "H100 SXM:4", **asked))
    said = full.reasons[0]
    assert said.startswith("DDP would need 78.2 GiB per card, but only 76.9 GiB is available.")
    assert "ZeRO stage 1 would fit but would take" in said
    assert "On 4 cards, FSDP2 needs 36.7 GiB less on each than DDP, and the exchange takes" in said
    assert said.endswith(" ms a step while they compute.")
    several = _request("meta-llama/Llama-3.1-8B", "H100 SXM:8", nodes=2, method="full")
    (spread,) = answers(several)
    assert "On 16 cards of 2 machines" in spread.reasons[0]
    line = "To plan this, set `processes = 16` and `nodes = 2` under `[machine]` in `run.toml`."
    assert line in spread.reasons


@pytest.mark.parametrize(
    ("model", "gpu", "nodes", "method", "offload"),
    [
        ("meta-llama/Llama-3.1-70B", "H100 SXM:8", 1, "full", "optimizer"),
        ("meta-llama/Llama-3.1-405B", "H100 SXM:8", 2, "lora", "none"),
        ("moonshotai/Kimi-K2-Instruct", "H200:8", 4, "lora", "none"),
        ("moonshotai/Kimi-K2-Instruct", "B300:8", 12, "full", "none"),
    ],
)
def test_large_models_are_planned_on_paper(
    model: str, gpu: str, nodes: int, method: Kind, offload: str
) -> None:
    (found,) = answers(_request(model, gpu, network=400, nodes=nodes, method=method))
    assert found.plan.fits and found.step_seconds
    assert (found.plan.profile.parallel, found.plan.profile.offload) == ("zero3", offload)


def test_the_fewest_machines_are_named() -> None:
    request = _request("moonshotai/Kimi-K2-Instruct", "B300:8", method="full", nodes=2)
    (found,) = answers(request)
    assert not found.plan.fits
    assert any("`--gpu b300:8 --nodes 12`" in reason for reason in found.reasons)
    asked = {"method": "full", "nodes": 11, "offload": "none"}
    assert not answers(_request("moonshotai/Kimi-K2-Instruct", "B300:8", **asked))[0].plan.fits


def test_nvme_is_counted_and_not_planned() -> None:
    asked = {"method": "full", "offload": "nvme"}
    (found,) = answers(_request("meta-llama/Llama-3.1-70B", "H100 SXM:8", **asked))
    (moved,) = answers(
        _request("meta-llama/Llama-3.1-70B", "H100 SXM:8", method="full", offload="optimizer")
    )
    parameters = find("meta-llama/Llama-3.1-70B").parameters
    estimate = found.plan.estimate
    assert estimate.stored_bytes == pytest.approx(18 * parameters / 8, rel=0.01)
    assert estimate.host_bytes < moved.plan.estimate.host_bytes
    assert found.step_seconds and moved.step_seconds
    assert found.step_seconds > 10 * moved.step_seconds
    assert any("on NVMe. `plan` refuses this" in reason for reason in found.reasons)
    assert not any("run.toml" in reason for reason in found.reasons)
    with pytest.raises(UsageProblem, match="a step would read and write all states"):
        check({"machine.offload": "nvme"}, {})


def test_a_model_must_be_loaded_into_main_memory_to_be_shared() -> None:
    request = _request("meta-llama/Llama-3.1-8B", "H100 SXM:4", method="lora", parallel="fsdp2")
    found = request.candidates
    plan = found.plan(found.least("lora"))
    assert plan.host_bytes == 2 * request.model.parameters
    little = replace(request.machine, ram_bytes=4 * plan.host_bytes)
    narrow = replace(request, machine=little)
    (told,) = answers(narrow)
    assert not told.plan.fits
    assert told.reasons[0].startswith("It would load 15.0 GiB per process, but only 13.5 GiB")


def test_another_engine_is_proposed_where_the_one_that_was_set_does_not_fit() -> None:
    asked = {"nodes": 2, "method": "full", "packing": False}
    (alone,) = answers(_request("Qwen/Qwen3-8B", "H100 SXM:8", parallel="ddp", **asked))
    said = " ".join(alone.reasons)
    assert not alone.plan.fits
    assert said.count("It would fit with `--parallel fsdp2`, or ") == 1
    assert "72gb" not in said  # less than each card has
    (other,) = answers(_request("Qwen/Qwen3-8B", "H100 SXM:8", parallel="fsdp2", **asked))
    assert other.plan.fits


@pytest.mark.parametrize(("count", "alone"), [(8, False), (16, True)])
def test_padding_is_no_alternative_where_each_card_has_one_row(count: int, alone: bool) -> None:
    (found,) = answers(_request("Qwen/Qwen3-4B", f"H100 SXM:{count}", method="lora"))
    said = " ".join(found.reasons)
    assert ("Micro-batches of 1 need no padding either" in said) == alone
    assert ("Padding rows of 34 to 2,048 tokens instead" in said) != alone
