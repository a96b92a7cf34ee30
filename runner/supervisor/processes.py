"""The processes of a stage: signaled, resumed when suspended, and killed, whoever started them."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner.runs import holders

POLL_SECONDS = 0.2
"""Seconds between two polls of a stage."""


@dataclass
class Processes:
    """The process of a stage, and the workers that it started, if any."""

    child: subprocess.Popen[bytes]
    run: Path
    starts_workers: bool
    asked: set[int] = field(default_factory=set)
    """The workers that were sent SIGTERM."""

    def alive(self) -> bool:
        """Return whether the started process is running."""
        return self.child.poll() is None

    def workers(self) -> list[holders.Process]:
        """Return the running workers that the process started."""
        if not self.starts_workers:
            return []
        return [one for one in holders.workers(self.run) if one.number != os.getpid()]

    def ask_to_end(self) -> None:
        """Send SIGTERM once to each worker, and SIGCONT to those that are suspended."""
        for worker in self.workers():
            if worker.number not in self.asked:
                self.asked.add(worker.number)
                holders.send(self.run, worker, signal.SIGTERM)
            holders.send(self.run, worker, signal.SIGCONT, group=True)
        if not self.alive():
            return
        if not self.starts_workers and self.child.pid not in self.asked:
            self.asked.add(self.child.pid)
            self.child.send_signal(signal.SIGTERM)
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process, its process group and the workers."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
        for worker in self.workers():
            holders.send(self.run, worker, signal.SIGKILL, group=True)

    def end(self, grace_seconds: float) -> None:
        """End a stage that nobody follows anymore; does nothing if it has ended."""
        until = time.monotonic() + grace_seconds
        while self.alive() or self.workers():
            if time.monotonic() > until:
                self.kill()
                return
            self.ask_to_end()
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(POLL_SECONDS)
            if not self.alive():
                time.sleep(POLL_SECONDS * bool(self.workers()))
