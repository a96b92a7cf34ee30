"""Turns signals into a request to stop a run; keeps a hang-up away from its stages."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lockfiles.errors import Interrupted
from lockfiles.fixes import Advice

_SAME_SECONDS = 0.5
"""A second Ctrl-C within this time is the first one, forwarded by a wrapper such as `uv run`."""
RESUMES = Advice("run the same command again to resume")
"""What to do after a stop."""


@dataclass
class Stop:
    """Whether and how a stop was requested."""

    signal: int | None = None
    at_once: bool = False
    """True after a second Ctrl-C: the stage is killed without a checkpoint."""
    asked_at: float = 0.0
    in_stage: bool = False
    """True while a stage is running, which is ended first."""

    def asked(self) -> bool:
        """Return whether a stop was requested."""
        return self.signal is not None

    def ask(self, number: int) -> None:
        """Record a signal; one Ctrl-C may arrive twice, from the terminal and from a wrapper."""
        now = time.monotonic()
        if self.signal is None:
            self.signal, self.asked_at = number, now
        elif number == signal.SIGINT and now - self.asked_at > _SAME_SECONDS:
            self.signal, self.at_once = number, True
            if not self.in_stage:
                raise Interrupted("The run was interrupted.", fix=RESUMES)


@contextmanager
def stops() -> Iterator[Stop]:
    """Turn SIGTERM, SIGINT and SIGHUP into a stop request for the running stage.

    SIGHUP says that the terminal or the login session ended. Where it is ignored, as under `nohup`,
    it stays ignored.
    """
    stop = Stop()
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers.remove(signal.SIGHUP)

    def ask(number: int, _: object) -> None:
        stop.ask(number)

    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def without_hang_up() -> Iterator[None]:
    """Start processes that SIGHUP does not reach: a login session that ends may send it to all of
    its processes, and a stage should save a checkpoint first, when its supervisor stops it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
