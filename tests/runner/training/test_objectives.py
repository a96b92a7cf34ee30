"""The objective of `docs/add-an-objective.md` trains through the one way to a trainer."""

import random
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("trl")

from transformers import AutoConfig, AutoModelForSequenceClassification

from lockfiles import objectives
from lockfiles.lock import Method
from lockfiles.objectives.objective import ObjectiveTable
from lockfiles.objectives.registry import OBJECTIVES
from planner.data.tokens.example import IGNORED, completion
from planner.models.families import FAMILIES
from planner.objectives import registry
from planner.setup.setup import Kind, Profile
from runner.rehearse.case import Case
from runner.rehearse.measure import measure
from runner.trace.step import peaks
from runner.training.job import DEFAULT, Job
from runner.training.make import kind_of
from runner.training.train import train
from tests.few import few
from tests.runner.training.test_packing import SETTINGS, Heard
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


PAGE = Path(__file__).parents[3] / "docs" / "add-an-objective.md"
CONFIG = {
    "model_type": "llama", "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
}  # fmt: skip
FOLDERS = ("lockfiles.objectives", "planner.objectives", "runner.training")


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[ObjectiveTable]]:
    """Put the page's modules where they belong, and yield the objective's table."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for folder, code in zip(FOLDERS, blocks, strict=True):
        module = ModuleType(f"{folder}.scaled")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(textwrap.dedent(code), vars(module))
    table: type[ObjectiveTable] = vars(sys.modules["lockfiles.objectives.scaled"])["Table"]
    monkeypatch.setitem(OBJECTIVES, "scaled", table)
    monkeypatch.setattr(registry, "EVERY", (*registry.EVERY, "scaled"))
    yield table
    registry.objective_of.cache_clear()


def _losses(
    base: Path, work: Path, objective: ObjectiveTable, *, packing: bool
) -> tuple[list[float], list[float]]:
    """Return the losses of two steps, and of the evaluations."""
    source = random.Random(5)
    ids = [tuple(source.randrange(3, 64) for _ in range(6 + at)) for at in range(8)]
    rows = [completion(row, (IGNORED, IGNORED, *row[2:])) for row in ids]
    job = Job(
        base, rows, rows[:3], lambda epoch: range(8),
        Method(kind="lora", rank=4, alpha=8, dropout=0.0, targets=["q_proj"]),
        SETTINGS.model_copy(update={"accumulation": 2, "epochs": 1, "evaluate_steps": 1}),
        work, packing=packing, objective=objective,
    )  # fmt: skip
    line = Heard()
    result = train(job, line)
    times = result.times
    assert (result.steps, list(times.steps)) == (2, [1, 2])
    assert len(times.evaluations) == len(times.saves) == 2
    assert min(*times.steps.values(), *times.evaluations, *times.saves) > 0
    return [one["loss"] for one in line.told], [one["loss"] for one in line.evaluated]


@pytest.mark.parametrize("packing", few([True, False]))
def test_a_second_objective_trains(
    scaled: type[ObjectiveTable], base: Path, tmp_path: Path, packing: bool
) -> None:
    doubled = scaled.model_validate({"name": "scaled", "times": 2.0})
    plain, held = _losses(base, tmp_path / "sft", DEFAULT, packing=packing)
    twice, held_twice = _losses(base, tmp_path / "scaled", doubled, packing=packing)
    assert [2 * one for one in plain] == pytest.approx(twice, rel=1e-4)
    assert [2 * one for one in held] == pytest.approx(held_twice, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "method"),
    few(
        [
            ("dpo", "lora"),
            ("dpo", "full"),
            ("scaled", "lora"),
            ("reward", "full"),
            ("reward", "lora"),
        ]
    ),
)
def test_an_objective_is_rehearsed_by_its_own_trainer(
    scaled: type[ObjectiveTable], name: str, method: Kind
) -> None:
    rank, targets = (4, ("q_proj",)) if method == "lora" else (0, ())
    profile = Profile(
        "cpu", method, rank, targets, 16, 2, False, "float32", 0.0, True, objective=name, scored=0.5
    )
    settings = {"times": 2.0} if name == "scaled" else {}
    found = measure(Case(name, CONFIG, profile, accumulation=2, steps=2, objective=settings))
    assert set(found.peaks) == {"load", "forward", "backward", "optimizer", "evaluation"}
    assert 0 < found.evaluation_seconds < found.seconds


def test_a_second_objective_is_traced(scaled: type[ObjectiveTable]) -> None:
    profile = Profile("cpu", "lora", 4, ("q_proj",), 16, 2, False, "float32", 0.0, True)
    plain = peaks(CONFIG, profile, [0])
    assert peaks(CONFIG, replace(profile, objective="scaled"), [0]).keys() == plain.keys()


@pytest.mark.parametrize("name", registry.EVERY)
def test_every_objective_has_its_records(name: str) -> None:
    spec, kind = registry.objective_of(name), kind_of(name)
    assert spec.name == name
    assert set(spec.learning_rate) == {"lora", "qlora", "full"}
    assert bool(kind.head_outputs) == (spec.head == "language-model")
    assert spec.plannable == (name in objectives.NAMES)
    assert set(spec.health) and all(multiple > 1 for multiple in spec.health.values())


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_reward_model_is_of_a_class_that_transformers_has(family: str) -> None:
    known = type(AutoConfig.for_model(family)) in AutoModelForSequenceClassification._model_mapping
    assert FAMILIES[family].classifier == known
