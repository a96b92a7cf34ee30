"""A stage's process that is started before its turn: it runs its stage, or ends without a trace."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.lock import Lock
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.runs.events import Event, Writer, read
from runner.runs.folder import Held
from runner.supervisor import early
from runner.supervisor.early import Early
from runner.supervisor.launch import Limits, Program, Supervision, launch
from tests.planned import MACHINE, answers, few_rows

SLOW = "import time\ntime.sleep(2)\n"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = few_rows(tmp_path_factory.mktemp("planned"))
    found = locks.write(plan(answers(), gather(answers(), made, machine=MACHINE)))
    (made / "run.lock").write_text(found, "utf-8")
    return made


def lock_of(planned: Path) -> Lock:
    return locks.read(planned / "run.lock")


def waiting(folder: Path, *modules: str) -> Early:
    """Start a process that waits, and that finds modules in a folder too."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "runner.stages.ahead", str(folder), *modules],
        env=dict(os.environ) | {"PYTHONPATH": f"{os.getcwd()}:{folder}"},
        stdin=subprocess.PIPE,
        process_group=0,
        bufsize=0,
    )
    return Early("prepare", child)


def prepared(planned: Path, folder: Path, process: Early, limits: Limits) -> list[Event]:
    """Run `prepare` in a process that was started early; return its events."""
    run, work = folder / "run", folder / "run" / "work"
    work.mkdir(parents=True)
    (run / "run.lock").write_bytes((planned / "run.lock").read_bytes())
    places = {"model": "base", "train": "rows/train.jsonl", "test": "rows/test.jsonl"}
    job = work / "job.json"
    job.write_text(
        json.dumps(
            {
                "stage": "prepare",
                "run": str(run),
                "work": str(work),
                "places": {name: str(planned / path) for name, path in places.items()},
                "beat_seconds": 0.1,
            }
        )
    )
    program = Program("prepare", ("-c", "raise SystemExit(9)"), {}, job=str(job), early=process)
    held = Held(run)
    try:
        with Writer(folder / "events.jsonl") as writer:
            stops = Supervision(writer, run / "log.txt", held.folder, lambda: False, limits=limits)
            assert launch(program, stops) == 0
    finally:
        held.release()
    return read(folder / "events.jsonl")[0]


def test_only_the_training_after_other_stages_is_started_early(planned: Path) -> None:
    lock = lock_of(planned)
    found = {one.id: early.after(lock, one.id) for one in lock.stage}
    assert [one.id for one in lock.stage][:2] == ["prepare", "train"]
    assert found.pop("prepare") == lock.stage[1]
    assert found["train"] is None and found[lock.stage[-1].id] is None


def test_a_process_that_waited_runs_its_stage(planned: Path, tmp_path: Path) -> None:
    events = prepared(planned, tmp_path, waiting(tmp_path, "runner.stages.prepare"), Limits())
    assert (events[0].kind, events[-1].kind) == ("started", "done")
    assert (tmp_path / "run" / "work" / "report.json").is_file()


def test_imports_that_take_long_are_no_silence(planned: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    events = prepared(planned, tmp_path, waiting(tmp_path, "slow"), Limits(stall_seconds=1.2))
    assert not [one for one in events if one.fields.get("stalled_seconds")]
    assert events[-1].kind == "done"


def test_a_process_that_has_ended_is_replaced(planned: Path, tmp_path: Path) -> None:
    process = waiting(tmp_path)
    process.child.kill()
    process.child.wait()
    assert not process.begin("job.json", {})


def test_a_process_whose_turn_does_not_come_ends(planned: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    log = os.open(tmp_path / "log.txt", os.O_WRONLY | os.O_CREAT)
    lock = lock_of(planned)
    process = early.started(lock, lock.stage[1], tmp_path, log)
    os.close(log)
    process.end()
    assert process.child.poll() is not None
    orphan = waiting(tmp_path, "slow")
    assert orphan.child.stdin is not None
    began = time.monotonic()
    orphan.child.stdin.close()  # as if the supervisor was killed
    assert orphan.child.wait(10) == 0
    assert time.monotonic() - began < 10
