"""`tunelock watch` and `tunelock status` on real run folders, and the one follower behind them."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockfiles import receipt
from lockfiles.errors import UsageProblem
from runner.runs.events import Writer
from runner.runs.folder import Held
from runner.runs.holders import is_held
from tests.tui.snapshot.test_snapshot import BEGUN, Told, step
from tests.tui.test_cli import tunelock
from tui.commands.status import facts, state, with_receipt
from tui.follow import follow

DONE: list[Told] = [*BEGUN, step(10), ("train", "done", {"seconds": 2}), ("run", "done", {})]
FAILED: list[Told] = [
    *BEGUN,
    step(3),
    ("run", "failed", {"message": "no room", "hint": "df -h", "exit_code": 4}),
]


def write(run: Path, told: list[Told]) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    with Writer(run / "events.jsonl") as writer:
        for one in told:
            writer.append(*one)
    return run


def contents(run: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.iterdir()}


@contextmanager
def held(run: Path) -> Iterator[None]:
    holder = Held(run)
    try:
        yield
    finally:
        holder.release()


@pytest.mark.parametrize(
    ("told", "named", "code"),
    [(DONE, "done", 0), (FAILED, "failed", 4), ([*BEGUN, step(3)], "stopped", 75)],
)
def test_a_run_that_ended_ends_watching_with_its_code(
    told: list[Told], named: str, code: int, tmp_path: Path
) -> None:
    run = write(tmp_path / "runs" / "demo", told)
    before = contents(run)
    watched = tunelock("watch", folder=tmp_path)
    assert (watched.returncode, watched.stdout) == (code, "")
    assert "train  step " in watched.stderr
    status = tunelock("status", "--json", folder=tmp_path)
    found = json.loads(status.stdout)
    assert (status.returncode, found["state"], found["run"]) == (0, named, "runs/demo")
    assert contents(run) == before


def test_json_is_the_events_as_they_stand(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", DONE)
    watched = tunelock("watch", str(run), "--json")
    assert watched.stderr == ""
    shown = [json.loads(line) for line in watched.stdout.splitlines()]
    wanted = (run / "events.jsonl").read_text().splitlines()
    assert shown == [json.loads(line) for line in wanted]


def test_status_of_a_run_that_is_worked_on(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", [*BEGUN, step(3, peak_bytes=71 * 10**7, eta_seconds=60.0)])
    assert not is_held(run)
    assert not (run / ".inuse").exists()
    with held(run):
        found = json.loads(tunelock("status", str(run), "--json").stdout)
        lines = tunelock("status", str(run)).stdout.splitlines()
    assert found["state"] == "running"
    assert (found["stage"], found["step"], found["steps"]) == ("train", 3, 10)
    assert (found["peak_bytes"], found["eta_seconds"], found["failure"]) == (71 * 10**7, 60, None)
    assert lines[0].startswith("demo  running  (last event ")
    assert lines[2].startswith("  ▸ train     running")
    assert lines[2].endswith("step 3/10  loss 0.333  peak 0.66 GiB  60 s left")


def test_a_loss_that_is_no_number_is_null_in_json(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", [*BEGUN, step(3, loss=float("nan"))])
    snapshot = follow.snapshot_of(run)
    assert facts(snapshot, held=False)["loss"] is None
    assert state(snapshot, held=True) == "running"


def test_the_newest_run_is_the_one_that_is_meant(tmp_path: Path) -> None:
    older = write(tmp_path / "runs" / "b", DONE)
    newer = write(tmp_path / "runs" / "a", FAILED)
    os.utime(older / "events.jsonl", (1, 1))
    (tmp_path / "runs" / "none").mkdir()
    assert follow.find(None, tmp_path / "runs") == newer


def test_what_is_no_run_is_a_sentence_and_a_hint(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.lock").touch()
    broken = write(tmp_path / "broken", BEGUN)
    (broken / "events.jsonl").unlink()
    os.mkfifo(broken / "events.jsonl")
    (tmp_path / "linked").symlink_to("begun")
    (tmp_path / "planned" / "runs").mkdir(parents=True)
    (tmp_path / "planned" / "run.lock").touch()
    write(tmp_path / "planned" / "runs" / "a", BEGUN)
    for verb, arguments, message in (
        ("status", [], "There are no runs in `runs`."),
        ("status", ["nowhere"], "`nowhere` is not a folder."),
        ("watch", ["empty"], "`empty` has neither"),
        ("watch", ["begun"], "`begun` was never started."),
        ("status", ["broken"], "`broken/events.jsonl` is a pipe, not a plain file."),
        ("watch", ["broken"], "`broken/events.jsonl` is a pipe, not a plain file."),
        ("status", ["linked"], "`linked` is a link, not a run folder."),
        ("status", ["planned"], "`planned` is not a run folder: its runs are in `planned/runs`."),
    ):
        done = tunelock(verb, *arguments, folder=tmp_path)
        error, hint = done.stderr.splitlines()
        assert (done.returncode, done.stdout) == (2, "")
        assert error.startswith(f"error: {message}")
        assert hint.startswith("hint: ")
    waiting = json.loads(tunelock("status", "begun", "--json", folder=tmp_path).stdout)
    assert waiting["state"] == "waiting"


def test_events_that_come_while_following_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write(tmp_path / "demo", FAILED)
    since = (run / "events.jsonl").stat().st_size
    late = threading.Timer(0.6, write, (run, DONE))
    late.start()
    code = follow.follow(
        run, face="plain", ended=lambda: None if late.is_alive() else 0, since=since
    )
    told = capsys.readouterr().err.splitlines()
    assert (code, told[0], told[-1]) == (0, "run  stages: prepare, train, evaluate", "run  done")
    assert not [line for line in told if "failed" in line]


def test_a_reader_starts_over_with_a_file_begun_anew(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", DONE)
    reader = follow.Reader(run, lambda: None)
    assert len(reader.poll()[0]) == len(DONE)
    (run / "events.jsonl").unlink()
    write(run, BEGUN)
    assert len(reader.poll()[0]) == len(BEGUN)
    assert reader.poll() == ([], None)


def test_what_was_passed_over_is_known_and_what_came_since_is_new(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", FAILED)
    since = (run / "events.jsonl").stat().st_size
    write(run, DONE)
    reader = follow.Reader(run, lambda: None)
    assert len(list(reader.pass_over(since))) == len(FAILED)
    assert [event.kind for event in reader.poll()[0]] == [kind for _, kind, _ in DONE]
    assert reader.poll() == ([], None)


def test_an_end_is_asked_for_before_the_last_reading(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", BEGUN)

    def ended() -> int:
        write(run, [("run", "done", {})])
        return 0

    events, code = follow.Reader(run, ended).poll()
    assert (events[-1].kind, code) == ("done", 0)


def test_events_that_cannot_be_read_end_following(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", BEGUN)
    (run / "events.jsonl").unlink()
    (run / "events.jsonl").symlink_to("/dev/zero")
    with pytest.raises(UsageProblem, match=r"is a link, not a plain file"):
        follow.follow(run, face="plain", ended=lambda: None)


def test_damaged_lines_are_passed_over_and_said_once(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", DONE)
    whole = (run / "events.jsonl").read_bytes().split(b"\n")
    (run / "events.jsonl").write_bytes(b"\n".join([*whole[:2], b"{", b"\0\xff", *whole[2:]]))
    plain, as_json = (tunelock("watch", str(run), face) for face in ("--plain", "--json"))
    assert (plain.returncode, as_json.returncode) == (0, 0)
    assert plain.stderr.count("skipped 2 damaged lines of `events.jsonl`") == 1
    assert as_json.stderr == "warning: skipped 2 damaged lines of `events.jsonl`\n"
    assert len(as_json.stdout.splitlines()) == len(DONE)
    assert "2 damaged lines" in tunelock("status", str(run)).stdout


def test_a_run_that_nobody_works_on_promises_no_time_left(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", [*BEGUN, step(3, eta_seconds=42.0)])
    status = tunelock("status", str(run)).stdout
    assert status.startswith("demo  killed") and "left" not in status
    said = " ".join(status.split())
    assert "its processes were killed (main memory ran out, or a login session" in said
    assert "batch job ended), or this machine was restarted" in said
    assert "resume (`train` starts over): tunelock run" in status
    found = json.loads(tunelock("status", str(run), "--json").stdout)
    assert (found["state"], found["eta_seconds"], found["stages"][1]["state"]) == (
        "stopped", None, "stopped",
    )  # fmt: skip
    assert found["killed"]


def test_a_stage_that_is_not_heard_is_stalled_until_it_is(tmp_path: Path) -> None:
    told: Told = ("train", "warning", {"text": "no heartbeat", "stalled_seconds": 61.0})
    run = write(tmp_path / "demo", [*BEGUN, step(3, eta_seconds=42.0), told])
    with held(run):
        status = tunelock("status", str(run)).stdout
        found = json.loads(tunelock("status", str(run), "--json").stdout)
        write(run, [("train", "warning", {"text": "responding again", "stalled_seconds": 0})])
        again = json.loads(tunelock("status", str(run), "--json").stdout)
    assert status.startswith("demo  stalled") and "left" not in status
    assert (found["state"], found["stalled_seconds"]) == ("stalled", 61.0)
    assert (again["state"], again["stalled_seconds"]) == ("running", None)


def test_a_finished_run_has_the_artifacts_of_its_receipt(tmp_path: Path) -> None:
    sent = ("push", "artifact", {"what": "Hub repository", "path": "https://hub/ana/tuned"})
    run = write(tmp_path / "demo", [*DONE[:-1], sent, DONE[-1]])
    adapter = receipt.Artifact("train", "adapter", "stages/02-train/result", "a" * 64, 2_500_000)
    receipt.write(receipt.Receipt("0" * 64, artifacts=[adapter]), run / "receipt.json")
    shown = tunelock("status", str(run), folder=tmp_path).stdout.splitlines()
    assert "  adapter: demo/stages/02-train/result  2.5 MB" in [
        line.replace(f"{tmp_path}/", "") for line in shown
    ]
    assert "  Hub repository: https://hub/ana/tuned" in shown


@pytest.mark.parametrize("kind", ["broken", "link", "pipe"])
def test_a_receipt_that_is_none_of_ours_is_passed_over(kind: str, tmp_path: Path) -> None:
    run = write(tmp_path / "demo", DONE)
    at, before = run / "receipt.json", follow.snapshot_of(run)
    if kind == "broken":
        at.write_text('{"artifacts": [{"path": "../x"}]}')
    elif kind == "link":
        adapter = receipt.Artifact("train", "adapter", "stages/02-train/result", "a" * 64, 9)
        receipt.write(receipt.Receipt("0" * 64, artifacts=[adapter]), tmp_path / "other.json")
        at.symlink_to(tmp_path / "other.json")
    else:
        os.mkfifo(at)
    assert with_receipt(run, before) == before


def run_of(run: Path, told: list[Told]) -> Path:
    """Write a run folder with a lock, and the same lock where the run was started."""
    write(run, told)
    for path in (run / "run.lock", run.parent.parent / "mine.lock"):
        path.write_text("the lock")
    return run


def test_after_a_kill_the_command_that_resumes_is_named(tmp_path: Path) -> None:
    point: Told = ("train", "checkpoint", {"step": 3})
    export: Told = ("gguf", "started", {})
    trained = run_of(tmp_path / "runs" / "one", [*BEGUN, step(3), point, step(4)])
    status = tunelock("status", folder=tmp_path).stdout
    assert "  resume after step 3: tunelock run mine.lock\n" in status
    watched = tunelock("watch", "--plain", folder=tmp_path)
    assert watched.returncode == 75
    assert "resume after step 3: tunelock run mine.lock\n" in watched.stderr
    write(trained, [("train", "done", {"seconds": 2}), export])
    status = tunelock("status", folder=tmp_path).stdout
    assert "  resume (`gguf` starts over): tunelock run mine.lock\n" in status
    assert "checkpoint" not in status
    elsewhere = run_of(tmp_path / "other" / "two", [*BEGUN, step(3)])
    (tmp_path / "mine.lock").write_text("another lock")
    status = tunelock("status", str(elsewhere), folder=tmp_path).stdout
    assert "tunelock run other/two/run.lock --runs other\n" in status


def test_status_lists_the_other_runs_newest_first(tmp_path: Path) -> None:
    for n, (name, told) in enumerate({"a": DONE, "b": FAILED, "c": [*BEGUN, step(3)]}.items()):
        run = write(tmp_path / "runs" / name, told)
        os.utime(run / "events.jsonl", (n, n))
    shown = tunelock("status", folder=tmp_path).stdout.splitlines()
    assert shown[0].startswith("c  killed")
    listed = shown[shown.index("other runs, newest first:") + 1 :]
    assert [line.split()[:2] for line in listed] == [["runs/b", "failed"], ["runs/a", "done"]]
    found = json.loads(tunelock("status", "--json", folder=tmp_path).stdout)
    assert [(one["run"], one["state"]) for one in found["others"]] == [
        ("runs/b", "failed"), ("runs/a", "done"),
    ]  # fmt: skip
    named = tunelock("status", "b", folder=tmp_path).stdout
    assert named.startswith("b  failed") and "other runs" not in named


def test_a_run_is_found_by_its_name_and_an_unknown_one_is_a_sentence(tmp_path: Path) -> None:
    write(tmp_path / "runs" / "demo-305c55ea", DONE)
    assert tunelock("status", "demo", folder=tmp_path).stdout.startswith("demo-305c55ea  done")
    near = tunelock("status", "dem-305c55ea", folder=tmp_path)
    assert near.returncode == 2
    assert "did you mean `demo-305c55ea`?" in near.stderr
    other = tunelock("stop", "something", folder=tmp_path)
    assert "is neither a folder nor a run in `runs`." in other.stderr
    ended = tunelock("stop", folder=tmp_path).stderr
    assert "No run is active in `runs`; the newest, `demo-305c55ea`, has ended." in ended
