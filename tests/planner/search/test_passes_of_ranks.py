"""The passes that a plan for several cards chooses, under each engine."""

import random
from dataclasses import replace
from typing import Any

import pytest

from lockfiles import limits
from planner.data.tokens import layout
from planner.data.tokens.order import epoch_order
from planner.parallelism.layouts import Parallel
from planner.search import effective_tokens, ranking, reasons
from planner.search.buckets import buckets
from planner.search.candidates import Candidates
from planner.search.passes import Steps
from planner.setup import batches
from planner.setup.setup import Profile
from planner.speed.duration import Schedule, duration
from tests.planner.search.test_passes import GIB
from tests.planner.search.test_passes import _candidates as of_one_card

ENGINES: tuple[Parallel, ...] = ("ddp", "zero1", "zero2", "zero3", "fsdp2")


def several(cards: int, gib: int = 79, **asked: Any) -> Candidates:
    """Return the candidates for some cards of `gib` GiB each."""
    found = of_one_card(gib * GIB, asked.pop("model", "meta-llama/Llama-3.1-8B"))
    machine = replace(found.machine, gpus=found.machine.gpus * cards, ram_bytes=(512 * GIB) * cards)
    own = {"processes": cards, "compiled": None, "recorded": None, **asked}
    return replace(found, machine=machine, request=replace(found.request, **own))


def best(candidates: Candidates) -> Profile:
    found = ranking.best(candidates)
    assert found is not None
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("cards", "gib"), [(2, 79), (2, 30), (4, 26)])
def test_a_plan_counts_the_greatest_pass_of_any_rank(
    engine: Parallel, cards: int, gib: int
) -> None:
    every = several(cards, gib, parallel=engine)
    plan, asked = best(every), every.request
    assert plan.pass_tokens and plan.attention == "varlen" and plan.ranks == cards
    passes, greatest = set(), 0
    for epoch in range(asked.epochs):
        order = epoch_order(len(asked.lengths), asked.seed, epoch)
        for step in layout.steps(
            asked.lengths, order, asked.effective_batch, plan.pass_tokens, cards
        ):
            passes.add(len(step) // cards)
            greatest = max(greatest, *(sum(asked.lengths[row] for row in one) for one in step))
    assert greatest == plan.pass_tokens, "a pass that is counted occurs"
    assert plan.accumulates == (max(passes) > 1)
    said = reasons.why(every, plan)
    share = "Each card's share of a step"
    expected = (
        f"takes up to {max(passes)} passes" if plan.accumulates else "is one pass: the largest"
    )
    assert said["train.accumulation"].startswith(f"{share} {expected}")
    assert said["train.micro_batch"].endswith(
        f"of at most {greatest:,} tokens, as many on each card."
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_layers_are_compiled_where_torch_can(engine: Parallel) -> None:
    every = several(2, parallel=engine, compiled=True, epochs=40)
    able = engine != "zero3"
    kinds = {plan.kernels for plan in every.of("lora", (engine, "none"))}
    assert kinds == ({"compiled"} if able else {"eager"})
    free = several(2, parallel=engine, epochs=40)
    plan = best(free)
    assert (plan.kernels == "compiled") == able
    if able:
        plain = replace(plan, kernels="eager")
        assert free.estimated(plan) < free.estimated(plain)
        assert "torch compiles the layers" in reasons.why(free, plan)["train.kernels"]


def test_layers_that_must_be_compiled_choose_an_engine_that_can() -> None:
    layouts = several(2, compiled=True).layouts
    assert ("fsdp2", "none") in layouts and not any(name == "zero3" for name, _ in layouts)
    assert {name for name, _ in several(2, recorded=True).layouts} == {"ddp"}


def test_passes_of_several_cards_are_recorded_where_the_host_would_be_slower() -> None:
    every = several(2, model="Qwen/Qwen2.5-0.5B", epochs=40)
    plan = best(every)
    assert plan.parallel == "ddp" and plan.graph_sizes
    assert "replayed from CUDA graphs" in reasons.why(every, plan)["train.graph_sizes"]
    assert not best(several(2, model="Qwen/Qwen2.5-0.5B", epochs=40, recorded=False)).graph_sizes


def test_a_step_takes_as_long_as_its_slowest_process() -> None:
    every = several(4)
    plan, card = best(every), every.card
    lengths = list(every.request.lengths)
    schedule = Schedule(lengths, (), seed=17, epochs=1, accumulation=1, evaluate_steps=100)
    found = duration(every.model, plan, card, schedule)
    assert found and found.steps == -(-len(lengths) // 16)
    assert found.padded_tokens == sum(lengths) / found.steps, "of all processes"
    source = random.Random(3)
    for _ in range(50):
        step = [source.randrange(10, 500) for _ in range(16)]
        each = batches.flowing(step, 4000, 4)
        own = [sum(one.tokens for one in rank) for rank in each]
        waits = replace(plan, parallel="fsdp2", pass_tokens=600)
        assert sum(one.tokens for one in batches.slowest(each, plan)) == max(own)
        turns = batches.flowing(step, 600, 4)
        greatest = [max(turn, key=lambda one: one.tokens) for turn in zip(*turns, strict=True)]
        assert list(batches.slowest(turns, waits)) == greatest


def test_padded_micro_batches_go_to_processes_in_turn() -> None:
    plan = replace(best(several(2, packing=False)), micro_batch=2, pass_tokens=0, packing=False)
    (step,) = batches.by_rank([5, 6, 7, 8, 9, 4, 3], plan, 2)
    assert [[one.longest for one in own] for own in step] == [[6, 9], [8, 3]]
    assert [one.longest for one in batches.slowest(step, plan)] == [6, 9]
    waits = replace(plan, parallel="zero2")
    assert [one.longest for one in batches.slowest(step, waits)] == [8, 9]


def test_the_bound_of_unknown_steps_holds_for_all() -> None:
    source = random.Random(5)
    for _ in range(300):
        ranks = source.choice((2, 3, 8))
        rows = [source.randrange(1, 200) for _ in range(ranks * source.randrange(1, 6))]
        longest = Steps((tuple(rows),), known=False, ranks=ranks)
        shorter = tuple(max(1, row - source.randrange(100)) for row in rows)
        laid = layout.passes(shorter, longest.largest, ranks)
        assert len(laid) == ranks, "one pass for each"


def test_a_small_bucket_is_chosen_only_where_memory_is_short() -> None:
    asked: dict[str, Any] = {"method": "full", "parallel": "zero2", "checkpointing": True}
    roomy, model = several(8, **asked), several(8).model
    plan = best(roomy)
    assert plan.bucket == limits.BUCKET_ELEMENTS
    assert "parallel.bucket" not in reasons.why(roomy, plan)
    usual = roomy.wanted(replace(plan, pass_tokens=roomy.steps.longest))
    need = roomy.wanted(roomy.least("full"))
    assert usual - need > 500_000_000
    between = replace(
        roomy.machine.gpus[0],
        free_bytes=round((usual + need) / 2 * 1.02) + 600_000_000,
        memory_bytes=round((usual + need) / 2 * 1.02) + 600_000_000,
    )
    short = replace(roomy, machine=replace(roomy.machine, gpus=(between,) * 8))
    plan = best(short)
    assert short.fits(plan) and plan.parallel == "zero2"
    assert plan.bucket in buckets(model, plan)[1:]
    assert not short.fits(replace(plan, bucket=limits.BUCKET_ELEMENTS))
    said = reasons.why(short, plan)["parallel.bucket"]
    assert f"the usual {limits.BUCKET_ELEMENTS:,} would need" in said


def test_a_bucket_holds_the_largest_tensor_of_a_layer() -> None:
    every = several(8, method="full", parallel="zero2", model="meta-llama/Llama-3.1-405B")
    plan = every.profile("full", 1, True, layout=("zero2", "none"))
    assert min(buckets(every.model, plan)) >= 16384 * 53248 or len(buckets(every.model, plan)) == 1
    adapter = every.profile("lora", 1, True, layout=("zero2", "none"))
    assert len(buckets(every.model, replace(adapter, targets=("q_proj",), rank=1))) == 1


def test_the_tokens_of_a_step_are_those_of_all_processes() -> None:
    every = several(4)
    asked = replace(every.request, effective_tokens=20_000)
    found = effective_tokens.with_rows(asked, concatenated=True)
    mean = sum(asked.lengths) / len(asked.lengths)
    assert found.effective_batch % 4 == 0
    assert abs(found.effective_batch * mean - 20_000) <= 2 * mean
    assert "nearest to 20,000 among multiples of 4" in effective_tokens.reason(found)
