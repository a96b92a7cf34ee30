"""What a rehearsal of several processes changes in a plan: its peak, and the rate of exchange."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.lock import TrainingLock
from planner.machines.facts import CardLinks, Gpu, MachineFacts
from planner.parallelism.engine import of_engine
from planner.plan.gather import PlanFacts, gather
from planner.plan.plan import plan
from planner.search.budget import CUDA_RESERVE, beyond_one, budget
from planner.search.by_process import OneProcess
from planner.search.from_answers import counted
from planner.search.rehearsal import Measured, Rehearsal, load
from planner.speed.exchanged import Exchanged, rate, sent_bytes
from runner.rehearse.lock import case_of
from runner.rehearse.report import report
from tests.planned import GIB, answers, few_rows
from tui.session.planning import counted_on
from tui.text import rehearsal as text

CARD = Gpu("NVIDIA L4", 22 * GIB, 21 * GIB, "8.9")
CARDS = MachineFacts("cuda", (CARD,) * 4, 8, 64 * GIB, 60 * GIB, 100 * GIB, "570.1")
ASKED: dict[str, Any] = {
    "machine__device": "cuda", "machine__processes": 2, "train__exact": False,
    "method__packing": "off", "method__kind": "lora",
}  # fmt: skip
SENT = (
    Exchanged("all-reduce", 1 << 20, 1 << 20, 0.001),
    Exchanged("all-reduce", 1 << 28, 1 << 28, 0.0625),
)
"""The larger one at 4 GiB/s."""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> PlanFacts:
    return gather(answers(**ASKED), few_rows(tmp_path_factory.mktemp("ranks")), machine=CARDS)


@pytest.fixture(scope="module")
def made(facts: PlanFacts) -> TrainingLock:
    """The plan without a rehearsal."""
    return plan(answers(**ASKED), facts)


def measured(made: TrainingLock, **changes: Any) -> tuple[Rehearsal, str]:
    """Return what a rehearsal of a plan might have measured, and how that is shown."""
    processes = tuple(
        OneProcess(rank, "backward", (3 + rank) * GIB, 5 * GIB, 2 * GIB + rank, 3 * GIB, 0.5)
        for rank in range(2)
    )
    found = Measured(
        {"load": GIB, "backward": 4 * GIB}, 5 * GIB, 7 * GIB + 1, (9.0, 0.5, 0.5), 1.0, 20.0,
        card=CARD.name, main_bytes=3 * GIB, processes=processes, exchanged=SENT,
    )  # fmt: skip
    told = report(made, case_of(made, {}, None), replace(found, **changes), CARDS)
    return told.found, "\n".join(text.page(told))


def test_the_measured_rate_is_planned_with(facts: PlanFacts, made: TrainingLock) -> None:
    found, _ = measured(made)
    after = plan(answers(**ASKED), replace(facts, rehearsal=found))
    assert after.machine.card_bytes_per_second == 4 * GIB
    assert after.prediction.estimator == "rehearsal" and after.parallel == made.parallel
    assert (
        "A rehearsal measured that each card sends 4.29 GB/s to the next one."
        in after.why["parallel.engine"]
    )
    assert "rehearsal" not in made.why["parallel.engine"]
    assert plan(answers(**ASKED), replace(facts, machine=counted_on(after), rehearsal=found)) == (
        after
    )


def test_the_rate_counts_where_the_plan_is_another_or_ran_out(
    facts: PlanFacts, made: TrainingLock
) -> None:
    found, _ = measured(made, out_of_memory="backward")
    linked = replace(CARDS, links=CardLinks("nvlink", 300e9))
    for one, asked in ((found, ASKED), (measured(made)[0], ASKED | {"method__rank": 8})):
        own = replace(facts, machine=linked, rehearsal=one)
        assert plan(answers(**asked), own).machine.card_bytes_per_second == 4 * GIB
    assert found.on(linked).links.kind == "nvlink"
    assert found.on(replace(CARDS, kind="cpu", gpus=())).links == CardLinks()


def test_each_process_is_shown_with_its_difference(made: TrainingLock) -> None:
    _, page = measured(made)
    lines = [line.split() for line in page.splitlines()]
    head = next(line for line in lines if line[:1] == ["process"] and "outside" in line)
    assert head == ["process", "peak", "reserved", "outside", "main", "memory", "step", "peak",
                    "is"]  # fmt: skip
    rows = {line[0]: line for line in lines if line[:1] in (["0"], ["1"])}
    assert rows["0"][1:3] == ["3.00", "GiB"] and rows["1"][1:3] == ["4.00", "GiB"]
    assert rows["0"][-1] == rows["1"][-1] == "above"
    assert "in each of 2 processes by DDP on `NVIDIA L4`" in page.replace("\n  ", " ")
    folded = page.replace("\n  ", " ")
    assert "Process 1 needed most, 4.00 GiB in `backward`" in folded
    assert "Each card sends 4.29 GB/s to the next one, 73% below the assumed 15.8 GB/s." in folded
    assert ["all-reduce", "256.0", "MiB", "62.5", "ms", "4.29", "GB/s"] in lines or [
        "all-reduce", "0.25", "GiB", "62.5", "ms", "4.29", "GB/s"
    ] in lines  # fmt: skip


def test_processes_that_need_the_same_are_told_in_one(made: TrainingLock) -> None:
    found, _ = measured(made)
    first, *_ = found.measured.processes
    alike = tuple(replace(first, rank=rank) for rank in (0, 1))
    _, page = measured(made, processes=alike)
    told = page.replace("\n  ", " ")
    assert "Each process needed 3.00 GiB in `" in told and "needed least" not in told


def test_what_an_engine_adds_outside_the_allocator_counts_once(made: TrainingLock) -> None:
    found, _ = measured(made)
    machine = counted(answers(**ASKED), CARDS)
    own = found.measured.context_bytes
    assert own == 2 * GIB + 1
    left = budget(machine, found, 2) * (1 + found.measured.reserve) + own
    assert left == pytest.approx(21 * GIB + beyond_one(of_engine("ddp")), abs=2)
    shared = found.case.model_copy(
        update={"profile": replace(found.case.profile, parallel="fsdp2")}
    )
    other = found.model_copy(update={"case": shared})
    left = budget(machine, other, 2) * (1 + CUDA_RESERVE) + own
    assert left == pytest.approx(21 * GIB + beyond_one(of_engine("fsdp2")), abs=2)


def test_it_is_read_as_it_was_written_and_so_are_earlier_ones(
    made: TrainingLock, tmp_path: Path
) -> None:
    found, _ = measured(made)
    path = tmp_path / "rehearsal.json"
    path.write_text(found.model_dump_json(), "utf-8")
    assert load(path) == found and found.version == 2
    tables = found.model_dump(mode="json") | {"version": 1}
    for name in ("processes", "exchanged", "main_bytes"):
        tables["measured"].pop(name)
    path.write_text(json.dumps(tables), "utf-8")
    before = load(path)
    assert before.version == 1 and not before.measured.exchanged
    assert before.on(CARDS) == CARDS


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("exchanged", [{"collective": "all", "tensor_bytes": 1, "sent_bytes": 1, "seconds": 1.0}],
         "`measured.exchanged"),
        ("exchanged", [{"collective": "all-reduce", "tensor_bytes": 1, "sent_bytes": 1,
                        "seconds": 0.0}], "`measured.exchanged"),
        ("exchanged", [{"collective": "all-reduce", "tensor_bytes": 1, "sent_bytes": 1 << 40,
                        "seconds": 1e-300}], "rate that is out of range"),
        ("processes", "twice", "`measured.processes` has a rank twice"),
        ("processes", "more", "has a rank twice, or one too many"),
    ],
)  # fmt: skip
def test_impossible_figures_are_refused(
    key: str, value: Any, said: str, made: TrainingLock, tmp_path: Path
) -> None:
    tables = measured(made)[0].model_dump(mode="json")
    if isinstance(value, str):
        value = tables["measured"][key]
        value[1]["rank"] = 0 if said.endswith("twice") else 2
    tables["measured"][key] = value
    path = tmp_path / "rehearsal.json"
    path.write_text(json.dumps(tables), "utf-8")
    with pytest.raises(UsageProblem, match=said):
        load(path)


def test_the_rate_is_that_of_the_largest_tensors() -> None:
    assert rate(()) == 0
    assert rate(SENT) == 4 * GIB
    both = (*SENT, Exchanged("all-gather", 1 << 28, 1 << 27, 0.0625))
    assert rate(both) == 3 * GIB
    assert sent_bytes("all-reduce", 1000, 4) == 1500 and sent_bytes("all-gather", 1000, 4) == 750
