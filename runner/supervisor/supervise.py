"""The supervisor: runs a lock, stage after stage, and handles stop signals.

Imports no torch. It locks the run folder, writes all events, starts each stage in a separate
process, and renames the results of a stage into place. A finished stage is not run again.
"""

import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockfiles import digest, text
from lockfiles import lock as locks
from lockfiles.errors import TunelockError, UsageProblem, naming
from lockfiles.fixes import Command
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, TrainingLock
from runner.inputs import finished, locations, verify
from runner.nodes.joining import listening
from runner.nodes.machines import Machines
from runner.nodes.node import Node, node_of
from runner.nodes.refusal import Refusal
from runner.runs.events import Writer
from runner.runs.folder import (
    EVENTS,
    LOCK,
    STAGES,
    Held,
    check_names,
    looked_at,
    place,
)
from runner.runs.heartbeat import heartbeat
from runner.runs.kind import Asked, of_kind
from runner.runs.safe_folder import OwnFolder
from runner.supervisor import continuing, preflight, results
from runner.supervisor.attempt import Attempt, sentences
from runner.supervisor.launch import LIMITS, Limits
from runner.supervisor.signals import Stop, stops

LOST_SECONDS = 600.0
"""With several machines, how long a process may be suspended before the run ends."""


@dataclass(frozen=True)
class Order:
    """What the supervisor is asked to run."""

    lock: Path
    runs: Path
    """The folder of the run folders."""
    located: Mapping[str, Path] = field(default_factory=dict)
    """Logical name to path, for inputs that have moved."""
    allowed: Collection[str] = ()
    """Hub repositories that may be pushed to."""
    fresh: bool = False
    """True: finished stages are run again."""
    limits: Limits = LIMITS
    node: Node | None = None
    """Which of several machines this is; None on one machine."""
    continue_from: Path | None = None
    """The run folder whose last checkpoint the training continues from."""


def run_folder(lock: Lock, runs: Path) -> Path:
    """Return the folder of a lock's run.

    It is named by what all results are made from, so that another export keeps what is done.
    """
    return runs / f"{lock.intent.name}-{lock.made_from[:8]}"


def check_folder(lock: Lock, runs: Path) -> None:
    """Raise UsageProblem as `run` would if the run folder cannot be used; changes nothing."""
    run_at = _placed(lock, runs)
    with looked_at(run_at) as folder:
        if folder is None:
            return
        for one in lock.stage:
            _done(lock, run_at, one.id, folder)
        check_names(folder)


def run(
    order: Order,
    begun: Callable[[Path, int], None] = lambda folder, since: None,
    tell: Callable[[str], object] = lambda line: None,
    leaving: Callable[[], object] = lambda: None,
) -> Path:
    """Run a lock to its end and return the run folder.

    `begun` is called once the folder is locked, before the first stage, with the folder and the
    byte offset in `events.jsonl` where this run's events start. `tell` gets a line if this is
    machine 0 of several, and the run ends before it has begun on all. `leaving` is called before a
    folder that was made for such a run is removed. Raises the TunelockError that ended the run:
    Stopped after SIGTERM or SIGHUP, Interrupted after Ctrl-C, else that of the failed stage.
    """
    content = text.read(order.lock)
    with naming(order.lock):
        lock = locks.parse(content, name=str(order.lock))
    own = digest.of_value(lock.model_dump()) if order.node else ""
    refusal = Refusal(order.node, own, tell)
    with refusal.passed_on(), naming(order.lock):
        return _run(order, lock, content, begun, refusal, leaving)


def _run(
    order: Order,
    lock: Lock,
    content: str,
    begun: Callable[[Path, int], None],
    refusal: Refusal,
    leaving: Callable[[], object],
) -> Path:
    located = locations.known(lock, order.lock, order.located)
    verify.check_whole(lock)
    if order.node is None and isinstance(lock, TrainingLock):
        node_of(lock.parallel.nodes, None, None, {})  # raises for several machines
    run_at = _placed(lock, order.runs)
    notes = _unused(lock, order.allowed)
    with sentences(run_at), _closed_to_others(), ExitStack() as stack:
        waiting = [one.id for one in lock.stage if order.fresh or not _done(lock, run_at, one.id)]
        if not order.fresh:
            results.check(lock, run_at)
        source = _source(lock, order, run_at, waiting, notes)
        if waiting:
            locations.check_all_known(lock, located)
        else:
            notes += finished.check(lock, located)
        held = _hold(run_at, order, stack) if os.path.lexists(run_at) else None
        asked = Asked(order.runs, order.allowed, waiting, located)
        preflight.check_all(lock, asked)
        held = held or _hold(run_at, order, stack)
        try:
            _run_in(order, lock, content, located, held, begun, notes, source, refusal)
        except TunelockError:
            if order.node and not refusal.over:
                leaving()
                held.discard()
            raise
    return run_at


def _unused(lock: Lock, allowed: Collection[str]) -> list[str]:
    """Return a sentence on each confirmation that a lock does not need."""
    targets = {str(one.settings.get(of_kind(one.kind).target, "")) for one in lock.stage} - {""}
    named = [one_line(repo, most=200) for repo in sorted({*allowed} - targets)]
    if not targets:
        return [f"`--allow {repo}` has no effect: the lock pushes nothing" for repo in named]
    return [f"`--allow {repo}` has no effect: the lock does not push there" for repo in named]


def _source(
    lock: Lock, order: Order, run_at: Path, waiting: Collection[str], notes: list[str]
) -> continuing.Former | None:
    """Return the run whose checkpoint is to be copied; None if it was, or if none is asked for.

    Adds a sentence where `--continue-from` has no effect.
    """
    if order.continue_from is None:
        return None
    trained = lock.training()
    if trained.first("train") not in waiting:
        notes.append("`--continue-from` has no effect: the training is done")
        return None
    if not order.fresh and continuing.is_copied(trained, order.continue_from, run_at):
        return None
    return continuing.former(lock, order.continue_from, run_at, order.lock)


def _placed(lock: Lock, runs: Path) -> Path:
    """Return the absolute path of a lock's run folder. Raises UsageProblem if it is not UTF-8."""
    run_at = run_folder(lock, runs).absolute()
    try:
        os.fsencode(run_at).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageProblem(
            f"The path `{run_at}` is not valid UTF-8, which safetensors requires.",
            fix=Command("tunelock run run.lock --runs DIR", note="with another folder"),
        ) from None
    return run_at


def _hold(run_at: Path, order: Order, stack: ExitStack) -> Held:
    """Lock a run folder, with a heartbeat, until the stack is closed."""
    held = Held(run_at)
    stack.callback(held.release)
    stack.enter_context(heartbeat(held.beat, order.limits.beat_seconds))
    return held


def _run_in(
    order: Order,
    lock: Lock,
    content: str,
    located: Mapping[str, Path],
    held: Held,
    begun: Callable[[Path, int], None],
    notes: Sequence[str],
    source: continuing.Former | None,
    refusal: Refusal,
) -> None:
    folder = held.folder
    if order.fresh:
        folder.remove(STAGES)
    folder.write_whole(LOCK, content.encode())
    with Writer(folder.path / EVENTS, within=folder) as writer, stops() as stop:
        begun(folder.path, writer.size)
        with _machines(lock, order, folder, stop, refusal) as machines:
            limits = order.limits
            if machines:
                limits = replace(limits, lost_seconds=LOST_SECONDS)
            attempt = Attempt(
                lock,
                order.lock,
                folder.path,
                located,
                writer,
                held,
                stop,
                limits,
                notes,
                machines,
                source,
            )
            attempt.run()


@contextmanager
def _machines(
    lock: Lock, order: Order, run: OwnFolder, stop: Stop, refusal: Refusal
) -> Iterator[Machines | None]:
    """Yield the machines of a run, which end with it; None on one machine."""
    if order.node is None:
        yield None
        return
    each, asked = lock.training().parallel.on_each, lambda: stop.ask(signal.SIGTERM)
    with listening(order.node, refusal.lock, each, run, asked) as found:
        refusal.over = True
        try:
            yield found
        except TunelockError as problem:
            if problem is found.kept_away:
                refusal.renew(found.informed)
            found.finish(problem.exit_code, problem.message)
            raise
        except BaseException as problem:
            found.finish(1, f"it failed unexpectedly (`{type(problem).__name__}`)")
            raise
        found.finish(0, "")


@contextmanager
def _closed_to_others() -> Iterator[None]:
    """Keep this process and its stages from creating world-writable files."""
    before = os.umask(0o022)
    os.umask(before | 0o002)
    try:
        yield
    finally:
        os.umask(before)


def _done(lock: Lock, folder: Path, name: str, held: OwnFolder | None = None) -> bool:
    try:
        return results.kept(place(lock, folder, name, held), lock.integrity[name]) is not None
    except OSError:  # a folder that cannot be opened is reported when it is locked
        return False
