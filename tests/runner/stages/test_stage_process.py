"""`python -P -m runner.stages JOB`: how a stage ends, in its events and its exit code."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles.lock import Lock
from planner.data.tokens.stored import read_encoded
from planner.interview.answers import Answers, check
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.demo import files
from runner.runs.events import Event, Writer, read
from runner.runs.folder import Held
from runner.runs.pipe import Line
from runner.stages import __main__ as stages
from runner.stages.context import Context
from runner.supervisor.launch import Program, Supervision, launch
from tests.planned import MACHINE


def answers() -> Answers:
    return check(files.ANSWERS, {})


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files and its lock."""
    made = tmp_path_factory.mktemp("planned")
    files.write(made)
    text = locks.write(plan(answers(), gather(answers(), made, machine=MACHINE)))
    (made / "run.lock").write_text(text, "utf-8")
    return made


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    """A copy of what was locked, to change."""
    return Path(shutil.copytree(planned, tmp_path / "copy"))


class Stage:
    """One stage as the supervisor would start it."""

    def __init__(self, folder: Path, name: str = "prepare") -> None:
        self.run = folder / "run"
        self.work = self.run / "work"
        self.work.mkdir(parents=True)
        shutil.copy(folder / "run.lock", self.run / "run.lock")
        self.name = name
        self.places = {
            "model": str(folder / "base"),
            "train": str(folder / "rows" / "train.jsonl"),
            "test": str(folder / "rows" / "test.jsonl"),
        }

    @property
    def lock(self) -> Lock:
        return locks.read(self.run / "run.lock")

    def start(self, *, stop: bool = False) -> tuple[int, list[Event]]:
        """Run the stage to its end; return its exit code and its events."""
        job, events = self.work / "job.json", self.run / "events.jsonl"
        values: dict[str, Any] = {"stage": self.name, "run": str(self.run), "work": str(self.work)}
        job.write_text(json.dumps(values | {"places": self.places}), "utf-8")
        held = Held(self.run)
        with Writer(events) as writer:
            supervision = Supervision(
                writer=writer,
                log=self.run / "log.txt",
                folder=held.folder,
                stopping=lambda: stop and bool(read(events)[0]),
            )
            program = Program(self.name, ("-m", "runner.stages", str(job)), {})
            code = launch(program, supervision)
        held.release()
        return code, read(events)[0]


def test_a_stage_that_ends_well_leaves_a_report(folder: Path) -> None:
    stage = Stage(folder)
    code, events = stage.start()
    assert code == 0, (stage.run / "log.txt").read_text("utf-8")
    assert [events[0].kind, events[-1].kind] == ["started", "done"]
    assert {event.kind for event in events[1:-1]} == {"progress"}
    assert json.loads((stage.work / "report.json").read_bytes()) == {
        "rows": {"train": 675, "validation": 75, "test": 450},
        "learnt": {},
        "samples": 3,
    }
    assert len(read_encoded(stage.work / "rows" / "test")) == 450
    shown = (stage.work / "shown.jsonl").read_text("utf-8").splitlines()
    assert len(shown) == 3


def test_data_that_changed_ends_with_its_exit_code_and_sentence(folder: Path) -> None:
    path = folder / "rows" / "test.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[1:]), "utf-8")
    stage = Stage(folder)
    code, events = stage.start()
    assert (code, events[-1].kind, events[-1].fields["exit_code"]) == (5, "failed", 5)
    assert "data.2.rows  450 → 449" in events[-1].fields["details"][0]
    assert events[-1].fields["hint"]
    assert not (stage.work / "report.json").exists()
    assert not (stage.work / "rows").exists()
    assert (stage.run / "log.txt").read_bytes() == b""


def test_data_that_teaches_nothing_is_first_of_all_other_data(folder: Path) -> None:
    path = folder / "rows" / "train.jsonl"
    alone = json.dumps({"messages": [{"role": "user", "content": "alone"}]}) + "\n"
    path.write_text(alone + path.read_text("utf-8"), "utf-8")
    code, events = Stage(folder).start()
    assert (code, events[-1].kind) == (5, "failed")
    assert "The lock does not match" in events[-1].fields["message"]
    assert "(row 0): 1 of 751 rows has no assistant turn" in events[-1].fields["details"][0]


def test_what_nobody_expected_is_a_sentence_and_its_traceback_is_in_the_log(folder: Path) -> None:
    stage = Stage(folder)
    del stage.places["model"]
    code, events = stage.start()
    assert (code, events[-1].kind, events[-1].fields["exit_code"]) == (1, "failed", 1)
    assert events[-1].fields["message"] == "The stage `prepare` failed unexpectedly (`KeyError`)."
    assert events[-1].fields["hint"] == (f"see what happened: tail -n 30 {stage.run / 'log.txt'}")
    assert "Traceback" in (stage.run / "log.txt").read_text("utf-8")


def test_a_full_disk_is_a_sentence(folder: Path) -> None:
    stage = Stage(folder)
    (stage.work / "rows" / "train").mkdir(parents=True)
    (stage.work / "rows" / "train" / "completion.lengths.u32").symlink_to("/dev/full")
    code, events = stage.start()
    assert (code, events[-1].kind) == (1, "failed")
    assert "No space left on device" in events[-1].fields["message"]
    assert str(stage.work) in events[-1].fields["message"]
    assert "free disk space" in events[-1].fields["hint"]


def test_a_stopped_stage_leaves_no_report(folder: Path) -> None:
    path = folder / "rows" / "train.jsonl"
    path.write_text(path.read_text("utf-8") * 20, "utf-8")
    stage = Stage(folder)
    code, events = stage.start(stop=True)
    assert code == -15
    assert events[-1].kind not in ("done", "failed")
    assert not (stage.work / "report.json").exists()


@pytest.mark.parametrize(
    ("stage", "hint"),
    [("train", "method.checkpointing"), ("evaluate", "results.evaluate"), ("report", "programs")],
)
def test_too_little_memory_of_a_card_is_told_with_what_helps(
    stage: str, hint: str, planned: Path, tmp_path: Path
) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch names it."""

    lock = locks.read(planned / "run.lock")
    with Path(os.devnull).open("wb") as out:
        given = Context(lock, stage, tmp_path, tmp_path, {}, Line(out.fileno()))
        problem = stages._unexpected(given, OutOfMemoryError())
    assert problem.message == f"The stage `{stage}` ran out of GPU memory."
    assert hint.rpartition(".")[2] in problem.hint
    assert ("micro_batch" in problem.hint) == (stage == "train")


def test_layers_that_torch_cannot_compile_are_told_with_what_helps(
    planned: Path, tmp_path: Path
) -> None:
    class BackendCompilerFailed(RuntimeError):
        """As torch names it."""

        inner_exception: Exception

    class InductorError(BackendCompilerFailed):
        """As torch names one kind of it."""

    lock = locks.read(planned / "run.lock")
    with Path(os.devnull).open("wb") as out:
        given = Context(lock, "train", tmp_path, tmp_path, {}, Line(out.fileno()))
        failed = InductorError("backend='inductor' raised:\nit")
        failed.inner_exception = AssertionError("\nno \x1b[2Jconfig\nmore")
        problem = stages._unexpected(given, failed)
    assert problem.message.startswith("torch could not compile the layers: no ")
    assert "config" in problem.message and "more" not in problem.message
    assert problem.message.isprintable()
    assert 'compile = "off"' in problem.hint
