"""Engines without a training: which one, whose end was the cause, and a stop that reaches all."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockfiles.lock import Lock
from runner.engines.ddp import ENGINE as DDP
from runner.engines.ddp import MEETING_VARIABLE
from runner.engines.engine import engine_of
from runner.engines.ranks import PEER_LOST, Alone
from runner.runs.events import Writer, read
from runner.runs.folder import Held
from runner.runs.holders import workers
from runner.supervisor.launch import Limits, Program, Supervision, launch
from tests.lockfiles.samples import LOCK
from tests.programs import words

SPREAD = Lock.model_validate(
    LOCK.model_dump() | {"parallel": {"engine": "ddp", "processes": 2}, "revision": 2}
)


def test_training_and_evaluation_are_spread() -> None:
    kinds = ("prepare", "train", "evaluate", "merge", "report")
    for engine, processes, train, evaluate in (
        ("ddp", 2, "ddp", "ddp"),
        ("zero3", 2, "zero3", "ddp"),
        ("zero2", 1, "zero2", "single"),
    ):
        parallel = {"parallel": {"engine": engine, "processes": processes}}
        lock = Lock.model_validate(SPREAD.model_dump() | parallel)
        names = [engine_of(lock, kind).name for kind in kinds]
        assert names == ["single", train, evaluate, "single", "single"]
    assert {engine_of(LOCK, kind).name for kind in kinds} == {"single"}


def test_one_process_waits_for_nobody() -> None:
    Alone().wait()
    assert Alone().gathered([3, 1]) == [[3, 1]]


def test_the_supervisor_reads_engines_without_torch() -> None:
    code = "import sys, runner.engines.single, runner.engines.ddp; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_only_the_first_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEETING_VARIABLE, str(tmp_path))
    assert [DDP.reports_failure() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("codes", "cause"),
    [
        ([], 0),
        ([75, 75], 75),
        ([75, -15], 75),
        ([75, PEER_LOST], 75),
        ([75, 1], 1),
        ([75, -9], -9),
        ([1, PEER_LOST], 1),
        ([PEER_LOST, 5], 5),
        ([PEER_LOST, -9], -9),
        ([-15, -9], -9),
        ([1, -11], -11),
        ([-15, -15], -15),
        ([PEER_LOST, -15], 1),
    ],
)
def test_the_cause_is_the_end_that_explains_the_others(codes: list[int], cause: int) -> None:
    from runner.engines import torchrun

    assert torchrun.cause(dict(enumerate(codes))) == cause


@pytest.mark.parametrize("heeds", [True, False])
def test_a_stop_reaches_processes_in_sessions_of_their_own(heeds: bool, tmp_path: Path) -> None:
    held, events = Held(tmp_path / "run"), tmp_path / "events.jsonl"
    begun = time.monotonic()

    def stopping() -> bool:
        return len(workers(held.folder.path)) == 3 and bool(read(events)[0])

    with Writer(events) as writer:
        starter = words("start_workers", *(["heeds"] if heeds else []))
        program = Program("train", starter, {}, starts_workers=True)
        limits = Limits(grace_seconds=20 if heeds else 0.5)
        log = tmp_path / "run" / "log.txt"
        code = launch(program, Supervision(writer, log, held.folder, stopping, limits=limits))
    assert code == (75 if heeds else -signal.SIGKILL), log.read_text()
    assert time.monotonic() - begun < 20
    assert [one.number for one in workers(held.folder.path)] == [int(_own())]
    kinds = [event.kind for event in read(events)[0]]
    assert kinds == ["started", "progress", "checkpoint" if heeds else "warning"]
    held.release()


def _own() -> str:
    return Path("/proc/self").resolve().name
