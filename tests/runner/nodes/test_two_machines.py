"""Two machines train together: as one does, and lost, killed, stopped and resumed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.nodes.network import free_port
from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.runner.engines.sockets import listening
from tests.runner.engines.test_ddp import (
    STEPS,
    apart,
    events,
    finished,
    planned,
    run_of,
    until,
)
from tests.runner.nodes.hosts import ADDRESSES, Hosts, Started, hosts

pytestmark = pytest.mark.slow
LOST = "has not answered for {} s: it or the network is down."


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training of one process, done."""
    return finished(planned(tmp_path_factory.mktemp("alone"), 1))


def words(number: int, rendezvous: str) -> list[str]:
    return command("run", "run.lock", "--node", str(number), "--rendezvous", rendezvous)


def said(folder: Path, number: int) -> str:
    return (folder / f"machine{number}.txt").read_text("utf-8", "replace")


def past_checkpoint(folder: Path, both: list[Started]) -> None:
    """Wait for the first checkpoint."""
    until(lambda: events(folder, "checkpoint") or any(one.poll() is not None for one in both))
    assert [one.poll() for one in both] == [None, None], said(folder, 0) + said(folder, 1)


def resumed(folder: Path, before: int) -> None:
    """Check that a training resumed from a checkpoint, and ended."""
    steps = [one.fields["step"] for one in events(folder, "step")]
    assert steps[before] > 1 and steps[before:] == list(range(steps[before], STEPS + 1))


def test_a_cut_link_ends_both_hosts_by_name_and_they_resume(alone: Path, tmp_path: Path) -> None:
    folder = planned(tmp_path, 2, machine__nodes=2)
    with hosts() as own:
        both = _started(own, folder)
        past_checkpoint(folder, both)
        own.cut(1)
        begun = time.monotonic()
        assert [one.wait(150) for one in both] == [1, 1]
        assert 55 < time.monotonic() - begun < 110
        name = own.names[1]
        assert f"error: Machine 1 (`{name}`, process 1) {LOST.format(60)}" in said(folder, 0)
        assert f"error: Machine 0 (`{ADDRESSES[0]}`) {LOST.format(90)}" in said(folder, 1)
        assert "resume from the last checkpoint" in said(folder, 0)
        own.cut(1, cut=False)
        before = len(events(folder, "step"))
        both = _started(own, folder)
        assert [one.wait(200) for one in both] == [0, 0], said(folder, 0) + said(folder, 1)
    resumed(folder, before)
    assert apart(alone, folder) < 1e-3


def _started(own: Hosts, folder: Path) -> list[Started]:
    rendezvous = f"{ADDRESSES[0]}:29400"
    return [
        own.start(number, words(number, rendezvous), folder, folder / f"machine{number}.txt")
        for number in (0, 1)
    ]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Started]]:
    """A run of two machines that are this one, past its first checkpoint."""
    both = here(planned(tmp_path, 2, machine__nodes=2))
    past_checkpoint(tmp_path, both)
    yield both
    for one in both:
        one.kill()
        one.wait()


def here(folder: Path) -> list[Started]:
    """Start the run of a folder on two machines that are this one."""
    found, rendezvous = [], f"localhost:{free_port()}"
    for number in (0, 1):
        with (folder / f"machine{number}.txt").open("wb") as out:
            found.append(
                subprocess.Popen(
                    words(number, rendezvous), cwd=folder, env=ENVIRONMENT, stdout=out, stderr=out
                )
            )
    return found


def trainer(run: Path, rank: int) -> int:
    """Return the process that trains as a rank of a run."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            given = (place / "environ").read_bytes().split(b"\0")
            started = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        ours = f"TUNELOCK_RUN={run}".encode()
        own_run = any(one.startswith(ours) for one in given)
        if own_run and b"runner.stages" in started and f"RANK={rank}".encode() in given:
            return int(place.name)
    raise LookupError(rank)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_both_machines_by_name(
    victim: int, running: list[Started], alone: Path, tmp_path: Path
) -> None:
    numbers = [trainer(run_of(tmp_path), rank) for rank in (0, 1)]
    begun = time.monotonic()
    os.kill(numbers[victim], signal.SIGKILL)
    assert [one.wait(20) for one in running] == [1, 1]
    assert time.monotonic() - begun < 15
    host = os.uname().nodename
    reason = (
        f"Process {victim} (on `{host}`) was ended by SIGKILL, possibly because memory ran out."
    )
    assert f"error: {reason}" in said(tmp_path, 0)
    assert f"The run ended on machine 0 (`localhost`): {reason}" in said(tmp_path, 1)
    for number in numbers:
        assert not Path(f"/proc/{number}").exists()
    before = len(events(tmp_path, "step"))
    assert [one.wait(200) for one in here(tmp_path)] == [0, 0]
    resumed(tmp_path, before)
    assert apart(alone, tmp_path) < 1e-3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_of_either_machine_leaves_a_checkpoint(
    number: signal.Signals, running: list[Started], alone: Path, tmp_path: Path
) -> None:
    both = [trainer(run_of(tmp_path), rank) for rank in (0, 1)]
    assert listening(both) <= {"127.0.0.1", "::1"}, "processes listen where the machines meet"
    running[1].send_signal(number)
    assert [one.wait(60) for one in running] == [75, 75]
    steps = [one.fields["step"] for one in events(tmp_path, "step")]
    assert events(tmp_path, "checkpoint")[-1].fields["step"] == steps[-1]
    assert [one.wait(200) for one in here(tmp_path)] == [0, 0]
    assert [one.fields["step"] for one in events(tmp_path, "step")] == list(range(1, STEPS + 1))
    assert apart(alone, tmp_path) < 1e-3


def test_a_machine_that_is_gone_ends_the_run_by_name(
    running: list[Started], tmp_path: Path
) -> None:
    running[1].kill()
    assert running[0].wait(30) == 1
    host = os.uname().nodename
    assert f"error: Machine 1 (`{host}`, process 1) ended, or its connection" in said(tmp_path, 0)
