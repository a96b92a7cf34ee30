"""The fastest plan that fits is chosen, and of plans that are as fast the one that needs least."""

import random
import re
from dataclasses import replace

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Answer
from planner.fit import machines
from planner.fit.answers import answers
from planner.fit.models import find
from planner.fit.request import FitRequest, Wish
from planner.interview.answers import Answers, check
from planner.search import from_answers
from planner.search.candidates import Candidates
from planner.search.choose import Choice, choose
from planner.search.from_answers import counted
from planner.search.ranking import TIE, best, seconds
from planner.setup.setup import Kind, Profile
from tests.planner.memory.test_memory import MODELS
from tests.planner.plan.test_h100 import H100


def _answers(**changes: object) -> Answers:
    named = {"goal.name": "x", "data.train": "rows.jsonl", "model.source": "base"}
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return check(named | changed, {})


def _candidates(model: str, *, lengths: tuple[int, ...] = (), **changes: object) -> Candidates:
    answers = _answers(**changes)
    longest = max(lengths, default=1024)
    machine = counted(answers, H100)
    return from_answers.candidates(
        answers, MODELS[model], machine, rows=len(lengths) or 1000, longest=longest,
        lengths=lengths,
    )  # fmt: skip


def _times(candidates: Candidates) -> dict[Profile, float]:
    """Return the time of each plan of the chosen method that fits."""
    kind = candidates.kinds[0]
    (layout,) = candidates.layouts_of(kind)
    found = {plan: seconds(candidates, plan) for plan in candidates.of(kind, layout)}
    return {plan: time for plan, time in found.items() if time and candidates.fits(plan)}


def test_no_plan_that_fits_is_faster_by_more_than_a_tie() -> None:
    for model in ("qwen2.5-0.5b", "llama3.1-8b"):
        candidates = _candidates(model)
        times, chosen = _times(candidates), best(candidates)
        assert chosen
        assert times[chosen] <= (1 + TIE) * min(times.values())
        near = [plan for plan, time in times.items() if time <= (1 + TIE) * min(times.values())]
        assert candidates.need(chosen) == min(map(candidates.need, near))


def test_rows_of_many_lengths_are_not_padded_more_than_it_pays() -> None:
    source = random.Random(1)
    uneven = tuple(int(min(1024, 20 + source.lognormvariate(4.6, 1.2))) for _ in range(1000))
    padded = {"method__checkpointing": "on", "train__effective_batch": 64}
    mixed = _candidates("llama3.1-8b", lengths=uneven, **padded)
    narrow, wide = (mixed.profile("lora", n, True, packing=False) for n in (8, 64))
    times = _times(mixed)
    assert times[narrow] < times[wide]
    equal = replace(mixed, request=replace(mixed.request, lengths=()))
    assert _times(equal)[narrow] > 0.97 * _times(equal)[wide]
    assert best(mixed) != wide


UNEVEN = tuple(20 + 37 * row % 900 for row in range(640))
"""Lengths from 20 to 916 tokens, in no order."""


def test_rows_are_packed_where_padding_costs_more() -> None:
    mixed = _candidates("llama3.1-8b", lengths=UNEVEN)
    chosen, times = best(mixed), _times(mixed)
    assert chosen and chosen.packing
    padded = min(time for plan, time in times.items() if not plan.packing)
    assert times[chosen] < 0.8 * padded
    assert mixed.estimated(chosen) <= mixed.budget_bytes


def test_rows_of_one_length_are_not_packed() -> None:
    assert _candidates("llama3.1-8b", lengths=(512,) * 640).packings == (False,)
    assert _candidates("llama3.1-8b", lengths=()).packings == (False,)


def test_packing_off_is_kept_and_padding_told_apart() -> None:
    found = _chosen("llama3.1-8b", method__packing="off")
    assert not found.profile.packing and "stream.packing" not in found.why
    packed = _chosen("llama3.1-8b")
    assert packed.profile.packing
    assert "Padding rows of 20 to 916 tokens instead would take" in packed.why["stream.packing"]


def test_packing_is_refused_for_a_family_that_sees_across() -> None:
    facts = MODELS["llama3.1-8b"]
    shape = replace(facts.architecture, family="bloom")
    bloom, machine = replace(facts, architecture=shape), counted(_answers(), H100)
    with pytest.raises(UsageProblem, match="would cross row boundaries") as caught:
        from_answers.candidates(
            _answers(method__packing="on"), bloom, machine, rows=len(UNEVEN),
            longest=max(UNEVEN), lengths=UNEVEN,
        )  # fmt: skip
    assert caught.value.fix == (Answer("method.packing", "off"),)


def _chosen(model: str, **changes: object) -> Choice:
    rows = {"rows": len(UNEVEN), "longest": max(UNEVEN), "lengths": UNEVEN}
    return choose(_answers(**changes), MODELS[model], machine=H100, **rows)  # type: ignore[arg-type]


def test_without_known_speed_the_first_plan_that_fits_is_chosen() -> None:
    candidates = _candidates("llama3.1-8b")
    card = replace(candidates.machine.gpus[0], name="a card of 80 GiB")
    unknown = replace(candidates, machine=replace(candidates.machine, gpus=(card,)))
    (layout,) = unknown.layouts_of("lora")
    assert best(unknown) == next(filter(unknown.fits, unknown.of("lora", layout)))


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_fit_prefers_the_fastest_plan_of_a_card_that_it_knows(method: Kind) -> None:
    request = FitRequest(find("Qwen/Qwen3-4B"), machines.named("h200"), Wish(method=method))
    candidates = request.candidates
    (layout,) = candidates.layouts_of(method)
    fitting = [plan for plan in candidates.of(method, layout) if candidates.fits(plan)]
    times = [seconds(candidates, plan) or 0.0 for plan in fitting]
    chosen = seconds(candidates, request.best(method).profile)
    assert len(fitting) > 2
    assert chosen and chosen <= (1 + TIE) * min(times) < max(times)


def _choose(**changes: object) -> Choice:
    model = MODELS["llama3.1-8b"]
    return choose(_answers(**changes), model, rows=1000, longest=1024, machine=H100)


def test_what_is_larger_and_no_faster_says_so() -> None:
    chosen = _choose(method__checkpointing="on", train__effective_batch=64)
    larger = chosen.rejected[0]
    assert larger.what.startswith("LoRA, micro-batch")
    assert larger.needed_bytes <= chosen.budget_bytes
    assert larger.reason.endswith("but would not be faster.")
    assert "would not be faster" in chosen.why["train.micro_batch"]


def test_the_cost_of_checkpointing_is_that_of_the_fastest_plan_with_it() -> None:
    alone, asked = (
        answers(FitRequest(find("Qwen/Qwen3-8B"), machines.named("RTX 4090"), wish))[0]
        for wish in (Wish(method="qlora"), Wish(method="qlora", checkpointing=True))
    )
    assert alone.step_seconds and asked.step_seconds and asked.plan.fits
    (said,) = (one for one in alone.reasons if "without gradient checkpointing" in one)
    more = asked.step_seconds / alone.step_seconds - 1
    found = re.fullmatch(r".*, which would take (\d+)% longer\.", said)
    assert found and int(found[1]) / 100 == pytest.approx(more, abs=0.03)
