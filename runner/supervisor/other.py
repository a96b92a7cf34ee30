"""A machine of a run other than machine 0: it runs its share of the processes, and nothing else.

It writes no events and no results. It follows machine 0: its processes start, stop and end with
those there.
"""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lockfiles import digest
from lockfiles import lock as locks
from lockfiles.errors import RunFailed, Stopped, TunelockError, UsageProblem
from lockfiles.files import open_regular
from lockfiles.fixes import Advice, Option
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, Stage, TrainingLock
from lockfiles.stage_kinds.registry import KINDS
from runner.engines.engine import STAGE, engine_of
from runner.engines.lost import watchdog
from runner.engines.meeting import Meeting, read_ends
from runner.environments.variables import environment
from runner.inputs import locations, verify
from runner.nodes import absence, refusal
from runner.nodes.channel import Channel, Message
from runner.nodes.join import join
from runner.nodes.machines import ENDS, NODES
from runner.nodes.network import interface_of
from runner.nodes.node import Node
from runner.runs.folder import LOG, Held, place
from runner.runs.kind import of_kind
from runner.supervisor import continuing, launch, preflight, results
from runner.supervisor.attempt import sentences
from runner.supervisor.signals import Stop, stops
from runner.supervisor.spread import variables
from runner.supervisor.supervise import LOST_SECONDS, Order, run_folder

_MACHINE_SECONDS = 90.0
"""Without a heartbeat from machine 0 until it counts as lost: later than machine 0 would notice."""
_POLL_SECONDS = 0.2
_LOG_TAIL_BYTES = 1 << 16
_MOST_CHARS, _MOST_DETAILS = 4000, 100


def follow(order: Order, node: Node, tell: Callable[[str], object]) -> None:
    """Take part in a run until machine 0 ends it.

    `tell` gets a line at each turn. Raises the error with which the run ended there, and RunFailed
    if machine 0 is lost or this machine cannot take part.
    """
    lock = locks.read(order.lock)
    own, run_at = digest.of_value(lock.model_dump()), run_folder(lock, order.runs).absolute()

    def done(stage: Stage) -> bool:
        return not order.fresh and _is_done(lock, run_at, stage)

    with absence.passed_on(node, own, tell), sentences(run_at):
        located = locations.known(lock, order.lock, order.located)
        verify.check_whole(lock)
        source = _source(order, lock, run_at)
        shared = [one for one in lock.stage if KINDS[one.kind].spreads]
        _check(lock, [one for one in shared if not done(one)], source, located)
    with stops() as stop:
        tell(f"joining `{node.host}:{node.port}` as machine {node.rank} of 0 to {node.count - 1}")
        channel = join(node, own, run_at / NODES, stop.asked,
                       lambda: all(map(done, lock.stage)), tell)  # fmt: skip
        if channel is None:
            tell("every stage of this run is done")
            return
        try:
            _Other(order, lock, node, run_at, located, channel, stop, tell, source).serve()
        finally:
            channel.close()


def _is_done(lock: Lock, run_at: Path, stage: Stage) -> bool:
    with suppress(OSError, TunelockError):
        kept = results.kept(place(lock, run_at, stage.id), lock.integrity[stage.id])
        return kept is not None
    return False


def _source(order: Order, lock: Lock, run_at: Path) -> Path | None:
    """Return the run whose checkpoint machine 0 is to copy; None if it was, or if none is asked
    for. Raises UsageProblem if the lock cannot continue it."""
    former = order.continue_from
    if former is None:
        return None
    trained = lock.training()
    name = trained.first("train")
    with sentences(run_at):
        if not order.fresh and (
            results.kept(place(lock, run_at, name), lock.integrity[name]) is not None
            or continuing.is_copied(trained, former, run_at)
        ):
            return None
        if continuing.is_there(former):
            continuing.check_locks(lock, former, run_at, order.lock)
    return former


def _check(
    lock: Lock, waiting: Sequence[Stage], source: Path | None, located: Mapping[str, Path]
) -> None:
    """Raise where this machine cannot run its share of the stages that are left, as far as this can
    be known before it joins: a model on the Hub may yet be downloaded by machine 0."""
    if source and not continuing.is_there(source):
        raise RunFailed(
            f"The run to continue is not in `{source}` on `{socket.gethostname()}`.",
            fix=Option(
                "--continue-from RUN_FOLDER", to="name the run in a folder that all machines share:"
            ),
        )
    preflight.check_machine(lock, waiting)
    if waiting and "model" in located:
        preflight.check_model(lock, located)
        with verify.model_of(lock, located["model"], weights=False):
            pass


@dataclass
class _Other:
    """This machine in a run."""

    order: Order
    lock: Lock
    node: Node
    run: Path
    places: Mapping[str, Path]
    channel: Channel
    stop: Stop
    tell: Callable[[str], object]
    source: Path | None = None
    """The run whose checkpoint machine 0 has yet to copy; None for none."""
    asked_at: float | None = None
    """When machine 0 asked to stop."""
    killed: bool = False
    """Whether machine 0 ends the stage without a checkpoint."""
    ended: Message | None = None
    """How the run ended."""
    stop_sent: bool = False
    """Whether machine 0 knows that this machine was asked to stop."""

    def serve(self) -> None:
        """Run each stage that machine 0 starts, until it ends the run."""
        while self.ended is None:
            message = self.channel.next(_POLL_SECONDS)
            if message and message["kind"] == "stage":
                self._stage(str(message.get("stage")), message.get("port"))
            elif message and message["kind"] == "check":
                self._check(str(message.get("stage")), message.get("steps"), message.get("sha256"))
            elif message:
                self._take(message)
            self._pass_on_stop()
            self._check_lost()
        code, said = self.ended.get("code"), one_line(str(self.ended.get("message")), most=600)
        if code == 0:
            self.tell("the run is done")
            return
        raise refusal.error_of(code)(
            f"The run ended on machine 0 (`{self.node.host}`): {said}",
            fix=Advice("run the same command again on every machine to resume"),
        )

    def _send_unable(self, problem: TunelockError) -> None:
        problem.of_lock(self.order.lock)
        self.channel.send(absence.UNABLE, **refusal.fields(problem))

    def _take(self, message: Message) -> None:
        match message["kind"]:
            case "stop":
                self.asked_at = time.monotonic()
            case "kill":
                self.killed = True
            case "end":
                self.ended = message
                self.killed = True

    def _hear(self) -> None:
        for message in self.channel.received():
            self._take(message)
        self._pass_on_stop()

    def _pass_on_stop(self) -> None:
        """Let machine 0 stop the run if this machine was asked to; a second Ctrl-C ends it here."""
        if self.stop.asked() and not self.stop_sent:
            self.stop_sent = True
            self.channel.send("stop")

    def _check_lost(self) -> None:
        if self._lost() and self.ended is None:
            raise RunFailed(
                f"Machine 0 (`{self.node.host}`) {self._lost()}",
                fix=Advice("run the same command again on every machine to resume"),
            )

    def _lost(self) -> str:
        """Return how machine 0 was lost, as the rest of a sentence; empty if it was not."""
        if self.channel.closed:
            return "ended, or its connection was closed."
        silent = self.channel.silent_seconds
        return (
            f"has not answered for {silent:.0f} s: it or the network is down."
            if silent > _MACHINE_SECONDS
            else ""
        )

    def _check(self, stage: str, steps: object, sha256: object) -> None:
        """Read the checkpoints that machine 0 has copied for a stage."""
        numbers = [one for one in steps if type(one) is int] if isinstance(steps, list) else []
        if not numbers or stage not in {one.id for one in self.lock.stage}:
            raise RunFailed("Machine 0 asked for a check of no checkpoint.")
        self.tell("checking the copied checkpoint")
        work = place(self.lock, self.run, stage).partial
        try:
            with sentences(self.run):
                continuing.check_copy(work, numbers, str(sha256), self._ending)
        except Stopped:
            return
        except TunelockError as problem:
            self._send_unable(problem)
            return
        self.source = None
        self.channel.send("checked")

    def _stage(self, stage: str, port: object) -> None:
        kinds = {one.id: one.kind for one in self.lock.stage}
        if stage not in kinds or not KINDS[kinds[stage]].spreads or type(port) is not int:
            raise RunFailed("Machine 0 asked for a stage that is not spread over machines.")
        self.tell(f"running its share of `{stage}`")
        self.killed, self.asked_at = False, None
        own, code = self.run / NODES / str(self.node.rank), 1
        try:
            with sentences(self.run):
                held = Held(own)
                self.stop.in_stage = True
                try:
                    code = self._launched(stage, kinds[stage], port, held)
                finally:
                    self.stop.in_stage = False
                    held.release()
        except TunelockError as problem:
            self._send_unable(problem)
        self.channel.send(
            "ended", code=code, codes=read_ends(own / ENDS), said=watchdog(_tail(own / LOG))
        )

    def _launched(self, stage: str, kind: str, port: int, held: Held) -> int:
        assert isinstance(self.lock, TrainingLock)
        if self.source and KINDS[kind].spreads == "engine":
            raise UsageProblem(
                f"Machine 0 does not continue `{self.source}`, as this machine was asked to.",
                fix=Advice("use the same options on every machine"),
            )
        preflight.check_model(self.lock, self.places)
        engine, own = engine_of(self.lock, kind), held.folder.path.absolute()
        held.folder.remove(ENDS)
        meeting = Meeting(
            self.node.rank, self.node.count, self.channel.peer, port, self.channel.own,
            str(own / ENDS), interface_of(self.channel.own),
        )  # fmt: skip
        job = {
            "stage": stage,
            "lock": str(self.order.lock),
            "run": str(self.run),
            "work": str(place(self.lock, self.run, stage).partial),
            "places": {name: str(path) for name, path in self.places.items()},
        }
        held.folder.write_whole("job.json", json.dumps(job, indent=2).encode())
        program = launch.Program(
            stage=stage,
            again="resume it on every machine",
            arguments=engine.arguments(STAGE, own / "job.json", self.lock.parallel.processes),
            environment=environment(self.lock, online=of_kind(kind).online)
            | variables(engine, meeting.variables),
            starts_workers=engine.starts_workers,
            job=str(own / "job.json"),
        )
        return launch.launch(program, self._supervision(held))

    def _supervision(self, held: Held) -> launch.Supervision:
        return launch.Supervision(
            writer=_Reports(self.channel),
            log=held.folder.path / LOG,
            folder=held.folder,
            stopping=lambda: self.asked_at is not None,
            ending=self._ending,
            limits=replace(self.order.limits, lost_seconds=LOST_SECONDS),
        )

    def _ending(self) -> bool:
        self._hear()
        return self.killed or self.stop.at_once or bool(self._lost())


@dataclass(frozen=True)
class _Reports:
    """Sends the failures and warnings of this machine's processes to machine 0."""

    channel: Channel

    def append(self, stage: str, kind: str, fields: dict[str, Any]) -> None:
        """Send one event, if machine 0 writes it."""
        if kind in ("failed", "warning"):
            said = {name: _cut(value) for name, value in fields.items()}
            self.channel.send("event", event=kind, fields=said)


def _cut(value: Any) -> Any:
    """Return a field that is short enough for a message."""
    if isinstance(value, list):
        return [_cut(one) for one in value[:_MOST_DETAILS]]
    return value[:_MOST_CHARS] if isinstance(value, str) else value


def _tail(log: Path) -> str:
    with suppress(OSError, UsageProblem), os.fdopen(open_regular(log, follow=False), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _LOG_TAIL_BYTES))
        return file.read().decode("utf-8", "replace")
    return ""
