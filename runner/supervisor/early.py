"""Starts the process of the next stage early, so that its imports do not have to be waited for."""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lockfiles.lock import Lock, Stage, TrainingLock
from runner.engines.engine import engine_of
from runner.environments.unused import unused
from runner.environments.variables import environment
from runner.runs.kind import of_kind
from runner.supervisor.signals import without_hang_up


@dataclass(frozen=True)
class Early:
    """A process that waits for its stage's turn; see `runner.stages.ahead`."""

    stage: str
    child: subprocess.Popen[bytes]

    def begin(self, job: str, variables: Mapping[str, str]) -> bool:
        """Let the process run its stage; returns False if it has ended."""
        assert self.child.stdin is not None
        if self.child.poll() is not None:
            self.end()
            return False
        try:
            line = json.dumps({"job": job, "variables": dict(variables)})
            self.child.stdin.write(line.encode() + b"\n")
            self.child.stdin.close()
        except OSError:
            self.end()
            return False
        return True

    def end(self) -> None:
        """Kill the process if it still waits for its turn."""
        if self.child.stdin is None or self.child.stdin.closed:
            return
        self.child.kill()
        self.child.wait()
        with suppress(OSError):
            self.child.stdin.close()


def after(lock: Lock, stage: str) -> Stage | None:
    """Return the stage after another one if its process can be started early.

    It is one that imports the training packages, in a single process, after one that does not:
    two of them at once would need memory that the plan does not count.
    """
    stages = list(lock.stage)
    at = next(n for n, one in enumerate(stages) if one.id == stage)
    found = stages[at + 1] if at + 1 < len(stages) else None
    if found is None or of_kind(stages[at].kind).trains or not of_kind(found.kind).trains:
        return None
    return None if engine_of(lock, found.kind).starts_workers else found


def started(lock: Lock, stage: Stage, run: Path, log: int) -> Early:
    """Start the process of a stage of a run, with its output to an open file. Raises OSError."""
    modules = [*(f"-{name}" for name in unused(lock)), f"runner.stages.{stage.kind}"]
    if isinstance(lock, TrainingLock):
        modules.append(f"runner.training.{lock.objective.name}")
    own = environment(lock, online=of_kind(stage.kind).online)
    with without_hang_up():
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner.stages.ahead", str(run), *modules],
            env=own | dict(engine_of(lock, stage.kind).variables),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            process_group=0,
            bufsize=0,
        )
    return Early(stage.id, child)
