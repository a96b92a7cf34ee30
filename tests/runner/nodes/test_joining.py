"""Machines that join over a real connection: the right one, the wrong ones, and how they end."""

import json
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockfiles.errors import RunFailed, Stopped, UsageProblem
from runner.engines.meeting import read_ends, write_ends
from runner.nodes import join as joins
from runner.nodes.channel import Channel
from runner.nodes.join import join
from runner.nodes.joining import SECRET, listening
from runner.nodes.machines import NODES, Machines, Waits
from runner.nodes.network import free_port, interface_of
from runner.nodes.node import Node
from runner.runs.safe_folder import OwnFolder

WAITS = Waits(join=0.6, again=0.1, hello=2, lost=0.7, settle=0.3, end=1, part=0.3)


class First:
    """Machine 0 of two, and its port."""

    def __init__(self, machines: Machines, run: Path, stops: list[int]) -> None:
        self.machines, self.run, self.stops = machines, run, stops
        self.channels: list[Channel] = []

    def joined(self, rank: int = 1, lock: str = "digest", nodes: Path | None = None) -> Channel:
        node = Node(rank, 2, "localhost", self.machines.node.port)
        found = join(node, lock, nodes or self.run / NODES, lambda: False, lambda: False)
        assert found is not None
        self.channels.append(found)
        return found

    def gather(self) -> None:
        self.machines.gather(lambda _: None, lambda: False)


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[First]:
    monkeypatch.setattr(joins, "_SECRET_SECONDS", 0.0)
    run, stops = tmp_path / "run", list[int]()
    run.mkdir()
    node = Node(0, 2, "localhost", free_port())
    with (
        OwnFolder.open(run) as folder,
        listening(node, "digest", 2, folder, lambda: stops.append(1), WAITS) as machines,
    ):
        found = First(machines, run, stops)
        yield found
        machines.finish(0, "")
        for channel in found.channels:
            channel.close()


def until(happened: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_machine_joins_and_reports(first: First) -> None:
    other = first.joined()
    first.gather()
    meeting = first.machines.begin("train")
    assert (meeting.node, meeting.nodes, meeting.host) == (0, 2, other.peer)
    asked = other.next(2)
    assert asked == {"kind": "stage", "stage": "train", "port": meeting.port}
    other.send("stop")
    other.send("event", event="failed", fields={"message": "no memory"})
    other.send("ended", code=-9, codes={"3": -9}, said="")
    until(first.machines.broken)
    assert first.stops == [1]
    ((kind, fields),) = first.machines.events()
    host = socket.gethostname()
    details = [f"on machine 1 (`{host}`)"]
    assert kind == "failed"
    assert fields == {"message": "no memory", "details": details, "host": host}
    assert first.machines.explanation() == (
        f"Process 3 (on `{host}`) was ended by SIGKILL, possibly because memory ran out."
    )
    first.machines.finish(1, "it failed")
    assert other.next(2) == {"kind": "end", "code": 1, "message": "it failed"}
    until(lambda: other.closed)


def test_a_link_in_a_run_folder_is_not_followed(first: First, tmp_path: Path) -> None:
    first.joined()
    first.gather()
    (tmp_path / "elsewhere").mkdir()
    (first.run / NODES / "0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageProblem, match="is a link, not a folder"):
        first.machines.begin("train")
    (first.run / NODES / "0").unlink()
    meeting = first.machines.begin("train")
    target = tmp_path / "elsewhere" / "file"
    target.write_text("{}")
    Path(meeting.ends).symlink_to(target)
    write_ends(Path(meeting.ends), {0: 1})
    assert target.read_text() == "{}" and read_ends(Path(meeting.ends)) == {0: 1}


def test_the_ends_of_its_own_processes_count_too(first: First) -> None:
    other = first.joined()
    first.gather()
    meeting = first.machines.begin("train")
    Path(meeting.ends).write_text(json.dumps({"0": -signal.SIGTERM, "1": -signal.SIGSEGV}))
    other.send("ended", code=71, codes={"2": 71}, said="")
    first.machines.ended(1)
    assert "Process 1 (on" in first.machines.explanation()
    assert "was ended by SIGSEGV." in first.machines.explanation()


def test_a_machine_that_ends_or_is_silent_is_lost_by_name(first: First) -> None:
    other = first.joined()
    first.gather()
    first.machines.begin("train")
    assert not first.machines.broken()
    other.close()
    until(first.machines.broken)
    host = socket.gethostname()
    said = f"Machine 1 (`{host}`, processes 2 to 3) ended, or its connection was closed."
    assert first.machines.explanation() == said
    begun = time.monotonic()
    first.machines.ended(-9)
    assert time.monotonic() - begun < 0.5, "a lost machine is not waited for"


def test_a_silent_machine_is_lost(first: First, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_beat", lambda self: None)
    other = first.joined()
    first.gather()
    first.machines.begin("train")
    until(first.machines.broken)
    assert "has not answered for 1 s: it or the network is down." in first.machines.explanation()
    other.close()


def test_between_stages_a_machine_may_leave_and_join_again(first: First) -> None:
    first.joined().close()
    until(lambda: first.machines.joined() == 0)
    first.joined()
    first.gather()


def test_a_machine_that_leaves_and_does_not_come_again_is_named(first: First) -> None:
    first.joined().close()
    until(lambda: first.machines.joined() == 0)
    host = socket.gethostname()
    said = rf"^Machine 1 \(`{host}`, processes 2 to 3\) ended, or its connection was closed\."
    with pytest.raises(RunFailed, match=said) as problem:
        first.gather()
    assert problem.value is first.machines.kept_away, "those that start later are told"


def test_a_machine_that_does_not_come_is_named(first: First) -> None:
    with pytest.raises(RunFailed, match=r"did not join within 0 min: 1\."):
        first.gather()


def test_a_machine_that_cannot_take_part_ends_the_run(first: First) -> None:
    first.joined().send("unable", message="It has no GPU.", hint="choose another")
    with pytest.raises(RunFailed, match=r"Machine 1 \(`.*`\): It has no GPU\.") as problem:
        while True:
            first.gather()
    assert problem.value.hint == "choose another"


def test_a_machine_that_does_not_see_the_run_folder_ends_the_run(
    first: First, tmp_path: Path
) -> None:
    other, host = tmp_path / "other", socket.gethostname()
    reason = f"The run folder `{other}` is not to be found on `{host}`."
    with pytest.raises(UsageProblem, match=re.escape(reason)):
        first.joined(nodes=other / NODES)
    with pytest.raises(UsageProblem, match=re.escape(f"Machine 1 (`{host}`): {reason}")) as problem:
        first.gather()
    assert "--runs" in problem.value.hint


def copy_checked(first: First, stopping: Callable[[], bool] = lambda: False) -> list[int]:
    """Let the other machines check a copy, and return how many had done so, at each turn."""
    done: list[int] = []
    first.machines.check_copy("train", [4, 8], "digest", done.append, stopping)
    return done


def test_a_copy_is_checked_by_the_other_machines(first: First) -> None:
    other = first.joined()
    first.gather()
    asked: list[object] = []

    def answer() -> None:
        asked.append(other.next(2))
        other.send("checked")

    answering = threading.Thread(target=answer)
    answering.start()
    assert copy_checked(first)[-1] == 1
    answering.join()
    assert asked == [{"kind": "check", "stage": "train", "steps": [4, 8], "sha256": "digest"}]
    assert copy_checked(first, stopping=lambda: True) == []


@pytest.mark.parametrize("way", ["unable", "gone"])
def test_a_machine_that_does_not_check_a_copy_ends_the_run(way: str, first: First) -> None:
    other = first.joined()
    first.gather()
    if way == "unable":
        other.send("unable", message="It differs.", hint="look")
        reason = "It differs."
    else:
        other.close()
        reason = "ended, or its connection was closed."
        until(lambda: next(iter(first.machines._others.values())).channel.closed)
    with pytest.raises(RunFailed, match=re.escape(reason)):
        copy_checked(first)


def test_who_is_not_of_this_run_is_refused(first: First, tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="its lock differs"):
        first.joined(lock="other")
    for rank in (0, 2):
        with pytest.raises(UsageProblem, match="its number is not one of this run"):
            first.joined(rank)
    other = tmp_path / "other"
    with pytest.raises(UsageProblem, match="is not to be found on"):
        first.joined(nodes=other / NODES)
    shutil.copytree(first.run / NODES, other / NODES)
    (other / NODES / SECRET).write_text("0" * 64)
    with pytest.raises(UsageProblem, match="it reads another run folder"):
        first.joined(nodes=other / NODES)
    first.joined()
    with pytest.raises(UsageProblem, match="machine 1 has already joined"):
        first.joined()


def test_the_secret_is_this_users_and_new(first: First) -> None:
    place = first.run / NODES / SECRET
    assert place.stat().st_mode & 0o077 == 0 and len(place.read_text()) == 64


def test_a_stranger_is_no_machine_0(first: First, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pretend() -> None:
            connection, _ = server.accept()
            with connection:
                for kind in ("greeting", "welcome"):
                    line = {"kind": kind, "nonce": "0", "proof": "0"}
                    connection.sendall(json.dumps(line).encode() + b"\n")
                while connection.recv(1 << 16):
                    pass

        threading.Thread(target=pretend, daemon=True).start()
        node = Node(1, 2, "127.0.0.1", server.getsockname()[1])
        with pytest.raises(UsageProblem, match="is not machine 0 of this run"):
            join(node, "digest", first.run / NODES, lambda: False, lambda: False)


def test_garbage_and_floods_end_their_own_connection_only(first: First) -> None:
    place = ("localhost", first.machines.node.port)
    for sent in (b"GET / HTTP/1.1\r\n\r\n", b"[1]\n", b"x" * 200_000, b'{"kind": "hello"}\n',
                 b"[" * 60_000 + b"\n"):  # fmt: skip
        with socket.create_connection(place) as stranger:
            stranger.settimeout(5)
            try:
                stranger.sendall(sent)
                while stranger.recv(1 << 16):
                    pass
            except ConnectionError:
                pass
    first.joined()
    first.gather()


def test_who_waits_ends_when_stopped_or_when_nothing_is_left(tmp_path: Path) -> None:
    node = Node(1, 2, "localhost", free_port())
    with pytest.raises(Stopped):
        join(node, "digest", tmp_path, lambda: True, lambda: False)
    assert join(node, "digest", tmp_path, lambda: False, lambda: True) is None


def test_a_port_in_use_is_a_sentence(first: First) -> None:
    with (
        OwnFolder.open(first.run) as folder,
        pytest.raises(RunFailed, match=r"Port \d+, on which the other machines would join"),
        listening(first.machines.node, "digest", 1, folder, lambda: None),
    ):
        pass


def test_a_connection_that_the_other_side_ends_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stranger = socket.create_connection(server.getsockname())
        connection, _ = server.accept()
    channel = Channel(connection)
    stranger.close()
    until(lambda: channel.closed and connection.fileno() == -1)


def test_an_address_has_an_interface() -> None:
    assert interface_of("127.0.0.1") == interface_of("::ffff:127.0.0.1") == "lo"
    assert interface_of("192.0.2.1") == ""
