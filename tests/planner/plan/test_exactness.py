"""Exact bits are promised where they were shown, and refused elsewhere."""

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


def test_the_processor_of_a_machine_with_a_card_is_certified() -> None:
    answers = asked(machine__device="cpu")
    assert exactness.table(answers, chosen(answers, CARD), CARD)["exact"] is True


def test_nothing_is_promised_where_nobody_asked() -> None:
    answers = asked(train__exact=False)
    table = exactness.table(answers, chosen(answers, CARD), CARD)
    assert (table["exact"], table["threads"]) == (False, 0)
