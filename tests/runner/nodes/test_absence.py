"""A machine that does not come tells machine 0 why, which ends at once, and so do the others."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import DoesNotFit, Stopped, TunelockError, UsageProblem
from lockfiles.fixes import Advice
from runner.nodes import absence, knock
from runner.nodes import join as joins
from runner.nodes import refusal as refusals
from runner.nodes.channel import Channel, proof
from runner.nodes.join import join
from runner.nodes.joining import SECRET, listening
from runner.nodes.machines import NODES, Machines, Waits
from runner.nodes.network import free_port
from runner.nodes.node import Node
from runner.nodes.refusal import Refusal
from runner.runs.folder import Held
from runner.runs.safe_folder import OwnFolder
from tests.journeys.demo_folder import ENVIRONMENT, command, tunelock
from tests.runner.engines.test_ddp import planned, until
from tui.cli import app

PROBLEM = DoesNotFit("It needs 90 GiB.", fix=Advice("choose another machine"))
HOST = socket.gethostname()


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    """Machine 0 of three, which listens."""
    monkeypatch.setattr(knock, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(refusals, "TOLD_SECONDS", 0.3)
    node, waits = Node(0, 3, "localhost", free_port()), Waits(join=5, part=0.3)
    (tmp_path / "run").mkdir()
    with (
        OwnFolder.open(tmp_path / "run") as folder,
        listening(node, "digest", 1, folder, lambda: None, waits) as machines,
    ):
        yield machines


def fail(
    machines: Machines,
    problem: BaseException = PROBLEM,
    lock: str = "digest",
    tell: Callable[[str], object] = print,
) -> None:
    """Let the checks of machine 1 fail."""
    with (
        pytest.raises(type(problem)) as raised,
        absence.passed_on(replace(machines.node, rank=1), lock, tell),
    ):
        raise problem
    assert raised.value is problem


def gathered(machines: Machines) -> TunelockError:
    """Return the error with which machine 0 stops to wait."""
    with pytest.raises(TunelockError) as problem:
        machines.gather(lambda _: None, lambda: False)
    return problem.value


def test_machine_0_ends_with_the_error_of_another_machine(first: Machines) -> None:
    told: list[str] = []
    fail(first, tell=told.append)
    problem = gathered(first)
    assert type(problem) is DoesNotFit and problem.hint == "choose another machine"
    assert problem.message == f"Machine 1 (`{HOST}`): It needs 90 GiB."
    assert problem is first.kept_away and first.informed == {1} and told == []


def test_what_is_not_foreseen_is_told_too(first: Machines) -> None:
    fail(first, KeyError("x"))
    assert "The command failed unexpectedly (`KeyError`)." in gathered(first).message


@pytest.mark.parametrize(("how", "code"), [(KeyboardInterrupt(), 130), (SystemExit(129), 75)])
def test_an_interrupted_check_is_told(how: BaseException, code: int, first: Machines) -> None:
    fail(first, how)
    assert gathered(first).exit_code == code


def test_the_error_is_cut_and_printable(first: Machines) -> None:
    fail(first, UsageProblem("\x1b[2J\nerror: all is lost" + "x" * 5000, fix=Advice("\r" * 5000)))
    problem = gathered(first)
    assert len(problem.message) < 700 and problem.message.isascii() is False  # it ends with …
    assert "\\x1b[2J\\nerror" in problem.message and "\x1b" not in problem.message
    assert len(problem.hint) <= 400 and "\r" not in problem.hint


def test_who_does_not_prove_the_lock_ends_nothing(first: Machines) -> None:
    fail(first, lock="other")
    fail(first, lock="other")
    with pytest.raises(UsageProblem, match="or its lock differs"):
        join(replace(first.node, rank=1), "other", Path("/nowhere"), lambda: False, lambda: False)
    until(lambda: first._doubted, 5)
    ((kind, fields),) = first.events()
    assert kind == "warning" and first.unable is None
    assert "says that it is machine 1, but its lock is not the one here" in fields["text"]


def test_a_machine_without_a_lock_is_doubted(first: Machines) -> None:
    words = ["run", "gone.lock", "--node", "2", "--rendezvous", f"localhost:{first.node.port}"]
    with pytest.raises(UsageProblem, match=r"`gone.lock` does not exist\."):
        app.main(words, standalone_mode=False)
    until(lambda: first._doubted == {2}, 5)
    assert first.unable is None


def test_a_changed_message_proves_nothing(first: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(key: str, *parts: object) -> str:
        return proof(key, *parts[:-1], "another hint")

    monkeypatch.setattr(absence, "proof", other)
    fail(first)
    until(lambda: first._doubted, 5)
    assert first.unable is None


def test_another_lock_is_proven_by_the_run_folder(first: Machines) -> None:
    """Its own run folder has another name."""
    old = first.folder.parent.parent / "old" / NODES
    old.mkdir(parents=True)
    (old / SECRET).write_text("0" * 64)
    own = first.folder.parent.parent / "other" / NODES
    with pytest.raises(UsageProblem, match="or its lock differs"):
        join(replace(first.node, rank=1), "other", own, lambda: False, lambda: False)
    problem = gathered(first)
    assert type(problem) is UsageProblem
    said = f"Machine 1 (`{HOST}`): Its lock differs from that of machine 0."
    assert problem.message == said


def joined(machines: Machines, rank: int) -> Channel:
    found = join(
        replace(machines.node, rank=rank), "digest", machines.folder, lambda: False, lambda: False
    )
    assert found is not None
    return found


def test_a_machine_that_has_joined_is_not_kept_away(first: Machines) -> None:
    channel = joined(first, 1)
    fail(first)
    assert first.unable is None and first.joined() == 1
    channel.close()


def test_a_machine_that_is_stopped_while_it_waits_says_so(
    first: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "_SECRET_SECONDS", 5.0)
    turns = iter([False, True])  # once it connects, and while it looks for the run folder
    with pytest.raises(Stopped):
        join(replace(first.node, rank=1), "digest", Path("/nowhere"), lambda: next(turns),
             lambda: False)  # fmt: skip
    problem = gathered(first)
    assert type(problem) is Stopped
    assert (
        problem.message
        == f"Machine 1 (`{HOST}`): The command was stopped before it joined the run."
    )


def test_without_machine_0_it_ends_by_itself(
    first: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    first.node = replace(first.node, port=free_port())
    begun = time.monotonic()
    fail(first, tell=told.append)
    assert 0.3 <= time.monotonic() - begun < 2
    assert told == [
        "It needs 90 GiB. Reporting this to machine 0, for up to 0 s (Ctrl-C to end now)."
    ]


def test_both_refuse(first: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine 0 knows, by the question of the other one, that it knows."""
    monkeypatch.setattr(refusals, "TOLD_SECONDS", 10.0)
    first.node = Node(0, 2, "localhost", free_port())
    refusing = threading.Thread(target=fail, args=(first,))
    refusing.start()
    begun = time.monotonic()
    with pytest.raises(DoesNotFit), Refusal(first.node, "digest", print).passed_on():
        raise DoesNotFit("It does not.")
    refusing.join()
    assert time.monotonic() - begun < 5


def test_the_others_hear_of_it_when_they_come(
    first: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machine 2 starts after machine 0 has ended for machine 1."""
    monkeypatch.setattr(refusals, "TOLD_SECONDS", 10.0)
    fail(first)
    first.node = Node(0, 3, "localhost", free_port())
    refusal, found = Refusal(first.node, "digest", print, over=True), list[TunelockError]()
    refusal.renew(first.informed)

    def late() -> None:
        with pytest.raises(DoesNotFit) as problem:
            joined(first, 2)
        found.append(problem.value)

    other = threading.Thread(target=late)
    other.start()
    with pytest.raises(DoesNotFit), refusal.passed_on():
        raise gathered(first)
    other.join()
    said = f"Machine 0 (`localhost`) does not run this lock: Machine 1 (`{HOST}`): It needs 90 GiB."
    assert found[0].message == said


def test_a_folder_that_was_made_for_nothing_is_removed(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "demo"
    for kept in (False, True):
        held = Held(run)
        (run / "stages").mkdir(exist_ok=True)
        (run / "log.txt").write_text("")
        if not kept:
            held.discard()
        held.release()
        assert (tmp_path / "runs").exists() is kept
    again = Held(run)
    again.discard()
    again.release()
    assert (run / "log.txt").exists(), "it was there before"


Started = subprocess.Popen[str]


def started(folder: Path, number: int, place: str, *words: str, lock: str = "run.lock") -> Started:
    """Start a run on a machine that is this one; it writes to a file in the folder."""
    line = command("run", lock, "--node", str(number), "--rendezvous", place, *words)
    with (folder / f"machine{number}.txt").open("w") as out:
        return subprocess.Popen(
            line, cwd=folder, env=ENVIRONMENT, text=True, stdout=out, stderr=out
        )


def ended(folder: Path, commands: Sequence[Started]) -> tuple[list[int], list[str]]:
    """Return the exit codes, and what was said; no command is left."""
    try:
        codes = [one.wait(120) for one in commands]
    finally:
        for one in commands:
            one.kill()
            one.wait()
    return codes, [(folder / f"machine{n}.txt").read_text() for n in range(len(commands))]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lock of two machines."""
    return planned(tmp_path_factory.mktemp("two"), 2, machine__nodes=2)


@pytest.mark.slow
@pytest.mark.parametrize("first_started", [0, 1])
def test_both_commands_end_with_the_same_code(first_started: int, two: Path) -> None:
    """Machine 1's model is not the locked one: whichever is started first."""
    model = two / "another"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text("{}")
    place, given = f"localhost:{free_port()}", ((), ("--locate", f"model={model}"))
    one = started(two, first_started, place, *given[first_started])
    time.sleep(6)
    other = started(two, 1 - first_started, place, *given[1 - first_started])
    codes, said = ended(two, [one, other] if first_started == 0 else [other, one])
    assert codes[0] == codes[1] and codes[0] in (2, 5), said
    reason = next(line for line in said[1].splitlines() if line.startswith("error: "))
    assert reason.replace("error: ", f"error: Machine 1 (`{HOST}`): ") in said[0]
    assert not (two / "runs").exists()


@pytest.mark.slow
def test_a_machine_with_another_lock_ends_the_run(two: Path) -> None:
    text = (two / "run.toml").read_text().replace("learning_rate = 0.002", "learning_rate = 0.001")
    (two / "other.toml").write_text(text)
    assert tunelock(two, "plan", "other.toml").returncode == 0
    place = f"localhost:{free_port()}"
    both = [started(two, 0, place), started(two, 1, place, lock="other.lock")]
    codes, said = ended(two, both)
    assert codes == [2, 2], said
    assert f"error: Machine 1 (`{HOST}`): Its lock differs from that of machine 0." in said[0]
    assert "is not machine 0 of this run, or its lock differs from the one here." in said[1]
    assert not (two / "runs").exists()


@pytest.mark.slow
def test_ctrl_c_on_a_machine_that_waits_ends_the_run(two: Path) -> None:
    """It does not see the run folder yet, so that it has not joined."""
    place = f"localhost:{free_port()}"
    both = [started(two, 0, place), started(two, 1, place, "--runs", "elsewhere")]
    until(lambda: "joining" in (two / "machine1.txt").read_text())
    until(lambda: (two / "runs").exists())
    time.sleep(5)  # it has connected
    os.kill(both[1].pid, signal.SIGINT)
    codes, said = ended(two, both)
    assert codes == [75, 75], said
    assert f"error: Machine 1 (`{HOST}`): The command was stopped before it joined" in said[0]
    assert not (two / "runs").exists() and not (two / "elsewhere").exists()


@pytest.mark.slow
def test_the_third_machine_ends_too(tmp_path: Path) -> None:
    folder = planned(
        tmp_path, 3, machine__nodes=3, train__effective_batch=18, method__micro_batch=6
    )
    place = f"localhost:{free_port()}"
    waiting = [started(folder, number, place) for number in (0, 2)]
    (folder / "machine1.txt").touch()
    until(lambda: list((folder / "runs").glob("*/nodes/.secret")))
    time.sleep(3)
    refused = started(folder, 1, place, "--locate", f"model={folder / 'nowhere'}")
    codes, said = ended(folder, [waiting[0], refused, waiting[1]])
    assert codes == [2, 2, 2], said
    assert f"Machine 1 (`{HOST}`): " in said[0] and f"Machine 1 (`{HOST}`): " in said[2]
    assert not (folder / "runs").exists()
