"""Passes as locks for two cards have them, computed by two processes under each engine.

The engines run here on a processor, in float32 and with a mask, as `tests.ranks` does; rows, order,
steps and passes are those of the lock.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.lock import TrainingLock
from planner.data.tokens.order import epoch_order
from planner.fit.models import find
from planner.plan.gather import PlanFacts, gather
from planner.plan.passes import Epoch
from planner.plan.plan import plan
from tests import ranks
from tests.planned import GIB, answers, few_rows
from tests.planner.plan.test_parallel import CARDS, ON_CARDS
from tests.ranks import Case
from tests.runner.training.test_sft import base as base

pytest.importorskip("trl")
pytest.importorskip("deepspeed")

from tests.runner.engines.test_shared import apart, assert_same

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
ENGINES = ("ddp", "zero1", "zero2", "zero3", "fsdp2")
ROWS, STEP = 150, 32
STEPS = 5
"""The last one has 22 rows."""


ASKED: Mapping[str, Any] = {
    **ON_CARDS, "data__validation_fraction": 0, "method__kind": "lora", "train__epochs": 1,
    "train__effective_batch": STEP, "method__compile": "off", "method__checkpointing": "off",
}  # fmt: skip


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    """The demo's facts, with few rows and the shape of a model whose passes take gigabytes."""
    folder = few_rows(tmp_path_factory.mktemp("planned"))
    found, large = gather(answers(**ASKED), folder, machine=CARDS), find("meta-llama/Llama-3.1-8B")
    shape, size = large.architecture, 4 * large.parameters
    files = tuple(
        replace(one, size_bytes=size) if one.name.endswith(".safetensors") else one
        for one in found.model.files
    )
    model = replace(found.model, architecture=shape, parameters=large.parameters, files=files)
    return replace(found, model=model)


def planned(facts: PlanFacts, engine: str) -> TrainingLock:
    """Return a lock for two cards with too little memory for one pass in each step."""
    asked = answers(**{**ASKED, "machine__processes": 2, "machine__parallel": engine})

    for free in range(CARDS.gpus[0].free_bytes, 0, -GIB // 2):
        card = replace(CARDS.gpus[0], free_bytes=free)
        made = plan(asked, replace(facts, machine=replace(CARDS, gpus=(card,) * 2)))
        if made.train.most_passes > 1:
            return made
    raise AssertionError


def case_of(made: TrainingLock, facts: PlanFacts, base: Path, work: Path, **changes: Any) -> Case:
    """Return the training of a lock's passes."""
    train, lengths = made.train, list(facts.stream.lengths)
    assert len(lengths) == ROWS and max(lengths) - min(lengths) > 30
    assert (train.micro_batch, train.accumulation) == (STEP // 2, 1)
    found = [
        Epoch.of(lengths, epoch_order(ROWS, train.seed, epoch), STEP, train.pass_tokens, 2)
        for epoch in range(train.epochs)
    ]
    assert [one.sha256 for one in found] == made.stream.passes_sha256
    assert max(one.most_passes for one in found) == train.most_passes
    assert max(max(one.tokens) for one in found) == train.pass_tokens
    settings = {"evaluate_steps": 4, "seed": train.seed, "epochs": train.epochs}
    own = {"engine": made.parallel.engine, "ranks": 2, "bucket": made.parallel.bucket, **changes}
    return Case(
        base=str(base), work=str(work), method="lora", step_rows=STEP, lengths=lengths,
        pass_tokens=train.pass_tokens, settings=settings, **own,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_compute_the_passes_of_a_lock_as_one_does(
    facts: PlanFacts, base: Path, tmp_path: Path
) -> None:
    locks: Mapping[str, TrainingLock] = {engine: planned(facts, engine) for engine in ENGINES}
    cases = [case_of(locks[name], facts, base, tmp_path / name) for name in ENGINES]
    alone = replace(cases[0], work=str(tmp_path / "alone"), engine="single", ranks=1)
    whole, *found = ranks.run_all([alone, *cases])
    for both in zip(cases, found, strict=True):
        assert_same((alone, whole), both, steps=STEPS)
    halves = [one.at(tmp_path / f"{one.engine}-resumed") for one in cases]
    before = ranks.run_all([replace(one, stop_after=3) for one in halves])
    after = ranks.run_all(halves)
    for one, left, right in zip(halves, before, after, strict=True):
        losses = ranks.losses(left) + ranks.losses(right)
        assert 0 < len(ranks.losses(left)) < STEPS
        assert losses == pytest.approx(ranks.losses(whole), rel=1e-4)
        assert apart(alone, one) < 1e-3
