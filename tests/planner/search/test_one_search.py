"""`tunelock fit` and `tunelock plan` give one answer to one question.

A question is drawn: a model and cards of the catalogue, or a CPU, and settings. `fit` gets it as
options and `plan` as answers.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from lockfiles.errors import DoesNotFit, TunelockError, UsageProblem
from planner.catalogue import lookup
from planner.fit.answers import Answer, answers
from planner.fit.machines import cards
from planner.fit.models import FitModel, find
from planner.fit.reasons import shown
from planner.fit.request import FitRequest, Wish
from planner.interview.answers import check
from planner.machines.facts import MachineFacts
from planner.models.facts import FileFact, ModelFacts, architecture
from planner.parallelism.engines import cannot_run, never
from planner.search.choose import Choice, choose
from planner.search.reasons import YOURS, measured
from planner.search.rejected import nothing_fits
from planner.setup.setup import Kind, Profile

GIB = 1 << 30
FEW, MANY = 25, 80
SEED = 13
ENOUGH = 100_000_000
"""Rows of a run that is so long that compiling takes no share of it, as `fit` assumes."""


@dataclass(frozen=True)
class Case:
    """One question."""

    model: FitModel
    machine: MachineFacts
    wish: Wish

    @property
    def request(self) -> FitRequest:
        """The question as `fit` gets it."""
        return FitRequest(self.model, self.machine, self.wish)

    def __str__(self) -> str:
        machine = self.machine
        where = f"{len(machine.gpus)} x {machine.gpus[0].name}" if machine.gpus else "CPU"
        return f"{self.model.name} on {where}: {self.wish}"


def _machine(draw: random.Random) -> MachineFacts:
    if draw.random() < 0.15:
        memory = draw.choice((8, 32, 128, 512)) * GIB
        return MachineFacts("cpu", (), 8, memory, memory // 2, 1 << 40, "")
    card = draw.choice(lookup.accelerators())
    count = 1 if card.built_in else draw.choice((1, 1, 1, 2, 3, 4, 8))
    return cards(card, count)


def _case(draw: random.Random, names: Sequence[str]) -> Case:
    model, machine = find(draw.choice(names)), _machine(draw)
    on_card = bool(machine.gpus)
    wished: dict[str, object] = {
        "method": draw.choice((None, "lora", "qlora", "full")),
        "rank": draw.choice((None, 4, 64)),
        "length": min(draw.choice((128, 512, 1024, 2048, 8192)), model.architecture.context),
        "micro_batch": draw.choice((None, None, None, 1, 2, 3)),
        "checkpointing": draw.choice((None, None, True, False)),
        "dropout": draw.choice((None, 0.0)),
        "packing": draw.choice((None, None, None, None, None, None, None, None, True, False)),
    }
    if on_card and draw.random() < 0.5:
        parallels = ("ddp", "zero1", "zero2", "zero3", "fsdp2")
        wished["parallel"] = draw.choice((None, *parallels))
        wished["offload"] = draw.choice((None, "none", "optimizer", "all"))
    elif draw.random() < 0.05:
        wished["offload"] = "optimizer"
    if wished["micro_batch"] and draw.random() < 0.3:
        wished["accumulation"] = draw.choice((1, 4))
    return Case(model, machine, Wish(**wished))  # type: ignore[arg-type]


def _cases(count: int) -> Iterator[Case]:
    draw, names = random.Random(SEED), [model.name for model in lookup.models()]
    for _ in range(count):
        yield _case(draw, names)


def _chosen(case: Case, method: Kind | None) -> Choice:
    """Return what a plan chooses for the same question, of one method or of all."""
    wish, asked = case.wish, case.request.candidates.request
    switch = {None: "auto", True: "on", False: "off"}
    given = {
        "goal.name": "x", "data.train": "x", "model.source": "x",
        "method.kind": method or "auto",
        "method.rank": wish.rank or 0,
        "method.micro_batch": wish.micro_batch or 0,
        "method.checkpointing": switch[wish.checkpointing],
        "method.packing": switch[wish.packing],
        "method.dropout": 0.05 if wish.dropout is None else wish.dropout,
        "train.effective_batch": asked.effective_batch,
        "train.seed": asked.seed,
        "train.epochs": asked.epochs,
        "machine.processes": asked.processes,
        "machine.parallel": wish.parallel or "auto",
        "machine.offload": wish.offload or "auto",
    }  # fmt: skip
    model, lengths = case.model, asked.lengths or (asked.longest,) * 16 * asked.effective_batch
    files = (FileFact("model.safetensors", model.stored_bytes, "0" * 64),)
    facts = ModelFacts(model.name, files, model.architecture, model.parameters, "BF16")
    return choose(
        check(given, {}), facts, rows=ENOUGH, longest=asked.longest, machine=case.machine,
        lengths=lengths, tokens=asked.tokens,
    )  # fmt: skip


def _lines(found: Answer) -> dict[str, int]:
    """Return the lines of `run.toml` that `fit` says a plan of its answer needs."""
    told = next((one for one in found.reasons if one.startswith("To plan this, set ")), "")
    return {key: int(value) for key, value in re.findall(r"`(\w+) = (\d+)`", told)}


def _needed(choice: Choice, case: Case) -> dict[str, int]:
    """Return the answers of a plan that are not those of a `run.toml` without them."""
    processes, micro_batch = choice.profile.ranks, choice.micro_batch
    step = micro_batch * choice.accumulation * processes
    found = {"processes": processes} if processes > 1 else {}
    found |= {"effective_batch": step} if step != 16 else {}
    return found | ({"micro_batch": micro_batch} if case.wish.accumulation else {})


def _beyond(plan: Profile) -> str:
    return cannot_run(plan.device, plan.parallel, plan.ranks, plan.offload, plan.method)


def _check(case: Case, found: Answer) -> None:
    """Compare what both say of one method."""
    method, request = found.plan.profile.method, case.request
    plan = found.plan.profile
    if never(plan.parallel, plan.offload, method):  # fit counts on request what no engine can do
        with pytest.raises(UsageProblem if found.plan.fits else TunelockError):
            _chosen(case, method)
        return
    if not found.plan.fits:
        with pytest.raises(DoesNotFit) as refused:
            _chosen(case, method)
        assert refused.value.message == nothing_fits(request.candidates, found.plan.profile)
        return
    choice = _chosen(case, method)
    assert choice.profile == found.plan.profile
    assert choice.accumulation == found.plan.accumulation
    assert choice.estimate == found.plan.estimate
    assert choice.budget_bytes == found.plan.budget_bytes
    assert _lines(found) == ({} if _beyond(choice.profile) else _needed(choice, case))
    said = [choice.why[key] for key in shown(choice.profile) if choice.why.get(key, YOURS) != YOURS]
    assert list(found.reasons[: len(said)]) == said
    assert set(measured(request.candidates).items()) <= set(choice.why.items())
    assert set(measured(request.candidates).values()) <= set(found.reasons)


def _check_case(case: Case) -> int:
    """Compare both on a question, and return how many methods of it fit."""
    try:
        told = answers(case.request)
    except UsageProblem:
        with pytest.raises(UsageProblem):
            _chosen(case, case.wish.method)
        return 0
    for found in told:
        _check(case, found)
    fitting = [found.plan.profile.method for found in told if found.plan.fits]
    if case.wish.method is None and (order := [k for k in ("lora", "qlora") if k in fitting]):
        assert _chosen(case, None).kind == order[0]
    return len(fitting)


@pytest.mark.parametrize("cases", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_fit_and_plan_say_the_same(cases: int) -> None:
    fitting, several = 0, 0
    for case in _cases(cases):
        try:
            found = _check_case(case)
        except AssertionError as problem:
            raise AssertionError(str(case)) from problem
        fitting += found
        several += bool(found) and len(case.machine.gpus) > 1
    assert fitting > cases / 2 and several > cases / 10


def test_a_model_of_one_key_head_has_no_narrow_layer() -> None:
    """Its keys and values are rows of one wide matrix, which bitsandbytes quantizes as a whole."""
    shape = architecture(
        {
            "model_type": "gpt_bigcode", "n_embd": 512, "n_layer": 2, "n_head": 16,
            "multi_query": True, "vocab_size": 1024, "n_positions": 256, "n_inner": 2048,
        },
        "config.json",
    )  # fmt: skip
    assert shape.kv_heads * shape.head_dim == 32
    memory = 32 * GIB
    machine = MachineFacts("cpu", (), 8, memory, memory, 1 << 40, "")
    case = Case(
        FitModel("one-head", "file", shape, 10**7), machine, Wish(method="qlora", length=64)
    )
    assert case.request.candidates.narrowest == 512
    assert _check_case(case) == 1
    assert _chosen(case, "qlora").kind == "qlora"
