"""The checkpoint of another run, copied into a new one: complete, or not at all."""

import json
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DigestDiffers, RunFailed, Stopped, UsageProblem
from lockfiles.lock import TrainingLock
from runner.runs import reports
from runner.runs.continued import RECORD, record_of
from runner.runs.folder import Held, StagePlace, place
from runner.runs.whole import is_whole, mark_of, mark_whole, newest_whole
from runner.supervisor import continuing
from runner.supervisor.continuing import (
    Former,
    check_complete,
    check_copy,
    former,
    is_copied,
    take,
)
from runner.supervisor.spread import Spread
from tests.lockfiles.samples import LOCK
from tests.runner.runs.test_folder import TRAINED

FILES = {"optimizer.pt": bytes(3_000_000), "training-00000.safetensors": b"values" * 1000}


def spread(**changes: Any) -> TrainingLock:
    """Return the sample for two processes."""
    tables: dict[str, Any] = LOCK.model_dump()
    rows = LOCK.train.micro_batch * LOCK.train.accumulation
    tables["parallel"] |= {"engine": "zero2", "processes": 2}
    tables["train"] |= {"micro_batch": rows // 2, "accumulation": 1} | changes
    return TrainingLock.model_validate(tables)


def run_of(runs: Path, name: str, steps: tuple[int, ...], best: int = 0) -> Path:
    """Return a stopped run with checkpoints."""
    run = runs / name
    at = place(LOCK, run, "train")
    work = at.begin(LOCK.integrity["train"])
    (run / "run.lock").write_text(locks.write(LOCK), "utf-8")
    for step in steps:
        folder = work / f"checkpoint-{step}"
        folder.mkdir()
        state = {"best_model_checkpoint": f"/elsewhere/checkpoint-{best}" if best else None}
        (folder / "trainer_state.json").write_text(json.dumps(state))
        for file, content in FILES.items():
            (folder / file).write_bytes(content + str(step).encode())
        mark_whole(folder, 7_000_000_000)
    return run


@pytest.fixture
def source(tmp_path: Path) -> Former:
    run = run_of(tmp_path, "before", (4, 6, 8), best=4)
    return former(spread(), run, tmp_path / "new", tmp_path / "my.lock")


@pytest.fixture
def at(tmp_path: Path) -> StagePlace:
    own = place(spread(), tmp_path / "new", "train")
    own.begin("0" * 64)
    return own


def quiet(what: str, done: int, total: int) -> None:
    assert 0 <= done < total


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


def test_the_newest_and_the_best_are_copied(source: Former, at: StagePlace) -> None:
    before = contents(source.run)
    take(source, at, quiet)
    assert contents(source.run) == before
    assert source.steps == (4, 8)
    assert sorted(one.name for one in at.partial.glob("checkpoint-*")) == [
        "checkpoint-4",
        "checkpoint-8",
    ]
    for name in ("checkpoint-4", "checkpoint-8"):
        own, other = contents(at.partial / name), contents(source.work / name)
        assert is_whole(at.partial / name) and own.keys() == other.keys()
        assert all(own[one] == other[one] for one in own if one != "whole.json")
        mark = mark_of(at.partial / name)
        assert mark and mark.peak_bytes == 0, "the peak of another layout"
    record = record_of(at.partial)
    assert record and record.complete
    assert (record.source.run, record.source.step) == ("before", 8)
    assert record.source.sha256
    report = {**TRAINED, "continued": asdict(record.source)}
    assert reports.parse("train", json.dumps(report).encode()) == report


def test_a_copy_that_was_cut_short_is_made_again(source: Former, at: StagePlace) -> None:
    """A real kill, after the best checkpoint was copied."""
    if not (child := os.fork()):
        calls: list[str] = []

        def kill(what: str, done: int, total: int) -> None:
            calls.append(what)
            if "checkpoint-8" in what and calls.count(what) == 2:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            take(source, at, kill)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert newest_whole(at.partial) == 4
    with pytest.raises(UsageProblem, match="was to continue `before`") as caught:
        check_complete(at.partial)
    assert "--continue-from" in caught.value.hint
    take(source, at, quiet)
    assert newest_whole(at.partial) == 8
    assert not list(at.partial.glob("*.copy"))
    check_complete(at.partial)


def test_the_same_command_again_copies_nothing(source: Former, at: StagePlace) -> None:
    take(source, at, quiet)
    own = at.partial / "checkpoint-9"
    own.mkdir()
    (own / "optimizer.pt").write_bytes(b"later")
    mark_whole(own, 1)

    def never(what: str, done: int, total: int) -> None:
        raise AssertionError(what)

    take(source, at, never)
    assert newest_whole(at.partial) == 9


def test_a_run_with_its_copy_does_not_need_the_former_run(source: Former, at: StagePlace) -> None:
    """The same command resumes it, whatever became of the other run."""
    lock, own = spread(), at.root.parent
    digest = lock.integrity["train"]
    assert not is_copied(lock, source.run, own)
    at.begin(digest)
    take(source, at, quiet)
    source.work.rename(source.run / "stages" / "02-train")
    with pytest.raises(UsageProblem, match="has finished its training"):
        former(lock, source.run, own, source.run / "run.lock")
    assert is_copied(lock, source.run, own)
    shutil.rmtree(source.run)
    assert is_copied(lock, source.run, own)
    assert not is_copied(lock, source.run.parent / "other", own)
    at.begin("1" * 64)
    assert not is_copied(lock, source.run, own), "it is of another training"


def test_another_machine_checks_the_copy(source: Former, at: StagePlace, tmp_path: Path) -> None:
    """What it does not find, or finds different, is not continued."""
    asked: list[tuple[Sequence[int], str]] = []

    class Others(Spread):
        def gather(self) -> None:
            assert newest_whole(at.partial) == 0, "nothing is copied before all are there"

        def check_copy(self, steps: Sequence[int], sha256: str) -> None:
            asked.append((steps, sha256))
            check_copy(at.partial, steps, sha256, lambda: False)
            record = record_of(at.partial)
            assert record and not record.complete
            if len(asked) == 1:
                raise RunFailed("a machine is lost")

    own = object.__new__(Others)
    with pytest.raises(RunFailed, match="a machine is lost"):
        take(source, at, quiet, own)
    with pytest.raises(UsageProblem, match="is not copied yet"):
        check_complete(at.partial)
    for step in source.steps:
        shutil.rmtree(at.partial / f"checkpoint-{step}")
    take(source, at, quiet, own)
    check_complete(at.partial)
    record = record_of(at.partial)
    assert record and asked == [((4, 8), record.source.sha256)] * 2
    with pytest.raises(Stopped):
        check_copy(at.partial, (4, 8), str(record.source.sha256), lambda: True)
    place = at.partial / "checkpoint-8" / "optimizer.pt"
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    with pytest.raises(DigestDiffers, match="differs from what machine 0 has written"):
        check_copy(at.partial, (4, 8), str(record.source.sha256), lambda: False)


def test_a_copy_that_another_machine_does_not_see(
    at: StagePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuing, "_SHOWN_SECONDS", 0.0)
    with pytest.raises(RunFailed, match="is not to be found in") as caught:
        check_copy(at.partial, (4,), "0" * 64, lambda: False)
    assert "--runs" in caught.value.hint


def test_a_run_with_steps_of_its_own_is_kept(source: Former, at: StagePlace) -> None:
    own = at.partial / "checkpoint-2"
    own.mkdir()
    (own / "optimizer.pt").write_bytes(b"own")
    mark_whole(own, 1)
    with pytest.raises(UsageProblem, match="has made 2 steps already") as caught:
        take(source, at, quiet)
    assert "--fresh" in caught.value.hint
    assert is_whole(own) and not (at.partial / RECORD).exists()


def test_what_cannot_be_continued(tmp_path: Path) -> None:
    run, new = run_of(tmp_path, "before", (4,)), tmp_path / "new"

    def refusal(lock: TrainingLock = LOCK, folder: Path = run, own: Path = new) -> str:
        with pytest.raises(UsageProblem) as caught:
            former(lock, folder, own, tmp_path / "my.lock")
        assert caught.value.hint
        return caught.value.message

    assert "`train.seed` is `17` there, and `18` here" in refusal(spread(seed=18))
    assert "`train.effective_batch` is" in refusal(spread(accumulation=2))
    exact = LOCK.exactness.model_copy(update={"exact": True})
    assert "it promises exact bits" in refusal(LOCK.model_copy(update={"exactness": exact}))
    assert "is the run of this lock itself" in refusal(own=run)
    with pytest.raises(UsageProblem) as itself:
        former(LOCK, run, run, tmp_path / "my.lock")
    assert f"tunelock run {tmp_path / 'my.lock'}" in itself.value.hint
    assert "has no `run.lock`" in refusal(folder=tmp_path)
    held = Held(run)
    assert "is still running" in refusal()
    held.release()
    (run / "stages" / "02-train.partial" / "checkpoint-4" / "optimizer.pt").unlink()
    assert "has no complete checkpoint" in refusal()
    (run / "stages" / "02-train").mkdir()
    assert "has finished its training" in refusal()
