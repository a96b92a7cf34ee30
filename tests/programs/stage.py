"""A stage process that does one thing: `stage.py NAME [ARGUMENT ...]`, a function of this file."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runner.runs.heartbeat import heartbeat
from runner.runs.pipe import Line


def until_stopped(line: Line) -> None:
    """Wait for SIGTERM, then tell a checkpoint."""
    _wait_for_sigterm(line, lambda: None)


def asleep(line: Line) -> None:
    """Wait for SIGTERM in SIGSTOP, then tell a checkpoint."""
    _wait_for_sigterm(line, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def hung_up(line: Line) -> None:
    """Get SIGHUP and wait for SIGTERM, then tell a checkpoint."""
    _wait_for_sigterm(line, lambda: os.kill(os.getpid(), signal.SIGHUP))


def _wait_for_sigterm(line: Line, once_started: Callable[[], None]) -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    line.send("started")
    once_started()
    while not asked:
        time.sleep(0.01)
    line.send("checkpoint", step=3)
    raise SystemExit(75)


def beating(line: Line, seconds: str) -> None:
    """Beat for some seconds, then take a step."""
    with heartbeat(line.beat, 0.05):
        line.send("started", process=os.getpid())
        time.sleep(float(seconds))
        line.send("step", step=1)


def in_native_code(line: Line) -> None:
    """Beat, and never come back from a call that no signal interrupts."""
    with heartbeat(line.beat, 0.05):
        line.send("started", process=os.getpid())
        signal.signal(signal.SIGTERM, lambda *_: 0)
        re.match("(a|a)*b", "a" * 99)
        line.send("step", step=1)


def deaf_with_child(line: Line) -> None:
    """Ignore SIGTERM, with a child that does not know of it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "60"])
    line.send("started", child=child.pid)
    line.send("step", step=1, step_seconds=0.2)
    time.sleep(60)


def long_event(line: Line) -> None:
    """Send an event of 10 MiB, then a step."""
    for _ in range(40):
        os.write(line._descriptor, b"x" * (1 << 18))
    os.write(line._descriptor, b"\n")
    line.send("step", step=1)


def until_broken(line: Line, saved: str) -> None:
    """Take steps until nobody reads them, then write a file."""
    while not line.broken:
        line.send("step", loss=1.0)
        time.sleep(0.01)
    Path(saved).write_text("checkpoint")


def filling_disk(line: Line) -> None:
    """Take steps with long texts until nobody reads them."""
    while not line.broken:
        line.send("step", step=1, text="a" * 999)
        time.sleep(0.005)
    raise SystemExit(75)


def resumable(line: Line) -> None:
    """Beat until SIGTERM, or until the supervisor is gone; then tell a checkpoint."""
    _beat_until_asked(line, lambda: line.broken)


def stuck(line: Line) -> None:
    """Beat until SIGTERM, whether there is a supervisor or not."""
    _beat_until_asked(line, lambda: False)


def deaf(line: Line) -> None:
    """Beat until it is killed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    line.send("started", process=os.getpid())
    with heartbeat(line.beat, 0.1):
        while True:
            time.sleep(0.02)


def one_of_two_is_stopped(line: Line) -> None:
    """Beat as rank 0, while rank 1 has beaten once."""
    os.write(line._descriptor, b'{"kind": "heartbeat", "rank": 1}\n')
    line.send("started", process=os.getpid())
    with heartbeat(line.beat, 0.05):
        time.sleep(1.0)
    line.send("step", step=1)


def _beat_until_asked(line: Line, gone: Callable[[], bool]) -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    line.send("started", process=os.getpid())
    with heartbeat(line.beat, 0.1):
        while not asked and not gone():
            time.sleep(0.02)
    line.send("checkpoint", step=3)
    raise SystemExit(75)


STAGES: dict[str, Callable[..., None]] = {
    one.__name__: one
    for one in (
        until_stopped, asleep, hung_up, beating, in_native_code, deaf_with_child, long_event,
        until_broken, filling_disk, resumable, stuck, deaf, one_of_two_is_stopped,
    )
}  # fmt: skip


if __name__ == "__main__":
    STAGES[sys.argv[1]](Line.from_environment(), *sys.argv[2:])
