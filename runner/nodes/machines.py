"""Machine 0's side of a run on several machines: it starts the others, and follows them.

A machine joins by a connection to machine 0's supervisor. It proves that it reads the same run
folder, which holds a secret, and that it has the same lock. Then it waits for a stage that is
spread over the machines, runs its part, and reports how its processes ended.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockfiles.errors import RunFailed, TunelockError
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from runner.engines.meeting import Meeting, read_ends
from runner.nodes import absence
from runner.nodes.channel import Channel, Message
from runner.nodes.network import free_port, interface_of
from runner.nodes.node import Node
from runner.nodes.words import Ends, explained, machine, of_ranks
from runner.runs.safe_folder import OwnFolder

NODES = "nodes"
"""The folder in a run folder with a folder for each machine."""
WELCOME = "welcome"
"""The kind of the message to a machine that may join."""
ENDS = "ends.json"
"""The file in a machine's folder that says how its processes ended."""
_POLL_SECONDS = 0.2

Reported = tuple[str, dict[str, Any]]
"""The kind and the fields of an event."""


@dataclass(frozen=True)
class Waits:
    """How long machine 0 waits, in seconds."""

    join: float = 1800.0
    """For all machines to join."""
    again: float = 120.0
    """For a machine that has joined, and was lost while no stage ran on it, to join again."""
    hello: float = 90.0
    """For a machine that has connected to say who it is."""
    lost: float = 60.0
    """Without a heartbeat until a machine counts as lost."""
    settle: float = 5.0
    """After a machine's processes failed, for others to report what explains it."""
    end: float = 30.0
    """For the other machines to end their part of a stage."""
    part: float = 3.0
    """For the other machines to take the end of the run."""


WAITS = Waits()


@dataclass
class _Other:
    """Another machine that has joined."""

    rank: int
    host: str
    channel: Channel
    ends: Ends | None = None
    """How its part of the stage ended; None while it runs."""
    lost: bool = False
    """Whether it was lost while it ran."""


@dataclass
class Machines:
    """All machines of a run, from the view of machine 0."""

    node: Node
    lock: str
    """The digest of the lock."""
    on_each: int
    """Processes on each machine."""
    folder: Path
    """The run folder's folder of machines."""
    stop: Callable[[], None]
    """Called once another machine was asked to stop."""
    waits: Waits
    _others: dict[int, _Other] = field(default_factory=dict)
    _joining: threading.Lock = field(default_factory=threading.Lock)
    _failed_at: float | None = None
    _failure: str = ""
    _refusal: TunelockError | None = None
    _unable: set[int] = field(default_factory=set)
    """The machines that said that they do not take part."""
    _left: dict[int, tuple[float, str]] = field(default_factory=dict)
    """The machines that may join again: when each was lost, and a sentence that says so."""
    _doubted: set[int] = field(default_factory=set)
    _complete: bool = False
    """Whether all machines have joined once."""
    _stopping: bool = False
    _events: list[Reported] = field(default_factory=list)

    def joined(self) -> int:
        """Return how many other machines have joined."""
        self._hear()
        return len(self._others)

    def missing(self) -> str:
        """Return the numbers of the machines that have not joined."""
        absent = [str(n) for n in range(1, self.node.count) if n not in self._others]
        return ", ".join(absent)

    def gather(self, tell: Callable[[int], None], stopping: Callable[[], bool]) -> None:
        """Wait until every machine has joined, or a stop was requested.

        `tell` gets the number of those that have. Raises RunFailed if one does not come, or was
        lost and does not come again, and the error of one that cannot take part.
        """
        until, told = time.monotonic() + self.waits.join, -1
        while not stopping():
            if (count := self.joined()) != told:
                tell(count)
                told = count
            self._give_up_lost()
            if self._refusal:
                raise self._refusal
            if count == self.node.count - 1:
                self._complete = True
                return
            if time.monotonic() > until:
                raise RunFailed(
                    f"Of the {self.node.count} machines of this run, some did not join within "
                    f"{self.waits.join / 60:.0f} min: {self.missing()}.",
                    fix=Advice(
                        "start the same command on each, with `--node` and with a `--rendezvous` "
                        "that it can reach"
                    ),
                )
            time.sleep(_POLL_SECONDS)

    def check_copy(
        self,
        stage: str,
        steps: Sequence[int],
        sha256: str,
        tell: Callable[[int], None],
        stopping: Callable[[], bool],
    ) -> None:
        """Let the other machines check the checkpoints that were copied for a stage, and wait for
        them, or for a stop.

        `tell` gets the number of those that are done. Raises RunFailed if one is lost, and the
        error of one that does not read what `sha256` is the digest of.
        """
        for other in self._others.values():
            other.ends = None
            other.channel.send("check", stage=stage, steps=list(steps), sha256=sha256)
        told = -1
        while not stopping():
            self._hear()
            if self._refusal:
                raise self._refusal
            if self._failure:
                raise RunFailed(
                    self._failure, fix=Advice("run the same command again on every machine")
                )
            waiting = len(self._running())
            if (count := self.node.count - 1 - waiting) != told:
                tell(count)
                told = count
            if not waiting:
                return
            time.sleep(_POLL_SECONDS)

    def begin(self, stage: str) -> Meeting:
        """Start a stage on the other machines, and return machine 0's part in it."""
        port = free_port()
        own = next(iter(self._others.values())).channel.own
        with OwnFolder.open(self.folder) as nodes, nodes.inside("0", make=True) as folder:
            folder.remove(ENDS)
        for other in self._others.values():
            other.ends = None
            other.channel.send("stage", stage=stage, port=port)
        ends = str(self.folder / "0" / ENDS)
        return Meeting(0, self.node.count, own, port, own, ends, interface_of(own))

    def broken(self) -> bool:
        """Return whether another machine was lost, or its processes failed: the stage must end."""
        self._hear()
        if self._failure or self._refusal:
            return True
        return self._failed_at is not None and time.monotonic() - self._failed_at > (
            self.waits.settle
        )

    def pass_on_stop(self) -> None:
        """Let the other machines stop their processes; each is asked once."""
        if not self._stopping:
            self._stopping = True
            self._send("stop")

    def events(self) -> Iterator[Reported]:
        """Yield the events that other machines reported."""
        while self._events:
            yield self._events.pop(0)

    def ended(self, code: int) -> None:
        """Wait until the others have ended their part of a stage that ended here with a code."""
        until = time.monotonic() + self.waits.settle * bool(code)
        while time.monotonic() < until and self._running() and not self._failure:
            self._hear()
            time.sleep(_POLL_SECONDS)
        if code and self._running():
            self._send("kill")
        until = time.monotonic() + self.waits.end
        while time.monotonic() < until and self._running():
            self._hear()
            time.sleep(_POLL_SECONDS)

    def explanation(self) -> str:
        """Return why a stage failed, as a sentence with the process and its machine; empty where
        no process was killed and no machine was lost."""
        ends = [Ends(socket.gethostname(), read_ends(self.folder / "0" / ENDS))]
        ends += [other.ends for other in self._others.values() if other.ends]
        return self._failure or explained(ends)

    @property
    def unable(self) -> TunelockError | None:
        """The error of a machine that cannot take part."""
        return self._refusal

    @property
    def kept_away(self) -> TunelockError | None:
        """The error of a machine that cannot take part, before all have joined once."""
        self._hear()
        return None if self._complete else self._refusal

    @property
    def informed(self) -> set[int]:
        """The numbers of the other machines that know how the run ends, once it is finished."""
        return self._unable | set(self._others)

    def finish(self, code: int, message: str) -> None:
        """End the run on the other machines, and close the connections."""
        self._send("end", code=code, message=message[:1000])
        until = time.monotonic() + self.waits.part
        for other in list(self._others.values()):
            other.channel.part(max(0.0, until - time.monotonic()))

    def admit(self, rank: int, host: str, channel: Channel, proof: str) -> str:
        """Let a machine join, with a proof for it; return why it cannot, empty if it can."""
        with self._joining:
            before = self._others.get(rank)
            if before and not before.channel.closed:
                return f"machine {rank} has already joined, as `{before.host}`"
            if before and before.ends is None:
                return f"machine {rank} was lost, and its run has not ended yet"
            self._left.pop(rank, None)
            channel.send(WELCOME, proof=proof)
            self._others[rank] = _Other(rank, host, channel, Ends(host, {}))
        return ""

    def keep_away(self, rank: int, problem: TunelockError) -> None:
        """End the run with the error of a machine that has not joined, and does not come."""
        with self._joining:
            if rank not in self._others:
                self._unable.add(rank)
                self._refusal = self._refusal or problem

    def doubt(self, rank: int, address: str) -> None:
        """Report, once, that a machine which has not joined did not prove to be of this run."""
        with self._joining:
            if rank not in self._others and rank not in self._doubted:
                self._doubted.add(rank)
                text = (
                    f"`{address}` says that it is machine {rank}, but its lock is not the one "
                    f"here; the run still waits for machine {rank}"
                )
                self._events.append(("warning", {"text": text}))

    def _running(self) -> list[_Other]:
        return [
            other
            for other in self._others.values()
            if other.ends is None and not other.lost and not other.channel.closed
        ]

    def _send(self, kind: str, **fields: Any) -> None:
        for other in list(self._others.values()):
            other.channel.send(kind, **fields)

    def _hear(self) -> None:
        for other in list(self._others.values()):
            closed = other.channel.closed  # read first: then all of its messages have arrived
            for message in other.channel.received():
                self._take(other, message)
            silent = other.channel.silent_seconds
            if not closed and silent <= self.waits.lost:
                continue
            if other.ends is None:
                other.lost = True
                self._failure = self._failure or self._lost(other, 0.0 if closed else silent)
            else:  # it may join again
                other.channel.close()
                self._let_go(other, self._lost(other, 0.0 if closed else silent))

    def _let_go(self, other: _Other, text: str) -> None:
        """Forget a lost machine, unless it has joined again; `text` says that it is lost."""
        with self._joining:
            if self._others.get(other.rank) is other:
                del self._others[other.rank]
                self._left[other.rank] = time.monotonic(), text

    def _give_up_lost(self) -> None:
        """End the run if a machine was lost, and has not joined again in time."""
        for at, text in list(self._left.values()):
            if time.monotonic() - at > self.waits.again:
                fix = Advice("run the same command again on every machine")
                self._refusal = self._refusal or RunFailed(text, fix=fix)

    def _lost(self, other: _Other, silent_seconds: float) -> str:
        """Return that a machine is lost, as a sentence."""
        who = machine(other.rank, other.host, of_ranks(other.rank, self.on_each))
        if silent_seconds:
            return f"{who} has not answered for {silent_seconds:.0f} s: it or the network is down."
        return f"{who} ended, or its connection was closed."

    def _take(self, other: _Other, message: Message) -> None:
        match message:
            case {"kind": "stop"}:
                self.stop()
            case {"kind": "event", "event": ("failed" | "warning") as kind, "fields": dict(fields)}:
                self._events.append((kind, _placed(other, fields)))
            case {"kind": "ended", "codes": dict(codes), "code": int(code), "said": str(said)}:
                other.ends = Ends(other.host, _codes(codes), code, one_line(said, most=400))
                if not other.ends.clean and self._failed_at is None:
                    self._failed_at = time.monotonic()
            case {"kind": "checked"}:
                other.ends = Ends(other.host, {})
            case {"kind": absence.UNABLE}:
                self._refusal = absence.error(other.rank, other.host, message)
            case _:
                pass


def _placed(other: _Other, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an event with the machine that it is from."""
    found = {**fields, "host": other.host}
    if isinstance(text := fields.get("text"), str):
        found["text"] = f"machine {other.rank} (`{other.host}`): {text}"
    if "message" in fields:
        details = fields.get("details")
        own = details if isinstance(details, list) else []
        found["details"] = [*own, f"on machine {other.rank} (`{other.host}`)"]
    return found


def _codes(given: Mapping[Any, Any]) -> dict[int, int]:
    found = {}
    for rank, code in given.items():
        if str(rank).isdecimal() and isinstance(code, int):
            found[int(rank)] = code
    return found
