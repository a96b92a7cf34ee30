"""Machine 0 refuses a run before it listens: the other machines end with its error."""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.errors import DoesNotFit, RunFailed, TunelockError, UsageProblem
from lockfiles.fixes import Advice
from planner.plan.integrity import integrity
from runner.nodes import door, knock
from runner.nodes import join as joins
from runner.nodes import refusal as refusals
from runner.nodes.join import join
from runner.nodes.network import free_port
from runner.nodes.node import Node
from runner.nodes.refusal import Refusal
from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.lockfiles.samples import LOCK

PROBLEM = DoesNotFit("It needs 90 GiB.", fix=Advice("choose another machine"))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    """Machine 0 of three, for which others wait 10 s."""
    monkeypatch.setattr(knock, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(joins, "JOIN_SECONDS", 10.0)
    return Node(0, 3, "localhost", free_port())


def refuse(refusal: Refusal, problem: TunelockError = PROBLEM) -> float:
    """Refuse a run and return how many seconds it took."""
    begun = time.monotonic()
    with pytest.raises(type(problem)) as raised, refusal.passed_on():
        raise problem
    assert raised.value is problem
    return time.monotonic() - begun


def joined(
    node: Node, rank: int, lock: str = "digest", tell: Callable[[str], object] = lambda _: None
) -> TunelockError:
    """Return the error with which another machine ends, which never sees a run folder."""
    other = replace(node, rank=rank)
    with pytest.raises(TunelockError) as problem:
        join(other, lock, Path("/nowhere/nodes"), lambda: False, lambda: False, tell)
    return problem.value


def test_the_other_machines_end_with_the_error_of_machine_0(node: Node) -> None:
    told: list[str] = []
    found: dict[int, TunelockError] = {}
    others = [
        threading.Thread(target=lambda n=n: found.update({n: joined(node, n)})) for n in (1, 2)
    ]
    for other in others:  # they wait before machine 0 is there
        other.start()
    assert refuse(Refusal(node, "digest", told.append)) < 10
    for other in others:
        other.join()
    for problem in found.values():
        assert type(problem) is DoesNotFit and problem.hint == "choose another machine"
        said = "Machine 0 (`localhost`) does not run this lock: It needs 90 GiB."
        assert problem.message == said
    assert len(found) == 2
    assert told == [
        "It needs 90 GiB. Telling the other machines, for up to 60 s (Ctrl-C to end now)."
    ]


def test_a_machine_with_another_lock_is_told_so_and_hears_no_more(node: Node) -> None:
    refusing = threading.Thread(target=refuse, args=(Refusal(node, "digest", print),))
    refusing.start()
    problem = joined(node, 1, "other")
    assert type(problem) is UsageProblem and "its lock differs" in problem.message
    assert "90 GiB" not in problem.sentence
    for rank in (1, 2):
        assert type(joined(node, rank)) is DoesNotFit
    refusing.join()


def test_who_cannot_prove_the_lock_refuses_no_run(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "TOLD_SECONDS", 1.0)
    monkeypatch.setattr(refusals, "proof", lambda *_: "0")
    monkeypatch.setattr(refusals, "proves", lambda lock, *_: lock == "digest")
    refusing = threading.Thread(target=refuse, args=(Refusal(node, "digest", print),))
    refusing.start()
    assert "is not machine 0 of this run" in joined(node, 1, "other").message
    refusing.join()


@pytest.mark.parametrize("way", ["alone", "over", "taken"])
def test_nobody_is_waited_for_where_none_can_ask(way: str, node: Node) -> None:
    """On one machine, once the run itself ends on the others, and without a port."""
    told: list[str] = []
    refusal = Refusal(None if way == "alone" else node, "digest", told.append, way == "over")
    server = door.bound(node.port)
    try:
        if way != "taken":
            door.close(server)
        assert refuse(refusal) < 1 and told == []
    finally:
        door.close(server)


def test_machine_0_ends_by_itself(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "TOLD_SECONDS", 0.3)
    assert 0.3 <= refuse(Refusal(node, "digest", print)) < 2


def test_a_machine_says_that_it_waits(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joins, "_SAID_SECONDS", 0.1)
    monkeypatch.setattr(joins, "JOIN_SECONDS", 0.7)
    said: list[str] = []
    problem = joined(node, 1, tell=said.append)
    assert type(problem) is RunFailed and "did not answer within" in problem.message
    (line,) = said
    assert line.startswith(f"machine 0 is not at `localhost:{node.port}` yet (Connection refused)")


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1])
def test_both_commands_end_with_the_same_code(first: int, tmp_path: Path) -> None:
    """Whichever is started first; the run folder is never made."""
    tables = LOCK.model_dump() | {"revision": locks.REVISION}
    tables |= {"parallel": {"engine": "ddp", "processes": 2, "nodes": 2}}
    whole = locks.of_tables(tables | {"integrity": integrity(tables)})
    (tmp_path / "run.lock").write_text(locks.write(whole))
    place, started = f"localhost:{free_port()}", []
    for number in (first, 1 - first):
        words = command("run", "run.lock", "--node", str(number), "--rendezvous", place)
        started.append(
            subprocess.Popen(
                words, cwd=tmp_path, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE
            )
        )
        time.sleep(3 * (number == first))
    said = [one.communicate(timeout=50)[1] for one in started]
    assert [one.returncode for one in started] == [UsageProblem.exit_code] * 2, said
    reason = "The lock needs `model`, `train`, but no path is known for them."
    assert f"error: {reason}" in said[first]
    assert f"error: Machine 0 (`localhost`) does not run this lock: {reason}" in said[1 - first]
    assert not (tmp_path / "runs").exists()
