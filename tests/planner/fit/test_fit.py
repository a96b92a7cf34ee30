"""What fits: the plans of `tunelock fit`, why they are so, and what would fit where they do not."""

import gc
import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.catalogue.lookup import accelerators, find_accelerator
from planner.fit import assumed, contradictions, machines, models
from planner.fit.answers import Answer, answers, record, refusal
from planner.fit.models import FitModel
from planner.fit.request import FitRequest, Wish
from planner.interview.answers import check
from planner.machines.facts import Gpu, Holder, MachineFacts
from planner.search.budget import CUDA_CONTEXT_BYTES
from planner.search.choose import choose
from planner.setup.setup import Kind
from planner.speed import mixers
from tests.few import few
from tests.planner.memory.test_memory import MODELS

BASE = Path(__file__).parents[3] / "runner" / "demo" / "base"
GIB = 1 << 30
CPU = MachineFacts("cpu", (), 8, 16 * GIB, 12 * GIB, 1 << 40, "")
METHODS: tuple[Kind, ...] = ("full", "lora", "qlora")


def model_of(name: str) -> FitModel:
    facts = MODELS[name]
    return FitModel(name, "file", facts.architecture, facts.parameters)


def cards_of(count: int, size_gib: float, free_gib: float = 0) -> MachineFacts:
    free = int((free_gib or size_gib) * GIB)
    gpu = Gpu("NVIDIA Card", int(size_gib * GIB), free, "8.9")
    return MachineFacts("cuda", (gpu,) * count, 8, 64 * GIB, 60 * GIB, 1 << 40, "570.1")


def request_of(machine: MachineFacts, model: str = "llama3.1-8b", **wished: object) -> FitRequest:
    return FitRequest(model_of(model), machine, Wish(**wished))  # type: ignore[arg-type]


def only(machine: MachineFacts, model: str = "llama3.1-8b", **wished: object) -> Answer:
    (found,) = answers(request_of(machine, model, **wished))
    return found


@pytest.mark.parametrize(
    "size", [8, 24, 80, *(pytest.param(n, marks=pytest.mark.slow) for n in (12, 16, 40, 48))]
)
@pytest.mark.parametrize("model", few(MODELS))
def test_what_is_chosen_fits_and_the_next_larger_micro_batch_does_not(
    model: str, size: int
) -> None:
    request = request_of(cards_of(1, size), model)
    found = answers(request)
    assert [answer.plan.profile.method for answer in found] == list(METHODS)
    for plan in (answer.plan for answer in found):
        assert plan.fits == (plan.allocated_bytes <= plan.budget_bytes)
        assert plan.fits == (plan.total_bytes <= size * GIB)
        assert plan.profile.micro_batch * plan.accumulation == 16
        tried = request.candidates
        larger = [n for n in tried.micro_batches if n > plan.profile.micro_batch]
        if plan.fits and larger:
            assert not tried.fits(tried.other(plan.profile, micro_batch=larger[-1]))
        if not plan.fits:
            least = tried.other(plan.profile, micro_batch=1, checkpointing=True)
            assert not tried.fits(least)


@pytest.mark.parametrize("size", [8, 16, 24, 80])
def test_the_plan_of_a_lock_and_of_fit_are_one(size: int) -> None:
    given: dict[str, object] = {"goal.name": "x", "data.train": "x", "model.source": "x"}
    machine, lengths = cards_of(1, size), assumed.lengths(2048)
    chosen = choose(
        check(given | {"train.seed": 0, "train.epochs": 1}, {}), MODELS["llama3.1-8b"],
        rows=len(lengths), longest=2048, machine=machine, lengths=lengths,
    )  # fmt: skip
    plan = only(machine, method=chosen.kind).plan
    assert (plan.profile.micro_batch, plan.profile.checkpointing, plan.profile.rank) == (
        chosen.micro_batch, chosen.checkpointing, chosen.rank
    )  # fmt: skip
    assert plan.profile.pass_tokens == chosen.profile.pass_tokens > 0
    assert plan.allocated_bytes == chosen.estimate.peak.peak_bytes
    assert plan.budget_bytes == chosen.budget_bytes


def test_what_is_set_stays() -> None:
    wished: dict[str, Any] = {
        "objective": "dpo", "method": "lora", "rank": 24, "length": 700, "micro_batch": 3,
        "checkpointing": True, "optimizer": "adamw_8bit", "dropout": 0.0, "accumulation": 5,
        "parallel": "zero3", "offload": "all",
    }  # fmt: skip
    found = only(cards_of(2, 48), **wished)
    made = {**vars(found.plan.profile), "accumulation": found.plan.accumulation}
    assert {key: made[key] for key in wished} == wished
    assert found.plan.zero_stage == 3


def test_an_adapters_values_are_none_of_full_fine_tuning() -> None:
    plan = only(cards_of(1, 80), method="full", rank=64, dropout=0.1).plan
    assert (plan.profile.rank, plan.profile.dropout, plan.profile.targets) == (0, 0.0, ())


def test_rows_are_no_longer_than_the_context_unless_it_is_set() -> None:
    assert models.find(str(BASE)).architecture.context < 2048
    request = FitRequest(models.find(str(BASE)), cards_of(1, 24), Wish())
    assert request.candidates.request.longest == request.model.architecture.context
    longer = replace(request, wish=Wish(method="lora", length=4096))
    assert any("longer than the" in reason for reason in answers(longer)[0].reasons)


def test_qlora_of_a_mixture_says_how_little_it_quantizes() -> None:
    said = {}
    for name in ("Qwen/Qwen3.6-35B-A3B", "google/gemma-4-E2B-it", "Qwen/Qwen3-8B"):
        request = FitRequest(models.find(name), cards_of(1, 24), Wish())
        by_method = {one.plan.profile.method: one.reasons for one in answers(request)}
        assert not any("quantizes" in reason for reason in by_method["lora"])
        said[name] = [reason for reason in by_method["qlora"] if "quantizes" in reason]
    assert list(said.values()) == [
        ["QLoRA quantizes 4% of the weights: fused experts stay in 16 bits."],
        ["QLoRA quantizes 36% of the weights: embeddings stay in 16 bits."],
        [],
    ]


def test_every_reason_is_a_sentence() -> None:
    for machine in (cards_of(1, 6), cards_of(1, 24), cards_of(4, 40), CPU):
        for answer in answers(request_of(machine)):
            assert answer.reasons
            assert all(re.fullmatch(r"[A-Z].*\.", reason) for reason in answer.reasons)


def test_a_busy_card_counts_with_what_is_free() -> None:
    idle, busy = cards_of(1, 80), cards_of(1, 80, free_gib=20)
    assert only(busy, method="qlora").plan.budget_bytes < 20 * GIB - CUDA_CONTEXT_BYTES
    told = [only(machine, method="qlora").reasons for machine in (idle, busy)]
    assert not any("taken" in reason for reason in told[0])
    assert (
        "On `NVIDIA Card`, 60.0 of 80.0 GiB are in use by processes that the driver does not "
        "report; they are not counted as available."
    ) in told[1]


def test_nothing_fits_names_who_holds_the_card() -> None:
    gpu = Gpu("NVIDIA Card", 80 * GIB, 2 * GIB, "9.0", (Holder(4711, "python", 78 * GIB),))
    request = request_of(replace(cards_of(1, 80), gpus=(gpu,)))
    problem = refusal(request, answers(request))
    assert problem.message.endswith(
        "of `NVIDIA Card` is available: 78.0 of 80.0 GiB are in use by process 4711 (python)."
    )


def test_a_chip_that_trains_on_its_processor_is_named() -> None:
    mac = replace(CPU, processor="Apple M3 Max", metal_bytes=12 * GIB)
    assert record(request_of(mac), ())["machine"]["name"] == "Apple M3 Max"  # type: ignore[index]


def test_a_card_of_amd_computes_bfloat16_and_is_called_not_measured() -> None:
    gpu = Gpu("MI300X", 192 * GIB, 192 * GIB, "gfx942")
    found = only(replace(cards_of(1, 80), gpus=(gpu,)), method="lora")
    assert found.plan.profile.dtype == "bfloat16"
    unmeasured = "neither it nor training has been measured on AMD cards"
    assert any(unmeasured in reason for reason in found.reasons)


@pytest.mark.parametrize("model", few(MODELS))
@pytest.mark.parametrize("method", METHODS)
def test_a_length_that_is_named_fits_and_a_longer_one_does_not(model: str, method: Kind) -> None:
    wished: dict[str, Any] = {"method": method, "micro_batch": 1, "checkpointing": True}
    need = only(cards_of(1, 80), model, **wished, length=4096).plan.total_bytes
    tight = cards_of(1, need / GIB + 0.5)
    told = " ".join(only(tight, model, **wished, length=32768).reasons)
    named = re.search(r"--length (\d+)", told)
    assert named, told
    assert int(named[1]) >= 4096
    assert only(tight, model, **wished, length=int(named[1])).plan.fits
    assert not only(tight, model, **wished, length=int(named[1]) + 256).plan.fits


def test_a_card_that_is_named_is_the_smallest_that_fits() -> None:
    request = request_of(cards_of(1, 24), method="full")
    told = " ".join(answers(request)[0].reasons)
    named = re.search(r"--gpu ([^:`]+)`", told)
    assert named
    card = find_accelerator(named[1])
    assert only(machines.cards(card, 1), method="full").plan.fits
    smaller = [c for c in accelerators() if c.usable_bytes < card.usable_bytes]
    for other in (c for c in smaller if c.vendor == "NVIDIA" and not c.built_in):
        alone = request_of(machines.cards(other, 1), method="full", offload="none")
        assert not alone.best("full").fits


def test_nothing_fits_is_one_sentence_and_what_would() -> None:
    request = request_of(cards_of(1, 4))
    found = answers(request)
    assert not any(answer.plan.fits for answer in found)
    problem = refusal(request, found)
    assert problem.exit_code == 4
    assert re.fullmatch(
        r"No plan fits: the smallest \(QLoRA, passes of 2,048 tokens, checkpointing\) needs \d\.\d "
        r"GiB, but only \d\.\d GiB of `NVIDIA Card` is available\.",
        problem.message,
    )
    assert "`--gpu " in problem.hint


def test_a_milder_way_goes_before_a_larger_card() -> None:
    found = only(cards_of(1, 24), method="lora", micro_batch=8, checkpointing=False)
    assert found.reasons[1].startswith("It would fit with `--")
    assert "checkpointing" in found.reasons[1]


def test_a_cpu_has_its_own_limits() -> None:
    plans = {a.plan.profile.method: a.plan for a in answers(request_of(CPU, "qwen2.5-0.5b"))}
    lora = plans["lora"]
    assert (lora.profile.device, lora.profile.dtype) == ("cpu", "float32")
    assert lora.profile.optimizer == "adamw_torch"
    assert lora.total_bytes == lora.allocated_bytes
    assert lora.profile.micro_batch == 1, "2048 tokens at once are as many as help"


@pytest.mark.parametrize(
    ("machine", "wished", "named"),
    [
        (CPU, {"parallel": "zero2"}, "--parallel"),
        (CPU, {"offload": "all"}, "--offload"),
        (CPU, {"optimizer": "adamw_8bit"}, "adamw_8bit"),
        (cards_of(2, 24), {"parallel": "ddp", "offload": "optimizer"}, "--offload optimizer"),
        (cards_of(2, 24), {"parallel": "zero2", "offload": "all"}, "--offload all"),
        (cards_of(1, 24), {"objective": "dpo", "packing": True}, "--packing"),
    ],
)
def test_a_contradiction_is_a_sentence(
    machine: MachineFacts, wished: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageProblem) as caught:
        answers(request_of(machine, **wished))
    assert named in caught.value.message
    assert caught.value.hint


def test_four_bits_need_wider_layers_on_a_cpu() -> None:
    narrow = models.find(str(BASE))
    thin = replace(narrow, architecture=replace(narrow.architecture, intermediate=48))
    request = FitRequest(thin, CPU, Wish())
    assert [answer.plan.profile.method for answer in answers(request)] == ["full", "lora"]
    with pytest.raises(UsageProblem, match="needs layers at least 64 wide"):
        answers(replace(request, wish=Wish(method="qlora")))


@pytest.mark.slow
def test_ten_thousand_plans_a_second() -> None:
    """A plan takes 93 microseconds of CPU time where a sum of 1,000 squares takes 30.

    Their ratio is tested, of the best of many short runs each, since other processes on the same
    cores slow both down, unequally. Objects of other tests are not searched for garbage.
    """
    candidates = request_of(cards_of(1, 24)).candidates
    profile, lengths = candidates.profile("lora", 4, True), count(1)

    def plans() -> None:
        for length in islice(lengths, 50):  # each is another plan, since estimates are kept
            candidates.fits(candidates.other(profile, length=length))

    def sums() -> None:
        for _ in range(50):
            sum(number * number for number in range(1000))

    def seconds(work: Callable[[], None]) -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    gc.collect()
    gc.freeze()
    try:
        took = [(seconds(plans), seconds(sums)) for _ in range(110)]
    finally:
        gc.unfreeze()
    assert min(each[0] for each in took) <= 3.6 * min(each[1] for each in took)


@pytest.mark.parametrize(("name", "said"), [("GB10", True), ("RX 9070 XT", True), ("L4", False)])
def test_without_a_rate_a_sentence_says_that_there_is_no_step_time(name: str, said: bool) -> None:
    found = answers(request_of(machines.named(name), method="qlora"))
    told = f"There is no step time: the speed of `{name}` is unknown."
    assert {told in answer.reasons for answer in found if answer.plan.fits} == {said}


def test_layers_whose_work_is_not_known_have_memory_and_no_step_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = FitRequest(models.find("Qwen/Qwen3.5-0.8B"), machines.named("L4"), Wish())
    told = "There is no step time: that of layers of `qwen3_5_text` is unknown."
    timed = [answer for answer in answers(request) if told not in answer.reasons]
    assert len(timed) == 3 and all(answer.step_seconds for answer in timed)
    monkeypatch.setattr(mixers, "_EFFORTS", {})
    found = answers(FitRequest(models.find("Qwen/Qwen3.5-0.8B"), machines.named("L4"), Wish()))
    assert [(answer.step_seconds, answer.rate) for answer in found] == [(None, None)] * 3
    assert all(told in answer.reasons for answer in found)


def test_a_plan_that_fits_has_a_rate_over_all_cards() -> None:
    one, two = (
        answers(FitRequest(model_of("qwen2.5-0.5b"), machines.named(f"H100 SXM:{count}"), Wish()))[
            1
        ]
        for count in (1, 2)
    )
    assert one.rate and two.rate and one.step_seconds and two.step_seconds
    usual = 16 * mean(assumed.lengths(2048))
    assert one.rate.tokens_per_second == pytest.approx(usual / one.step_seconds)
    assert two.rate.tokens_per_second == pytest.approx(usual / two.step_seconds)
    assert 0.05 < two.rate.flops_share < one.rate.flops_share < 1
    small = answers(FitRequest(model_of("llama3.1-8b"), machines.named("L4"), Wish()))[0]
    assert not small.plan.fits and small.rate is None


def test_a_family_whose_layers_stay_unquantised_has_no_qlora() -> None:
    falcon = FitRequest(models.find("tiiuae/falcon-7b"), machines.named("H100 SXM"), Wish())
    assert falcon.methods == ("full", "lora")
    with pytest.raises(UsageProblem, match="does not quantize the layers of `falcon`"):
        contradictions.check(replace(falcon, wish=Wish(method="qlora")))


@pytest.mark.parametrize("method", METHODS)
def test_the_longest_row_alone_is_a_pass_that_fits(method: Kind) -> None:
    found = only(cards_of(1, 24), method=method)
    said = re.search(r"One by one.*, rows of up to ([\d,]+) tokens", " ".join(found.reasons))
    assert found.plan.fits == (method != "full")
    ran, request = found.plan.profile, request_of(cards_of(1, 24), method=method)
    if method == "full":
        return
    assert said
    alone = int(said[1].replace(",", ""))
    ran = replace(ran, checkpointing=True, graph_sizes=0)
    one = replace(ran, length=alone, pass_tokens=alone, accumulates=True)
    assert request.candidates.fits(one)
    longer = replace(one, length=alone + 256, pass_tokens=alone + 256)
    assert not request.candidates.fits(longer)
