"""A run folder from a stranger: nothing in it is used through a link."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import UsageProblem
from runner.runs.events import Writer
from runner.runs.folder import Held, StagePlace
from runner.supervisor.supervise import run_folder
from tests.journeys.demo_folder import small, tunelock

SECRET = b"-----BEGIN PRIVATE KEY-----"
FILES = (".inuse", "log.txt", "events.jsonl", "run.lock", "receipt.json", "report.html")
Plant = Callable[[Path, Path], None]


def linked(at: Path, private: Path) -> None:
    at.symlink_to(private)


def hard_linked(at: Path, private: Path) -> None:
    at.hardlink_to(private)


def dangling(at: Path, private: Path) -> None:
    at.symlink_to(private.with_name("made"))


def pipe(at: Path, private: Path) -> None:
    os.mkfifo(at)


def device(at: Path, private: Path) -> None:
    os.mknod(at, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def folder(at: Path, private: Path) -> None:
    at.mkdir()


def strangers(at: Path, private: Path) -> None:
    at.write_text("theirs")
    os.chown(at, 12345, 12345)


PLANTS: tuple[Plant, ...] = (linked, hard_linked, dangling, pipe, folder)
AS_ROOT: tuple[Plant, ...] = (device, strangers) if os.geteuid() == 0 else ()


@pytest.fixture
def private(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.write_bytes(SECRET)
    made.chmod(0o640)
    return made


def untouched(private: Path) -> bool:
    found = private.stat()
    same = private.read_bytes() == SECRET and stat.S_IMODE(found.st_mode) == 0o640
    return same and not private.with_name("made").exists()


@pytest.mark.parametrize("plant", PLANTS + AS_ROOT, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_ours_is_one_sentence(
    name: str, plant: Plant, private: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "demo"
    run.mkdir(parents=True)
    plant(run / name, private)
    with pytest.raises(UsageProblem) as problem:
        Held(run)
    assert str(run / name) in problem.value.message
    assert problem.value.hint.startswith("move it away: mv -- ")
    assert untouched(private)


@pytest.mark.parametrize("plant", PLANTS[:-1], ids=lambda plant: plant.__name__)
def test_a_writer_alone_refuses_it_too(plant: Plant, private: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    plant(tmp_path / "run" / "events.jsonl", private)
    with pytest.raises(UsageProblem):
        Writer(tmp_path / "run" / "events.jsonl")
    assert untouched(private)


def test_a_run_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageProblem, match="is a link, not a folder"):
        Held(tmp_path / "runs" / "demo")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_folder_of_runs_may_be_a_link_of_the_persons(tmp_path: Path) -> None:
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "runs").symlink_to("large-disk")
    Held(tmp_path / "runs" / "demo").release()
    assert (tmp_path / "large-disk" / "demo" / ".inuse").is_file()


def test_the_right_of_everybody_to_write_is_taken_away(tmp_path: Path) -> None:
    run = tmp_path / "demo"
    (run / "stages").mkdir(parents=True)
    (run / ".inuse").touch()
    for path in (run, run / "stages", run / ".inuse"):
        path.chmod(0o777)
    held = Held(run)
    place = StagePlace(1, "prepare", "prepare", run / "stages", held.folder)
    place.begin("a")
    held.release()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (run, run / "stages", run / ".inuse")]
    assert modes == [0o775] * 3


def stages_link(run: Path, private: Path) -> None:
    (run / "stages").symlink_to(private.parent / "victim")


def stage_link(run: Path, private: Path) -> None:
    (run / "stages").mkdir()
    for name in ("01-train", "01-train.partial"):
        (run / "stages" / name).symlink_to(private.parent / "victim")


def file_link(run: Path, private: Path) -> None:
    for folder in ("01-train", "01-train.partial"):
        work = run / "stages" / folder
        work.mkdir(parents=True)
        for name in ("done.json", "begun.json", "job.json", "report.json"):
            (work / name).symlink_to(private)


def file_pipe(run: Path, private: Path) -> None:
    for folder in ("01-train", "01-train.partial"):
        work = run / "stages" / folder
        work.mkdir(parents=True)
        for name in ("done.json", "begun.json", "job.json", "report.json"):
            os.mkfifo(work / name)


@pytest.mark.parametrize(
    "plant", (stages_link, stage_link, file_link, file_pipe), ids=lambda plant: plant.__name__
)
def test_no_stage_begins_or_is_done_through_a_link(
    plant: Plant, private: Path, tmp_path: Path
) -> None:
    victim, run = tmp_path / "victim", tmp_path / "demo"
    victim.mkdir()
    (victim / "begun.json").write_text('{"digest": "a"}')
    (victim / "done.json").write_text('{"digest": "a"}')
    run.mkdir()
    plant(run, private)
    place = StagePlace(1, "train", "train", run / "stages")
    for attempt in (place.begin, place.done, lambda digest: place.check()):
        with pytest.raises(UsageProblem):
            attempt("a")
    assert untouched(private)
    assert sorted(path.name for path in victim.iterdir()) == ["begun.json", "done.json"]


def test_work_of_another_digest_is_emptied_without_following_links(
    private: Path, tmp_path: Path
) -> None:
    work = tmp_path / "demo" / "stages" / "01-train.partial"
    (work / "checkpoint-1").mkdir(parents=True)
    (work / "checkpoint-1" / "all").symlink_to(tmp_path)
    (work / "private").hardlink_to(private)
    place = StagePlace(1, "train", "train", tmp_path / "demo" / "stages")
    assert [path.name for path in place.begin("a").iterdir()] == ["begun.json"]
    assert untouched(private)


def test_a_link_deep_in_a_stage_is_never_part_of_its_result(private: Path, tmp_path: Path) -> None:
    place = StagePlace(1, "train", "train", tmp_path / "demo" / "stages")
    work = place.begin("a")
    (work / "result").mkdir()
    (work / "result" / "adapter.safetensors").symlink_to(private)
    assert not list((place.begin("a") / "result").iterdir())
    (work / "result" / "adapter.safetensors").symlink_to(private)
    place.finish("a", {"digests": {"adapter": "0" * 64}})
    assert not list((place.final / "result").iterdir())
    (place.final / "result" / "tokenizer.model").symlink_to(private)
    with pytest.raises(UsageProblem, match=r"tokenizer.model` is a link"):
        place.check()
    assert untouched(private)


def test_folders_without_end_are_one_sentence(tmp_path: Path) -> None:
    place = StagePlace(1, "train", "train", tmp_path / "demo" / "stages")
    at = place.begin("a")
    for _ in range(200):
        at = at / "a"
        at.mkdir()
    with pytest.raises(UsageProblem, match="nested too deeply"):
        place.begin("a")


def test_what_is_named_as_a_checkpoint_and_is_none_is_removed(tmp_path: Path) -> None:
    place = StagePlace(1, "train", "train", tmp_path / "demo" / "stages")
    work = place.begin("a")
    (work / "checkpoint-5").mkdir()
    (work / "checkpoint-x").mkdir()
    (work / "checkpoint-7").write_text("a file")
    (work / "checkpoint--1").mkdir()
    place.begin("a")
    assert sorted(path.name for path in work.glob("checkpoint*")) == ["checkpoint-5"]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = small(tmp_path_factory.mktemp("planned"), results__gguf=[])
    assert tunelock(made, "plan").returncode == 0
    return made


def test_a_run_over_a_strangers_folder_touches_nothing(
    planned: Path, private: Path, tmp_path: Path
) -> None:
    lock = locks.read(planned / "run.lock")
    for name in ("log.txt", "events.jsonl", ".inuse", "stages", "."):
        runs = tmp_path / f"runs{name}"
        run = run_folder(lock, runs)
        run.parent.mkdir()
        if name == ".":
            run.symlink_to(tmp_path)
        else:
            run.mkdir()
            (run / name).symlink_to(private)
        done = tunelock(planned, "run", "--foreground", "--runs", str(runs))
        error, hint = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, "")
        assert error.startswith(f"error: `{run / name}` is a link, not a ")
        assert hint.startswith("hint: move it away: mv -- ")
        assert untouched(private)


def no_folder(run: Path, private: Path) -> None:
    run.rmdir()
    run.parent.rmdir()
    run.parent.touch()


def events_link(run: Path, private: Path) -> None:
    (run / "events.jsonl").symlink_to(private)


def inuse_folder(run: Path, private: Path) -> None:
    (run / ".inuse").mkdir()


def done_link(run: Path, private: Path) -> None:
    (run / "stages" / "01-prepare").mkdir(parents=True)
    (run / "stages" / "01-prepare" / "done.json").symlink_to(private)


@pytest.mark.parametrize(
    "plant",
    (no_folder, stages_link, events_link, inuse_folder, done_link),
    ids=lambda plant: plant.__name__,
)
def test_check_refuses_the_folder_that_run_refuses(
    plant: Plant, planned: Path, private: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    run = run_folder(locks.read(planned / "run.lock"), runs)
    run.mkdir(parents=True)
    plant(run, private)
    told = [
        tunelock(planned, *command, "--runs", str(runs))
        for command in (("check",), ("run", "--foreground"))
    ]
    assert [one.returncode for one in told] == [2, 2]
    assert told[0].stderr == told[1].stderr
    assert untouched(private)


def test_a_path_that_no_loader_opens_is_refused_at_once(planned: Path, tmp_path: Path) -> None:
    runs = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    for command in (("check",), ("run", "--foreground")):
        done = tunelock(planned, *command, "--runs", runs)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is not valid UTF-8" in done.stderr and len(done.stderr.splitlines()) == 2
    assert not os.path.lexists(runs)


def test_check_changes_no_run_folder(planned: Path, tmp_path: Path) -> None:
    run = run_folder(locks.read(planned / "run.lock"), tmp_path / "runs")
    (run / "stages" / "01-prepare").mkdir(parents=True)
    for folder in (run, run / "stages", run / "stages" / "01-prepare"):
        folder.chmod(0o777)
    for runs in (run.parent, tmp_path / "none"):
        assert tunelock(planned, "check", "--runs", str(runs)).returncode == 0
    assert stat.S_IMODE((run / "stages").stat().st_mode) == 0o777
    assert not (tmp_path / "none").exists() and not (run / ".inuse").exists()
