"""Exact bits are promised where they were shown, and refused elsewhere."""

from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import DoesNotFit
from planner.interview.answers import Answers, check
from planner.machines.facts import Gpu, MachineFacts
from planner.models import facts
from planner.plan import exactness
from planner.search.choose import Choice, choose
from runner.demo import files

GIB = 1 << 30
CPU = MachineFacts("cpu", (), 2, 16 * GIB, 12 * GIB, 100 * GIB, "")
CARD = MachineFacts(
    "cuda", (Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9"),), 2, 64 * GIB, 60 * GIB, GIB, "570.1"
)
BASE = Path(files.__file__).parent / "base"


def chosen(answers: Answers, machine: MachineFacts) -> Choice:
    """Return the plan for the demo's base."""
    return choose(answers, facts.from_folder(BASE), rows=100, longest=64, machine=machine)


def asked(**changes: object) -> Answers:
    """Return the demo's answers, with some changed."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return check(files.ANSWERS | {"machine.device": "auto"} | named, {})


@pytest.mark.parametrize("kind", ["lora", "full"])
def test_a_processor_is_certified(kind: str) -> None:
    answers = asked(method__kind=kind)
    table = exactness.table(answers, chosen(answers, CPU), CPU)
    assert (table["exact"], table["threads"]) == (True, 1)


def test_a_card_is_not_certified() -> None:
    answers = asked()
    with pytest.raises(DoesNotFit, match=r"Bit-exact .* with `lora` .* `NVIDIA L4`") as refused:
        exactness.table(answers, chosen(answers, CARD), CARD)
    assert refused.value.exit_code == 4
    assert refused.value.hint


H100 = replace(CARD, gpus=(Gpu("NVIDIA H100 80GB HBM3", 79 * GIB, 78 * GIB, "9.0"),))


@pytest.mark.parametrize("kind", ["lora", "qlora", "full"])
def test_a_card_on_which_it_was_verified_is_certified(kind: str) -> None:
    answers = asked(method__kind=kind)
    found = chosen(answers, H100)
    assert exactness.table(answers, found, H100)["exact"] is True
    assert kind != "qlora" or not found.profile.graph_sizes


def test_recorded_qlora_and_other_objectives_are_not_certified() -> None:
    answers = asked(method__kind="qlora")
    found = chosen(answers, H100)
    for changes in ({"graph_sizes": 4}, {"objective": "dpo"}):
        other = replace(found, profile=replace(found.profile, **changes))
        with pytest.raises(DoesNotFit, match="is not verified"):
            exactness.table(answers, other, H100)


def test_the_processor_of_a_machine_with_a_card_is_certified() -> None:
    answers = asked(machine__device="cpu")
    assert exactness.table(answers, chosen(answers, CARD), CARD)["exact"] is True


def test_nothing_is_promised_where_nobody_asked() -> None:
    answers = asked(train__exact=False)
    table = exactness.table(answers, chosen(answers, CARD), CARD)
    assert (table["exact"], table["threads"]) == (False, 0)
