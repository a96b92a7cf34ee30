"""The processes of a rehearsal, in the environment of a lock's stages."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from typing import Any

from lockfiles.lock import TrainingLock
from runner.engines.engine import named
from runner.engines.meeting import ENDS_VARIABLE, read_ends
from runner.environments.lifeline import lifeline
from runner.environments.variables import environment
from runner.rehearse import results
from runner.runs import holders

HEARD_SECONDS = 10.0
"""Seconds between two calls of `on_progress`."""
MODULE = "runner.rehearse"
_LOG, _JOB, _ENDS = "log.txt", "job.json", "ends.json"
_POLL_SECONDS = 0.1
_KILLED_SECONDS = 10.0
"""How long the system may take to remove killed processes."""


@dataclass(frozen=True)
class Ended:
    """The processes that ended."""

    code: int
    """The exit code, of several processes that of the first to fail; negative for a signal."""
    found: tuple[list[dict[str, Any]], ...]
    """The results of each process, by rank."""
    log: str
    """What they printed."""
    overdue: bool = False
    """Whether they were ended since their time was over."""
    ends: Mapping[int, int] = field(default_factory=dict)
    """Of several processes, how those that failed ended: rank to exit code."""


def run(
    lock: TrainingLock,
    asked: Mapping[str, object],
    on_progress: Callable[[float], None],
    limit_seconds: float = float("inf"),
    *,
    alone: bool = False,
) -> Ended:
    """Run a job with the engine and the exactness of a lock, and return how it ended.

    `on_progress` is called every `HEARD_SECONDS` with the seconds since the start. After
    `limit_seconds` the processes are ended, and what they found until then is returned. With
    `alone`, a single process runs it, on the first card.
    """
    engine = named("single" if alone else lock.parallel.engine)
    processes = 1 if alone else lock.parallel.on_each
    variables = environment(lock, online=False) | dict(engine.variables)
    if alone and "CUDA_VISIBLE_DEVICES" in variables:
        first, _, _ = variables["CUDA_VISIBLE_DEVICES"].partition(",")
        variables["CUDA_VISIBLE_DEVICES"] = first
    with tempfile.TemporaryDirectory(prefix="tunelock-") as place:
        folder = Path(place)
        job = {**asked, "exactness": lock.exactness.model_dump(), "engine": engine.name}
        (folder / _JOB).write_text(dumps(job), "utf-8")
        (folder / holders.INUSE).touch()
        words = engine.arguments(MODULE, folder / _JOB, processes)
        variables[ENDS_VARIABLE] = str(folder / _ENDS)
        with _started(words, variables, folder) as child:
            overdue = _followed(child, on_progress, limit_seconds)
        return Ended(
            child.returncode,
            results.read(folder, processes),
            (folder / _LOG).read_text("utf-8", "replace"),
            overdue,
            read_ends(folder / _ENDS),
        )


@contextmanager
def _started(
    words: tuple[str, ...], variables: dict[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the processes, and leave none of them alive.

    They end with this process, too (`runner.rehearse.__main__`).
    """
    with lifeline() as line:
        with (folder / _LOG).open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-P", *words],
                stdin=line,
                stdout=log,
                stderr=log,
                env=variables,
                process_group=0,
            )
        try:
            yield child
        finally:
            _end(child, folder)


def _followed(
    child: "subprocess.Popen[bytes]", on_progress: Callable[[float], None], limit_seconds: float
) -> bool:
    """Wait for the end, and return whether the time was over before it."""
    began = time.monotonic()
    while True:
        left = began + limit_seconds - time.monotonic()
        try:
            child.wait(max(0.0, min(HEARD_SECONDS, left)))
            return False
        except subprocess.TimeoutExpired:
            if left <= HEARD_SECONDS:
                return True
            on_progress(time.monotonic() - began)


def _end(child: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Kill the process and its workers, which torchrun starts in sessions of their own."""
    until = time.monotonic() + _KILLED_SECONDS
    while child.poll() is None or holders.workers(folder):
        if child.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        for worker in holders.workers(folder):
            holders.send(folder, worker, signal.SIGKILL)
        if time.monotonic() > until:
            return
        with suppress(subprocess.TimeoutExpired):
            child.wait(_POLL_SECONDS)
        time.sleep(_POLL_SECONDS * bool(holders.workers(folder)))


def kept_log(text: str) -> str:
    """Write the complete log of the processes to a file, and return its path."""
    descriptor, log = tempfile.mkstemp(prefix="tunelock-rehearsal-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return log
