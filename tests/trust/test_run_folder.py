"""A run folder that stood there before: nothing in it is used through a link."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles import receipt
from lockfiles.errors import DigestDiffers, UsageProblem
from planner.data.rows.rows import Message, Row
from planner.data.tokens.example import completion
from planner.data.tokens.stored import write_encoded
from runner.runs import reports
from runner.runs.events import Writer
from runner.runs.folder import Held, StagePlace, place
from runner.runs.pipe import Line
from runner.stages.context import Context
from runner.stages.rows import prepared, shown, write_shown
from runner.supervisor.supervise import _can_publish, run_folder
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


SHA = "0" * 64
GGUF: dict[str, object] = {
    "path": "stages/01-gguf/a-q8_0.gguf", "size_bytes": 1, "tensors_sha256": SHA,
    "tensor_types": {},
}  # fmt: skip
GOOD: dict[str, dict[str, object]] = {
    "train": {
        "digests": {"adapter": SHA}, "steps": 1, "peak_bytes": 7, "step_seconds": 0.5,
        "artifacts": [
            {"what": "adapter", "path": "stages/01-train/result", "digest": SHA, "size": 9}
        ],
    },
    "gguf": {"gguf": {"q8_0": GGUF}, "samples": []},
    "evaluate": {
        "base": {"loss": 1.0, "accuracy": 0.5, "rows": 3},
        "tuned": {"loss": 1.0, "accuracy": 0.5, "rows": 3},
    },
}  # fmt: skip


def spoiled() -> list[tuple[str, bytes]]:
    """Return reports that are none, by stage: wrong types, paths outside, deep, huge, torn."""
    found = [
        (stage, content)
        for stage in GOOD
        for content in (
            b"", b"null", b"7", b"[]", b'"x"', b"{", b"\xff\xfe{}", b"[" * 100_000,
            b'{"digest": ' + b"9" * 5000 + b"}", bytes(100),
        )
    ]  # fmt: skip
    values: tuple[object, ...] = (None, "x", -1, [], {}, 10**40, {"a": {"b": 1}}, True)
    for stage, good in GOOD.items():
        for key in good:
            for value in values:
                spoiled = {"digest": "a", **good, key: value}
                empty = key in ("gguf", "samples", "artifacts") and value in ([], {})
                if not empty or (key == "artifacts" and value == {}):
                    found.append((stage, json.dumps(spoiled).encode()))
    for path in ("/etc/passwd", "../a", "stages/01-gguf/../../a", "stages/02-merge/a", "a", ""):
        report = {"digest": "a", "gguf": {"q8_0": GGUF | {"path": path}}, "samples": []}
        found.append(("gguf", json.dumps(report).encode()))
        left = {"what": "adapter", "path": path, "digest": SHA, "size": 9}
        trained = {"digest": "a", **GOOD["train"], "artifacts": [left]}
        found.append(("train", json.dumps(trained).encode()))
    return found


def test_a_report_of_another_shape_is_not_done(tmp_path: Path) -> None:
    for stage, good in GOOD.items():
        place = StagePlace(1, stage, stage, tmp_path / "demo" / "stages")
        place.begin("a")
        place.finish("a", good)
        assert place.done("a") == {"digest": "a", **good}
    for stage, content in spoiled():
        place = StagePlace(1, stage, stage, tmp_path / "demo" / "stages")
        (place.final / "done.json").write_bytes(content)
        assert place.done("a") is None, (stage, content[:200])


def test_a_report_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    place = StagePlace(1, "train", "train", tmp_path / "demo" / "stages")
    place.begin("a")
    place.finish("a", GOOD["train"])
    with (place.final / "done.json").open("r+b") as file:
        file.truncate(reports.LIMIT_BYTES + 1)
    with pytest.raises(UsageProblem, match="is larger than 16 MiB"):
        place.done("a")


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


def test_a_report_that_cannot_be_published_is_made_again(tmp_path: Path) -> None:
    at = StagePlace(1, "report", "report", tmp_path / "demo" / "stages")
    at.begin("a")
    receipt.write(receipt.Receipt(lock_sha256=SHA), at.partial / "receipt.json")
    (at.partial / "report.html").touch()
    at.finish("a", {})
    assert _can_publish(at)
    for content in (b"", b"null", b"{", b'{"version": 1}', b"\xff", b"[" * 99999):
        (at.final / "receipt.json").write_bytes(content)
        assert not _can_publish(at)
    receipt.write(receipt.Receipt(lock_sha256=SHA), at.final / "receipt.json")
    (at.final / "report.html").unlink()
    assert not _can_publish(at)


def test_prepared_rows_are_those_of_the_lock(planned: Path, tmp_path: Path) -> None:
    lock = locks.read(planned / "run.lock")
    at = place(lock, tmp_path, "prepare")
    at.begin(lock.integrity["prepare"])
    for split in ("train", "test"):
        write_encoded(at.partial / "rows" / split, [completion((1, 2), (-100, 2))])
    at.finish(lock.integrity["prepare"], {"rows": {}})
    given = Context(lock, "evaluate", tmp_path, tmp_path, {}, Line(-1))
    for split in ("train", "test"):
        with pytest.raises(DigestDiffers, match=f"rows/{split}` do not match the lock"):
            prepared(given, split)
    with pytest.raises(UsageProblem, match="rows/validation` has no encoded rows"):
        prepared(given, "validation")


def test_rows_that_are_shown_come_back_whatever_is_in_them(planned: Path, tmp_path: Path) -> None:
    lock = locks.read(planned / "run.lock")
    at = place(lock, tmp_path, "prepare")
    at.begin(lock.integrity["prepare"])
    texts = ["a\u2028b\u2029c\x85d\x0b\x1ce\r\nf", "\ud800", ""]
    write_shown(at.partial, [Row((Message("user", text),)) for text in texts])
    at.finish(lock.integrity["prepare"], {"rows": {}})
    given = Context(lock, "evaluate", tmp_path, tmp_path, {}, Line(-1))
    assert [turns[-1]["content"] for turns in shown(given)] == texts
    with pytest.raises(DigestDiffers, match=r"shown.jsonl` does not contain the sample rows"):
        shown(given, len(texts) + 1)
    for spoiled in ("{", "[]", '{"messages": []}', '{"messages": [{"content": 1}]}', "[" * 99999):
        (at.final / "shown.jsonl").write_text(spoiled + "\n")
        with pytest.raises(DigestDiffers, match=r"shown.jsonl` does not contain the sample rows"):
            shown(given)


def test_no_report_says_where_the_base_model_is(planned: Path, tmp_path: Path) -> None:
    lock = locks.read(planned / "run.lock")
    hub = lock.model.model_copy(update={"source": "hf:owner/name", "commit": "1" * 40})
    lock = lock.model_copy(update={"model": hub})
    at = place(lock, tmp_path, "prepare")
    at.begin(lock.integrity["prepare"])
    at.finish(lock.integrity["prepare"], {"model": str(tmp_path), "rows": {}})
    given = Context(lock, "train", tmp_path, tmp_path, {}, Line(-1))
    with pytest.raises(UsageProblem, match="models--owner--name/snapshots/1111"):
        _ = given.model
