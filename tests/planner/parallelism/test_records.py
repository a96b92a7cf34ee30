"""What each engine is, by its records on the floors; one more needs no other file changed."""

import json
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

from lockfiles.engines import ENGINES, NAMES
from planner.interview.questions import BY_KEY, QUESTIONS
from planner.parallelism.engine import of_engine
from planner.parallelism.layouts import Offload, layouts, on_cpu
from tests.programs import command


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_agrees_with_itself_on_every_floor(name: str) -> None:
    locked, planned = ENGINES[name], of_engine(name)
    assert locked.answers == tuple(question.key for question in planned.questions)
    assert ("all" in locked.offloads) == (planned.zero_stage == 3)
    assert ("optimizer" in locked.offloads) == bool(planned.zero_stage) == bool(planned.shards)
    assert not (locked.copies and planned.shards)
    assert not planned.for_one or locked.takes(1)
    assert not planned.for_several or (locked.takes(2) and locked.takes(64))
    if planned.runs:
        assert import_module(f"runner.engines.{name}").ENGINE.name == name


ZERO = ("zero1", "zero2", "zero3")


@pytest.mark.parametrize(
    ("ranks", "offload", "names"),
    [
        (1, None, ["single"]),
        (1, "none", ["single"]),
        (1, "optimizer", ["zero2", "zero3"]),
        (1, "all", ["zero3"]),
        (2, "none", ["ddp", "zero1", "zero2", "zero3", "fsdp2"]),
        (2, "optimizer", ["zero1", "zero2", "zero3"]),
        (2, "all", ["zero3"]),
        (
            8,
            None,
            ["ddp", *["zero1", "zero2", "zero3"], "fsdp2", *["zero1", "zero2", "zero3"], "zero3"],
        ),
    ],
)
def test_cards_share_as_little_as_they_can(
    ranks: int, offload: Offload | None, names: list[str]
) -> None:
    assert [name for name, _ in layouts(ranks, offload=offload)] == names


@pytest.mark.parametrize(
    ("ranks", "parallel", "offload", "found"),
    [
        (1, "ddp", None, [("single", "none")]),
        (2, "ddp", "optimizer", []),
        (4, "fsdp2", None, [("fsdp2", "none"), ("fsdp2", "all")]),
        (1, "zero1", "optimizer", [("zero1", "optimizer")]),
    ],
)
def test_an_engine_that_is_asked_for_is_the_only_one(
    ranks: int, parallel: str, offload: Offload | None, found: list[tuple[str, str]]
) -> None:
    assert list(layouts(ranks, parallel, offload)) == found


def test_processes_on_a_cpu_hold_the_model_each_unless_asked() -> None:
    assert on_cpu(1) == on_cpu(1, "ddp") == (("single", "none"),)
    assert on_cpu(3) == (("ddp", "none"),)
    assert on_cpu(3, "zero3") == (("zero3", "none"),)


def test_an_engine_that_is_added_is_asked_planned_and_locked(tmp_path: Path) -> None:
    done = subprocess.run(command("toy_engine", tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    known = [question.key for question in QUESTIONS]
    place = next(at for at, key in enumerate(known) if key.startswith("method."))
    assert seen["keys"] == [*known[:place], "machine.pair_port", *known[place:]]
    assert seen["choices"] == [*BY_KEY["machine.parallel"].choices, "pair"]
    assert seen["same lock"]
    assert seen["parallel"] == {"engine": "pair", "processes": 2}
    assert seen["beyond"] == (
        "This version can plan two at a time in 2 processes, but cannot run it yet."
    )
