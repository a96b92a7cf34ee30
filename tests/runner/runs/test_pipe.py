"""The named pipe of a run: made, found by its path, broken, planted, and in a private folder."""

import os
import select
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from runner.runs import holders, pipe
from runner.runs.folder import Held
from runner.runs.pipe import Inlet, Line
from runner.runs.safe_folder import OwnFolder
from tests.programs import command


@pytest.fixture
def run(tmp_path: Path) -> Iterator[OwnFolder]:
    held = Held(tmp_path / "run")
    yield held.folder
    held.release()


def line(inlet: Inlet, run: OwnFolder, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setenv(pipe.PIPE_VARIABLE, str(inlet.path))
    monkeypatch.setenv(pipe.RUN_VARIABLE, str(run.path))
    return Line.from_environment()


def pipes(run: OwnFolder) -> list[str]:
    return [name for name in run.names() if name.startswith(pipe.PREFIX)]


def test_a_pipe_is_this_users_alone_and_removed(
    run: OwnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipe.listening(run) as inlet:
        assert pipes(run) == [inlet.path.name]
        assert stat.S_IMODE(inlet.path.stat().st_mode) == 0o600
        assert not select.select([inlet.descriptor], [], [], 0)[0], "nobody sent yet"
        line(inlet, run, monkeypatch).send("step", step=1)
        assert os.read(inlet.descriptor, 99) == b'{"step": 1, "kind": "step"}\n'
    assert pipes(run) == []


def test_a_worker_that_does_not_speak_sends_what_ended_it_alone(run: OwnFolder) -> None:
    with pipe.listening(run) as inlet:
        other = Line(os.open(inlet.path, os.O_WRONLY), rank=1)
        other.send("step", step=1)
        other.beat()
        other.send("failed", exit_code=1)
        other.beat(last=True)
        other.beat()
        assert os.read(inlet.descriptor, 199).splitlines() == [
            b'{"kind": "heartbeat", "rank": 1}',
            b'{"exit_code": 1, "kind": "failed"}',
            b'{"kind": "heartbeat", "rank": 1, "last": true}',
        ]


def test_a_line_breaks_where_nobody_listens_any_more(
    run: OwnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipe.listening(run) as inlet:
        open_one = line(inlet, run, monkeypatch)
        inlet.close()
        open_one.beat()
        assert open_one.broken
        with pytest.raises(BrokenPipeError):
            Line.from_environment()
    with pytest.raises(BrokenPipeError):
        Line.from_environment()


@pytest.mark.parametrize("kind", ["file", "link", "pipe", "folder"])
def test_what_a_killed_supervisor_or_a_stranger_left_is_removed(
    kind: str, run: OwnFolder, tmp_path: Path
) -> None:
    place = run.path / f"{pipe.PREFIX}0123"
    (tmp_path / "other").write_text("kept")
    if kind == "file":
        place.write_text("x")
    elif kind == "link":
        place.symlink_to("../other")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    with pipe.listening(run) as inlet:
        assert pipes(run) == [inlet.path.name]
    assert (tmp_path / "other").read_text() == "kept"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_worker_sends_to_a_pipe_alone(
    kind: str, run: OwnFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    with pipe.listening(run) as inlet:
        if kind == "file":
            place.write_text("")
        else:
            place.symlink_to(inlet.path)
        with pytest.raises(BrokenPipeError):
            line(Inlet(place, -1), run, monkeypatch)
    assert kind == "link" or place.read_text() == ""


def test_a_file_system_without_pipes_has_them_in_a_private_folder(
    run: OwnFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, folder = os.mkfifo, run.descriptor

    def elsewhere(name: str, mode: int, *, dir_fd: int) -> None:
        if dir_fd == folder:
            raise PermissionError(1, "no pipes here")
        make(name, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkfifo", elsewhere)
    with pipe.listening(run) as inlet:
        private = inlet.path.parent
        assert private != run.path and stat.S_IMODE(private.stat().st_mode) == 0o700
        line(inlet, run, monkeypatch).beat()
        assert os.read(inlet.descriptor, 99)
    assert not private.exists()


def test_a_pipe_in_a_deep_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(tmp_path / ("d" * 100) / ("e" * 100) / "run")
    with pipe.listening(held.folder) as inlet:
        assert inlet.path.parent == held.folder.path and len(str(inlet.path)) > 200
        line(inlet, held.folder, monkeypatch).beat()
        assert os.read(inlet.descriptor, 99)
    held.release()


def test_a_folder_is_held_while_a_worker_lives(tmp_path: Path) -> None:
    path = tmp_path / "run"
    held = Held(path)
    worker = subprocess.Popen(command("hold", path), stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None and worker.stdout.readline() == "held\n"
    held.release()
    assert holders.is_held(path) and not holders.holder_alive(path)
    assert [one.number for one in holders.workers(path)] == [worker.pid]
    with pytest.raises(UsageProblem, match="in use by another run"):
        Held(path, orphan_seconds=0.1)
    worker.kill()
    worker.communicate()
    assert not holders.is_held(path)
    Held(path, orphan_seconds=0).release()
