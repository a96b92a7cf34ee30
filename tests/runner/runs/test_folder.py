"""The run folder: one holder, and stages that appear whole."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.files import write_whole
from runner.runs.folder import Held, StagePlace
from runner.runs.holders import holder, holder_alive
from tests.programs import command

TRAINED = {"digests": {"adapter": "0" * 64}, "steps": 1, "peak_bytes": 7, "step_seconds": 0.5}
PREPARED = {"rows": {"train": 3}}


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "taken", b"text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.lock"
    write_whole(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError):
            write_whole(path, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("run.lock", b"old")]


def _left(path: str, size: int) -> dict[str, object]:
    return TRAINED | {
        "artifacts": [{"what": "adapter", "path": path, "digest": "0" * 64, "size": size}]
    }


def test_an_artifact_that_is_missing_or_of_another_size_is_named(tmp_path: Path) -> None:
    place = StagePlace(2, "train", "train", tmp_path / "stages")
    result = place.begin("a") / "result"
    (result / "inside").mkdir(parents=True)
    (result / "one").write_bytes(bytes(7))
    (result / "inside" / "two").write_bytes(bytes(5))
    place.finish("a", _left("stages/02-train/result", 12))
    report = place.done("a")
    assert report and place.damage(report) == ""
    (place.final / "result" / "notes.txt").write_text("mine")
    assert place.damage(report) == ""
    (place.final / "result" / "notes.txt").unlink()
    (place.final / "result" / "one").write_bytes(b"")
    assert place.damage(report) == "`stages/02-train/result` has 5 bytes instead of 12"
    (place.final / "result").rename(tmp_path / "away")
    assert place.damage(report) == "`stages/02-train/result` is missing"


def test_a_file_of_another_size_is_named(tmp_path: Path) -> None:
    place = StagePlace(2, "train", "train", tmp_path / "stages")
    (place.begin("a") / "m.gguf").write_bytes(bytes(9))
    place.finish("a", _left("stages/02-train/m.gguf", 8))
    report = place.done("a")
    assert report and place.damage(report) == "`stages/02-train/m.gguf` has 9 bytes instead of 8"
    (place.final / "m.gguf").unlink()
    (place.final / "m.gguf").symlink_to("/dev/full")
    assert place.damage(report) == "`stages/02-train/m.gguf` has 0 bytes instead of 8"


def test_a_stage_is_done_only_for_its_digest(tmp_path: Path) -> None:
    place = StagePlace(2, "train", "train", tmp_path)
    work = place.begin("a")
    (work / "checkpoint").write_text("kept")
    assert place.begin("a") == work
    assert (work / "checkpoint").exists()
    assert place.done("a") is None
    place.finish("a", TRAINED)
    assert place.final.name == "02-train"
    assert place.done("a") == {"digest": "a", **TRAINED}
    assert place.done("b") is None


def test_work_begun_for_another_digest_is_not_taken_up(tmp_path: Path) -> None:
    place = StagePlace(1, "prepare", "prepare", tmp_path)
    (place.begin("a") / "rows").write_text("old")
    assert not (place.begin("b") / "rows").exists()


def test_a_done_stage_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    place = StagePlace(1, "prepare", "prepare", tmp_path)
    place.begin("a")
    place.finish("a", PREPARED)
    place.begin("b")
    assert place.done("a") is not None
    place.finish("b", PREPARED)
    assert place.done("a") is None
    assert place.done("b") is not None


def test_a_second_holder_is_refused(tmp_path: Path) -> None:
    held = Held(tmp_path / "run")
    with pytest.raises(UsageProblem, match="in use by another run"):
        Held(tmp_path / "run")
    held.release()
    Held(tmp_path / "run").release()


def test_an_orphan_still_holds_the_folder(tmp_path: Path) -> None:
    orphaning = command("orphan_holder", tmp_path / "run")
    parent = subprocess.Popen(orphaning, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    with pytest.raises(UsageProblem, match="in use"):
        Held(tmp_path / "run", orphan_seconds=0.5)
    os.kill(orphan, signal.SIGKILL)
    Held(tmp_path / "run").release()


def test_the_folder_names_its_holder(tmp_path: Path) -> None:
    held = Held(tmp_path / "run")
    assert holder(tmp_path / "run") == os.getpid()
    assert holder_alive(tmp_path / "run")
    held.release()
    assert not holder_alive(tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageProblem, match="cannot be written"):
        Held(tmp_path / "file" / "run")


def test_results_are_on_disk_before_a_stage_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = StagePlace(1, "train", "train", tmp_path)
    work = place.begin("a")
    (work / "result").mkdir()
    (work / "result" / "adapter").write_bytes(b"weights")
    flushed: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        assert not place.final.exists() or place.done("a")
        flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    place.finish("a", TRAINED)
    wanted = {(place.final / name).stat().st_ino for name in ("result", "result/adapter")}
    done = (place.final / "done.json").stat().st_ino
    assert wanted <= set(flushed[: flushed.index(done)])
