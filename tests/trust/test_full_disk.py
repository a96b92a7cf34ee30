"""A disk that fills up under a run: one sentence, and nothing torn."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockfiles.errors import RunFailed
from runner.runs.events import Writer, read
from runner.runs.folder import Held, StagePlace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    at = tmp_path / "disk"
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(at)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield at
    subprocess.run(["umount", "-l", str(at)], check=True)


def fill(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_events_on_a_full_disk_stay_whole_lines(disk: Path) -> None:
    with Writer(disk / "events.jsonl") as writer:
        writer.append("train", "started", {})
        fill(disk)
        with pytest.raises(RunFailed, match="No space left on device"):
            for number in range(1000):
                writer.append("train", "step", {"step": number, "text": "a" * 333})
        assert (disk / "events.jsonl").read_bytes().endswith(b"\n")
        (disk / "fill").unlink()
        last = writer.append("train", "done", {}).seq
    assert [event.seq for event in read(disk / "events.jsonl")[0]] == list(range(last + 1))


def test_a_stage_that_cannot_be_finished_is_not_done(disk: Path) -> None:
    place = StagePlace(1, "prepare", disk / "demo" / "stages")
    place.begin("a")
    fill(disk)
    report = {"rows": {"train": 3}, "text": "a" * 200_000}
    with pytest.raises(OSError, match="No space left on device"):
        place.finish("a", report)
    assert [path.name for path in place.partial.iterdir()] == ["begun.json"]
    (disk / "fill").unlink()
    place.finish("a", {"rows": {"train": 3}})
    assert place.done("a") is not None


def test_a_run_folder_on_a_full_disk_is_one_sentence(disk: Path) -> None:
    fill(disk)
    with pytest.raises(RunFailed, match=r"\.inuse` cannot be written: No space left on device"):
        Held(disk)


STAGE = """
import time
from runner.runs.pipe import Line
line = Line.from_environment()
while not line.broken:
    line.send("step", step=1, text="a" * 999)
    time.sleep(0.005)
raise SystemExit(75)
"""
SUPERVISOR = """
import sys
from pathlib import Path
from runner.runs.events import Writer
from runner.runs.folder import Held
from runner.supervisor.launch import Program, Supervision, launch
folder = Path(sys.argv[1])
held = Held(folder)
with Writer(folder / "events.jsonl") as writer:
    stage = Program("train", ("-c", sys.argv[2]), {})
    launch(stage, Supervision(writer, folder / "log.txt", held.folder, lambda: False))
"""


def test_a_stage_is_ended_where_its_events_have_no_room(disk: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, str(disk), STAGE],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "events.jsonl` cannot be written: No space left on device." in process.stderr
    assert (disk / "events.jsonl").read_bytes().endswith(b"\n")
    assert process.returncode != -signal.SIGKILL
    Held(disk, orphan_seconds=0).release()
