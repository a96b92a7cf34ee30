"""The closed lists of a lock against what the planner can write."""

from dataclasses import fields, replace
from itertools import product
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from lockfiles import known, lock
from lockfiles.fields import Date
from lockfiles.forecast import Prediction
from lockfiles.lock import Data
from lockfiles.objectives.registry import OBJECTIVES
from lockfiles.stage_kinds import NAMES
from lockfiles.stage_kinds.gguf import Level
from planner.data.mend.steps import DROPPED, OVER_LENGTH, StepName
from planner.data.reading.formats import MIXED, Format
from planner.data.tokens.template import FIXED_NOW
from planner.interview.questions import BY_KEY
from planner.memory import ESTIMATOR, estimate
from planner.models.architecture import Architecture
from planner.models.facts import FileFact, ModelFacts
from planner.objectives.registry import objective_of
from planner.plan.packages import packages
from planner.plan.prediction import UNEXPLAINED
from planner.setup.setup import Profile

SHAPE = Architecture("llama", 256, 3, 8, 2, 32, 512, 1024, True, 256, False, False)
FILES = (FileFact("model.safetensors", 4_000_000, "0" * 64),)
MODEL = ModelFacts("base", FILES, SHAPE, 2_000_000, "BF16")


def test_the_closed_lists_are_those_of_the_planner() -> None:
    assert set(BY_KEY) == known.ANSWERS
    assert set(packages(NAMES)) == known.PACKAGES
    assert known.FIXES["drop"] == {*DROPPED, OVER_LENGTH}
    assert set(known.FIXES) == set(get_args(StepName))
    assert {*get_args(Format), MIXED} == set(get_args(Data.model_fields["format"].annotation))
    assert set(BY_KEY["results.gguf"].choices) == set(get_args(Level))
    assert UNEXPLAINED in known.UNEXPLAINED


def test_the_facts_of_a_model_are_those_of_its_shape() -> None:
    shape = {field.name: field.default for field in fields(Architecture)}
    held = lock.Architecture.model_fields
    assert [name for name in shape if name not in ("family", "context")] == list(held)
    for name, field in held.items():
        if not field.is_required() and name != "own":
            assert field.default == shape[name]


def test_the_fixed_date_is_one_that_a_lock_holds() -> None:
    date = f"{FIXED_NOW:%Y-%m-%d}"
    assert TypeAdapter(Date).validate_python(date) == date


def profiles() -> list[Profile]:
    """Return plans that between them reach every component."""
    base = Profile(
        "cuda",
        "lora",
        8,
        ("q_proj",),
        64,
        4,
        False,
        "bfloat16",
        0.1,
        True,
        autocast=True,
        held_tokens=64,
    )
    choices: dict[str, tuple[Any, ...]] = {
        "device": ("cuda", "cpu"),
        "method": ("lora", "qlora", "full"),
        "checkpointing": (False, True),
        "objective": ("sft", "dpo"),
        "parallel": ("single", "ddp", "zero2", "zero3", "fsdp2"),
        "accumulates": (False, True),
        "base_bits": (0, 8),
    }
    every = [replace(base, **dict(zip(choices, drawn, strict=True)))
             for drawn in product(*choices.values())]  # fmt: skip
    passes = replace(base, packing=True, pass_tokens=64, attention="varlen", graph_sizes=2)
    return [*every, passes]


def test_every_component_and_phase_of_an_estimate_has_its_name_in_a_lock() -> None:
    found = [phase for plan in profiles() for phase in estimate(MODEL, plan).phases]
    named = {name for phase in found for name in phase.components}
    assert named | known.UNEXPLAINED == known.COMPONENTS
    assert {phase.name for phase in found} == set(
        get_args(Prediction.model_fields["phase"].annotation)
    )


@pytest.mark.parametrize("name", [ESTIMATOR, "closed-form-1", "rehearsal"])
def test_an_estimator_has_its_name_in_a_lock(name: str) -> None:
    made = Prediction(
        estimator=name, phase="load", peak_bytes=1, components={"weights": 1}, disk_bytes=0
    )
    assert made.estimator == name


def test_a_lock_knows_how_many_sequences_an_example_has() -> None:
    found = {name: table.sequences for name, table in OBJECTIVES.items()}
    assert found == {name: len(objective_of(name).sequences) for name in OBJECTIVES}
