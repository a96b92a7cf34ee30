"""A plan takes the fastest of the finalists that a rehearsal timed, and says what they took."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.interview.answers import Answers
from planner.machines.facts import Gpu
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.search.candidates import Candidates
from planner.search.finalists import FAR, finalists
from planner.search.from_answers import candidates, counted
from planner.search.ranking import best, seconds
from planner.search.rehearsal import load
from planner.search.tuned import Finalist, Tuned
from planner.setup.setup import Profile
from tests.planned import GIB, MACHINE, answers, few_rows
from tests.planner.search.test_ranking import UNEVEN
from tests.planner.search.test_ranking import _candidates as from_answers
from tests.planner.search.test_rehearsal import GPU_MACHINE, ON_CARD, chosen, rehearsal

FAST = replace(GPU_MACHINE, gpus=(Gpu("NVIDIA H100 80GB HBM3", 80 * GIB, 79 * GIB, "9.0"),))
LENGTHS = ((30, 40) * 8, (20, 60) * 8, (50, 66) * 8)
"""Tokens of the rows of three timed steps."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_rows(tmp_path_factory.mktemp("tuned"))


@pytest.fixture(scope="module")
def on_cpu(folder: Path) -> PlanFacts:
    return gather(answers(), folder, machine=MACHINE)


@pytest.fixture(scope="module")
def on_card(folder: Path) -> PlanFacts:
    return gather(answers(**ON_CARD, train__epochs=50), folder, machine=FAST)


def _candidates(asked: Answers, facts: PlanFacts) -> Candidates:
    stream = facts.stream
    return candidates(
        asked, facts.model, counted(asked, facts.machine), rows=stream.rows,
        longest=stream.longest, lengths=stream.lengths, tokens=stream.tokens,
    )  # fmt: skip


def _finalists(asked: Answers, facts: PlanFacts) -> tuple[Profile, ...]:
    return finalists(_candidates(asked, facts), chosen(asked, facts).profile)


def _tuned(
    plans: Sequence[Profile], *took: float | str, lengths: tuple[tuple[int, ...], ...] = LENGTHS
) -> Tuned:
    """Return the times of some plans; a word says why one was not timed."""
    found = (
        Finalist(profile=one, untimed=time)  # type: ignore[arg-type]
        if isinstance(time, str)
        else Finalist(profile=one, step_seconds=(time, 1.1 * time, 0.9 * time))
        for one, time in zip(plans, took, strict=True)
    )
    return Tuned(lengths=lengths, finalists=tuple(found))


def _with(asked: Answers, facts: PlanFacts, *took: float | str, ran: int = 0) -> PlanFacts:
    """Return facts with a rehearsal that timed the finalists, and rehearsed one of them."""
    plans, choice = _finalists(asked, facts), chosen(asked, facts)
    own = replace(choice, profile=plans[ran], micro_batch=plans[ran].micro_batch)
    found = rehearsal(own, facts).model_copy(update={"tuned": _tuned(plans, *took)})
    return replace(facts, rehearsal=found)


def test_on_a_cpu_the_finalists_are_smaller_micro_batches(on_cpu: PlanFacts) -> None:
    found = _finalists(answers(), on_cpu)
    assert [one.micro_batch for one in found] == [16, 8, 4]
    assert found[0] == chosen(answers(), on_cpu).profile
    assert not any(one.checkpointing for one in found)
    set_by_hand = _finalists(answers(method__micro_batch=4), on_cpu)
    assert [one.micro_batch for one in set_by_hand] == [4]


def _large() -> Candidates:
    """The plans of an 8B model for rows of 20 to 916 tokens on an H100."""
    return from_answers("llama3.1-8b", lengths=UNEVEN, train__epochs=30)


def test_on_a_card_the_finalists_are_the_likeliest_ways() -> None:
    tried = _large()
    chosen = best(tried)
    assert chosen
    found = finalists(tried, chosen)
    ways = {(one.kernels, one.graph_sizes > 0, one.checkpointing) for one in found}
    assert found[0] == chosen and len(found) == len(ways) == 3
    times = [seconds(tried, one) or 0.0 for one in found]
    assert times[1] <= times[2] < FAR * times[0]


@pytest.mark.parametrize(
    ("took", "micro_batch"),
    [
        ((2.0, 1.0, 1.5), 8),
        ((2.0, 1.5, 1.0), 4),
        ((1.0, 0.97, 1.2), 16),
        ((2.0, "memory", 1.0), 4),
        ((2.0, "failed", 3.0), 16),
        (("time", 1.0, 2.0), 8),
        (("time", "time", "time"), 16),
    ],
)
def test_the_fastest_is_chosen_and_the_planned_one_kept_where_it_is_as_fast(
    took: tuple[float | str, ...], micro_batch: int, on_cpu: PlanFacts
) -> None:
    made = plan(answers(), _with(answers(), on_cpu, *took))
    assert made.train.micro_batch == micro_batch
    assert made.train.micro_batch * made.train.accumulation == 16


def test_the_lock_says_what_was_timed_and_predicts_by_it(on_cpu: PlanFacts) -> None:
    facts = _with(answers(), on_cpu, 2.0, 1.0, "time", ran=1)
    made = plan(answers(), facts)
    said = made.why["train.micro_batch"]
    assert "8 needs" in said and "16 would need" in said and "but would take 100% longer." in said
    assert said.endswith(
        "Timed on the same rows: a step took 1 s; micro-batch 16 took 2 s. "
        "Not timed: micro-batch 4 (no time was left)."
    )
    assert made.prediction.estimator == "rehearsal"
    tokens = sum(8 * max(step[:8]) + 8 * max(step[8:]) for step in LENGTHS) / 3
    assert f"A rehearsed step of {tokens:,.0f} tokens took 1 s" in made.why["prediction.seconds"]
    mean = 1.0 * made.stream.tokens / made.stream.rows * 16 / tokens
    assert mean < made.prediction.step_seconds < 1.5


def test_times_of_other_answers_are_not_taken(on_cpu: PlanFacts) -> None:
    other, facts = answers(method__rank=8), _with(answers(), on_cpu, 2.0, 1.0, 1.5)
    made = plan(other, facts)
    assert made.train == plan(other, on_cpu).train
    assert "Timed" not in made.why["train.micro_batch"]


def test_passes_that_no_step_has_are_not_counted(on_card: PlanFacts) -> None:
    """Times for shorter rows, as after a change of the data or in a forged file."""
    asked = answers(**ON_CARD, train__epochs=50)
    plans = _finalists(asked, on_card)
    short = [replace(one, length=24, pass_tokens=24) for one in plans]
    lengths = ((20, 24) * 8,) * 3
    tuned = _tuned(short, *[1.0] * len(short), lengths=lengths)
    choice = chosen(asked, on_card)
    found = rehearsal(choice, on_card).model_copy(update={"tuned": tuned})
    assert plan(asked, replace(on_card, rehearsal=found)).train == plan(asked, on_card).train


def test_on_a_card_a_plan_keeps_to_what_was_measured(on_card: PlanFacts) -> None:
    asked = answers(**ON_CARD, train__epochs=50)
    plans = _finalists(asked, on_card)
    assert len(plans) > 1
    for at, one in enumerate(plans):
        took = [2.0] * len(plans)
        took[at] = 0.5
        made = plan(asked, _with(asked, on_card, *took, ran=at))
        assert made.train.kernels == one.kernels
        assert bool(made.train.graph_sizes) == bool(one.graph_sizes)
        assert made.train.pass_tokens == one.pass_tokens
        assert "Timed on the same rows: a step took 0.5 s" in made.why["train.micro_batch"]


def test_what_failed_is_not_called_slow(on_card: PlanFacts) -> None:
    asked = answers(**ON_CARD, train__epochs=50)
    plans = _finalists(asked, on_card)
    took = ["failed" if one.graph_sizes else 1.0 for one in plans]
    made = plan(asked, _with(asked, on_card, *took, ran=took.index(1.0)))
    assert not made.train.graph_sizes
    said = "CUDA graphs are not used: when that was timed, it failed."
    assert made.why["train.graph_sizes"] == said


def test_what_was_not_timed_counts_with_its_estimate_by_the_same_measure() -> None:
    """The others took twice as long as estimated, so it would too."""
    tried = _large()
    chosen = best(tried)
    assert chosen
    plans = finalists(tried, chosen)
    usual = [16 * (seconds(tried, one) or 0.0) for one in plans[1:]]
    again = replace(tried, tuned=_tuned(plans, "time", *(2 * each for each in usual)))
    assert best(again) == chosen
    alone, scaled = seconds(tried, chosen), seconds(again, chosen)
    assert alone and scaled and 1.7 < scaled / alone < 2.3
    fast = replace(tried, tuned=_tuned(plans, "time", 0.2 * usual[0], 3 * usual[1]))
    assert best(fast) == plans[1]


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"lengths": []}, "lengths"),
        ({"lengths": [[5] * 16, [5] * 4, [5] * 16]}, "different numbers of rows"),
        ({"lengths": [[5] * 16]}, "more steps than"),
        ({"lengths": [[5] * 15 + [10_000]] * 3}, "a row longer than a plan's rows"),
        ({"finalists": []}, "finalists"),
        ({"step_seconds": []}, "contradict"),
        ({"step_seconds": [-1.0]}, "step_seconds"),
        ({"untimed": "time"}, "contradict"),
        ({"untimed": "bored"}, "untimed"),
        ({"profile": {"micro_batch": 0}}, "out of bounds"),
        ({"profile": {"targets": ["a\nb"]}}, "out of bounds"),
    ],
)
def test_what_lies_about_itself_is_a_sentence(
    lie: dict[str, Any], said: str, on_cpu: PlanFacts, tmp_path: Path
) -> None:
    found = _with(answers(), on_cpu, 2.0, 1.0, 1.5).rehearsal
    assert found
    path = tmp_path / "rehearsal.json"
    path.write_text(found.model_dump_json(), "utf-8")
    assert load(path) == found
    told = found.model_dump(mode="json")
    tuned, first = told["tuned"], told["tuned"]["finalists"][0]
    tuned |= {key: value for key, value in lie.items() if key in tuned}
    first |= {key: value for key, value in lie.items() if key in ("step_seconds", "untimed")}
    first["profile"] |= lie.get("profile", {})
    path.write_text(json.dumps(told), "utf-8")
    with pytest.raises(UsageProblem, match=f"is not a valid rehearsal: .*{said}"):
        load(path)
