"""Rehearsals of locks with several processes: who runs what, how they end, and what is left."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.lock import TrainingLock
from planner.data.tokens.example import completion
from planner.data.tokens.order import epoch_order
from planner.memory import estimate
from planner.plan.gather import PlanFacts, gather
from planner.plan.integrity import integrity
from planner.plan.packages import packages
from planner.plan.plan import plan
from runner.inputs.setup import model_of
from runner.rehearse import child, inputs, rehearse
from runner.rehearse.case import Case
from runner.rehearse.child import Ended
from runner.rehearse.gathered import gathered
from runner.rehearse.lock import case_of, longest_batch
from runner.rehearse.report import out_of_memory, report
from runner.rehearse.rows import examples, held_out
from runner.rehearse.tune import check_alone
from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.planned import MACHINE, answers, few_rows
from tests.runner.engines.test_ddp import until
from tests.runner.rehearse.test_rehearse import located
from tui.text import rehearsal as text

ROOT = str(Path(__file__).parents[3])
SETTINGS: dict[str, Any] = {"train__exact": False, "method__dropout": 0.0, "method__micro_batch": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    return few_rows(tmp_path_factory.mktemp("processes"))


@pytest.fixture(scope="module")
def facts(folder: Path) -> PlanFacts:
    return gather(answers(**SETTINGS), folder, machine=MACHINE)


def lock_of(facts: PlanFacts, engine: str, processes: int = 2, nodes: int = 1) -> TrainingLock:
    """Return the demo's lock for some processes of an engine."""
    made = plan(answers(machine__processes=2, **SETTINGS), facts)
    tables: dict[str, Any] = made.model_dump()
    tables["parallel"] = {"engine": engine, "processes": processes}
    tables["parallel"] |= {"nodes": nodes} if nodes > 1 else {}
    if engine.startswith("zero"):
        tables["parallel"]["bucket"] = 1_000_000
    tables["packages"] = packages((one["kind"] for one in tables["stage"]), engine)
    tables["why"] = {}
    return locks.of_tables(tables | {"integrity": integrity(tables)}).training()


def _case(lock: TrainingLock, folder: Path, name: str = "fine") -> Case:
    found = inputs.read(lock, folder / "elsewhere" / "run.lock", located(folder))
    return replace(case_of(lock, found.config, found.rows), name=name)


class TestCase:
    """What is rehearsed."""

    def test_each_process_has_the_longest_micro_batch(self, facts: PlanFacts, folder: Path) -> None:
        case = _case(lock_of(facts, "zero3"), folder)
        assert (case.profile.parallel, case.profile.ranks) == ("zero3", 2)
        assert case.parallel["engine"] == "zero3" and case.parallel["bucket"] == 1_000_000
        each, rows = case.accumulation * case.profile.micro_batch, examples(case)
        assert len(rows) == 2 * each * case.steps
        assert {max(row.length for row in rows[at : at + 4]) for at in range(0, len(rows), 4)} == {
            max(row.length for row in case.rows)
        }
        assert held_out(case) == [*case.held_out, *case.held_out]

    def test_of_several_machines_one_is_rehearsed(self, facts: PlanFacts, folder: Path) -> None:
        lock = lock_of(facts, "zero2", 4, nodes=2)
        case = _case(lock, folder)
        assert (case.profile.ranks, case.parallel["processes"]) == (2, 2)
        assert "nodes" not in case.parallel
        measured = gathered([[_left(600 << 20)], [_left(601 << 20)]])
        assert measured
        found = report(lock, case, measured, MACHINE)
        counted = estimate(model_of(lock), replace(case.profile, held_tokens=0)).peak.peak_bytes
        assert found.peak_bytes == counted
        assert " in each of 2 of 4 processes by ZeRO stage 2 on this machine" in "\n".join(
            text.page(found)
        ).replace("\n  ", " ")

    def test_the_passes_of_all_processes_are_laid_out_together(self, facts: PlanFacts) -> None:
        lock = lock_of(facts, "ddp")
        train = lock.train.model_copy(update={"pass_tokens": 40, "micro_batch": 4})
        stream = lock.stream.model_copy(update={"packing": True})
        lock = lock.model_copy(update={"train": train, "stream": stream})
        lengths = [5 + at * 7 % 31 for at in range(64)]
        found = longest_batch(lengths, lock)
        step = train.micro_batch * train.accumulation * 2
        order = epoch_order(64, train.seed, 0)
        assert len(found) == step
        assert (
            sum(lengths[row] for row in found)
            >= max(sum(lengths[row] for row in order[at : at + step]) for at in range(0, 64, step))
            - 40
        )
        rows = tuple(completion(tuple(range(3, 3 + lengths[row])), (3,) * lengths[row])
                     for row in found)  # fmt: skip
        profile = replace(case_of(lock, {"vocab_size": 64}, None).profile, pass_tokens=40)
        case = Case("p", {"vocab_size": 64}, profile, rows=rows[:-1], steps=2)
        assert len(examples(case)) == 2 * step, "a short step is filled up for all processes"

    def test_plans_are_timed_in_one_process(self, facts: PlanFacts) -> None:
        with pytest.raises(UsageProblem, match="but the lock trains in 2 processes with `zero2`"):
            check_alone(lock_of(facts, "zero2"))
        check_alone(plan(answers(), facts))


def _left(peak: int, **changes: Any) -> dict[str, Any]:
    """Return what a process leaves."""
    found = {
        "peaks": {"load": 500 << 20, "backward": peak}, "reserved_bytes": 0, "process_bytes": 0,
        "step_seconds": [9.0, 1.0, 2.0], "load_seconds": 1.0, "seconds": 12.0,
        "main_bytes": peak,
    }  # fmt: skip
    return found | changes


class TestGathered:
    """What the processes measured, put together."""

    def test_the_greatest_counts(self) -> None:
        sent = {"collective": "all-reduce", "tensor_bytes": 8, "sent_bytes": 8, "seconds": 2.0}
        slower = {"step_seconds": [8.0, 3.0, 2.0], "seconds": 13.0}
        found = gathered([[_left(700, exchanged=[sent])], [_left(800, exchanged=[sent], **slower)]])
        assert found and found.allocated_bytes == 500 << 20
        assert found.step_seconds == (9.0, 3.0, 2.0) and found.seconds == 13.0
        assert [one.rank for one in found.processes] == [0, 1]
        assert found.exchanged[0].bytes_per_second == 4.0

    def test_one_without_memory_is_named_and_others_may_have_left_nothing(
        self, facts: PlanFacts
    ) -> None:
        lock = lock_of(facts, "fsdp2")
        short = _left(600 << 20, out_of_memory="backward", step_seconds=[], card="NVIDIA L4")
        measured = gathered([[], [short]])
        assert measured
        found = report(lock, case_of(lock, {}, None), measured, MACHINE)
        assert not found.found.fitted and found.found.short
        problem = out_of_memory(lock, found.found)
        assert "does not fit: process 1 of 2 on " in problem.message
        page = text.page(found)
        assert page[-1].endswith("process 1 ran out of memory in `backward`.")
        assert any(line.endswith("out of memory in `backward`") for line in page)

    def test_a_process_that_left_nothing_is_a_failure(self) -> None:
        assert gathered([[_left(5)], []]) is None
        assert gathered([[], []]) is None


def processes_in(temporary: Path) -> dict[int, int]:
    """Return the living processes of a rehearsal whose temporary files are in a folder, by rank; -1
    is torchrun."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            given = (place / "environ").read_bytes().split(b"\0")
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"TMPDIR={temporary}".encode() in given and b"-m" in words:
            ranks = [int(word[5:]) for word in given if word.startswith(b"RANK=")]
            found[ranks[0] if ranks else -1] = int(place.name)
    return found


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, of this test alone."""
    place = tmp_path / "t"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture
def told(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> list[Ended]:
    """How rehearsals ended whose processes tell how they hold the model."""
    ends: list[Ended] = []

    def run(*given: Any, own: Any = child.run, **named: Any) -> Ended:
        ends.append(own(*given, **named))
        return ends[-1]

    monkeypatch.setattr("runner.rehearse.run", run)
    monkeypatch.setattr(child, "MODULE", "tests.programs.rehearsed")
    monkeypatch.setenv("PYTHONPATH", ROOT)
    return ends


@pytest.mark.slow
class TestRun:
    """With real processes, gloo and engines."""

    @pytest.fixture(autouse=True)
    def stack(self) -> None:
        for package in ("trl", "peft", "deepspeed"):
            pytest.importorskip(package)

    @pytest.mark.parametrize(
        ("engine", "wrapper", "collectives"),
        [
            ("ddp", "DistributedDataParallel", {"all-reduce"}),
            ("zero2", "DeepSpeedEngine", {"all-reduce", "all-gather"}),
            ("zero3", "DeepSpeedEngine", {"all-gather", "reduce-scatter"}),
            ("fsdp2", "FSDPPeftModelForCausalLM", {"all-gather", "reduce-scatter"}),
        ],
    )
    def test_the_engine_of_the_lock_runs(
        self, engine: str, wrapper: str, collectives: set[str], facts: PlanFacts, folder: Path,
        told: list[Ended], temporary: Path,
    ) -> None:  # fmt: skip
        lock = lock_of(facts, engine)
        case = _case(lock, folder)
        found = rehearse(lock, case)
        assert [one.rank for one in found.processes] == [0, 1] and not found.out_of_memory
        assert len(found.step_seconds) == case.steps and found.evaluation_seconds > 0
        assert all(one.step_seconds > 0 and one.main_bytes > 0 for one in found.processes)
        assert found.allocated_bytes == max(one.allocated_bytes for one in found.processes)
        assert {one.collective for one in found.exchanged} == collectives
        assert all(one.seconds > 0 for one in found.exchanged)
        for left in told[0].found:
            shares = left[0]["shares"]
            assert shares["wrapper"] == wrapper
            held = shares["parameters_here"] / shares["parameters"]
            # what ZeRO-3 does not share: parameters with fewer elements than its threshold
            assert held == 1 if engine in ("ddp", "zero2") else held < 0.75
            optimized = shares["optimized_here"] / shares["trained"]
            assert optimized == 1 if engine == "ddp" else optimized < 0.75
        assert not processes_in(temporary) and not any(temporary.iterdir())
        made = report(lock, case, found, MACHINE)
        page = text.page(made)
        assert any(line.startswith("process") for line in page)
        assert any(line.startswith("all-") for line in page)

    def test_one_without_memory_ends_all(
        self, facts: PlanFacts, folder: Path, told: list[Ended], temporary: Path
    ) -> None:
        lock = lock_of(facts, "fsdp2")
        found = rehearse(lock, _case(lock, folder, "short 1"))
        (short,) = [one for one in found.processes if one.out_of_memory]
        assert (short.rank, short.out_of_memory) == (1, "backward")
        assert found.out_of_memory == "backward"
        assert found.exchanged, "the links are measured before"
        assert time.monotonic() - told[0].found[1][0]["at"] < 15
        assert not processes_in(temporary)

    def test_one_that_is_killed_is_named(
        self, facts: PlanFacts, folder: Path, told: list[Ended], temporary: Path
    ) -> None:
        lock = lock_of(facts, "zero2")
        with pytest.raises(DoesNotFit, match=r"^Process 1 of 2 of the rehearsal was ended by SIGK"):
            rehearse(lock, _case(lock, folder, "killed 1"))
        assert told[0].code == -signal.SIGKILL and told[0].ends[1] == -signal.SIGKILL
        assert not processes_in(temporary)


@pytest.fixture
def running(facts: PlanFacts, folder: Path, temporary: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`tunelock rehearse` of two processes, which have joined each other."""
    at = temporary.parent / "two.lock"
    at.write_text(locks.write(lock_of(facts, "ddp")), "utf-8")
    where = [f"--locate={name}={place}" for name, place in located(folder).items()]
    process = subprocess.Popen(
        command("rehearse", str(at), *where, f"--out={temporary.parent / 'rehearsal.json'}"),
        env=ENVIRONMENT | {"TMPDIR": str(temporary)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, cwd=temporary.parent,
    )  # fmt: skip
    until(lambda: process.poll() is not None or list(temporary.glob("tunelock-*/group*")), 300)
    assert process.poll() is None
    assert set(processes_in(temporary)) == {-1, 0, 1}
    yield process
    process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_the_command(
    number: signal.Signals, running: "subprocess.Popen[bytes]", temporary: Path
) -> None:
    pytest.importorskip("trl")
    running.send_signal(number)
    began = time.monotonic()
    running.wait(15)
    until(lambda: not processes_in(temporary), 15)
    assert time.monotonic() - began < 15
    assert not (temporary.parent / "rehearsal.json").exists()


@pytest.mark.slow
def test_a_killed_process_ends_the_command_in_time(
    running: "subprocess.Popen[bytes]", temporary: Path
) -> None:
    pytest.importorskip("trl")
    os.kill(processes_in(temporary)[0], signal.SIGKILL)
    began = time.monotonic()
    assert running.wait(15) == DoesNotFit.exit_code
    assert time.monotonic() - began < 15 and not processes_in(temporary)
