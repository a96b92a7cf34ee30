"""How fast it starts, in pairs: medians, also of the pairs' ratios.

`python -m tests.tui.commands.speed` prints them.

`tunelock --help` beside `python -c "import click"`, and the wizard's first paint beside that of an
empty Textual app, both at a real pseudo-terminal of 80x24. Each pair is measured back to back.
"""

import fcntl
import os
import pty
import resource
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_EMPTY = "from textual.app import App; App().run()"
_MAIN = "from tui.cli import main; main()"
_SECONDS = 30.0


@dataclass(frozen=True)
class Paired:
    """Two programs, measured in turn."""

    ours_seconds: float
    """Median."""
    theirs_seconds: float
    """The same."""
    ratio: float
    """Median of the pairs' ratios: what slows both of a pair down leaves it as it is."""


def paired(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> Paired:
    """Measure two programs in turn, after one pair that warms the disk cache."""
    ours(), theirs()
    found = [(mine, other, mine / other) for mine, other in _measured(ours, theirs, pairs)]
    return Paired(*(statistics.median(column) for column in zip(*found, strict=True)))


def _measured(
    ours: Callable[[], float], theirs: Callable[[], float], pairs: int
) -> Iterator[tuple[float, float]]:
    """Yield what each pair took; every other one begins with theirs."""
    for number in range(pairs):
        if number % 2:
            other = theirs()
            yield ours(), other
        else:
            yield ours(), theirs()


def whole(arguments: Sequence[str]) -> float:
    """Return the seconds of a process from its start to its end."""
    begun = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.monotonic() - begun


def computed(arguments: Sequence[str]) -> float:
    """Return the CPU seconds of a process, which other processes hardly change."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first_paint(arguments: Sequence[str], folder: Path, painted: bytes) -> float:
    """Return the seconds until a program at a terminal has sent some bytes of its first screen."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color"}
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, stdin=slave, stdout=slave,
        stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        seen = b""
        while painted not in seen:
            assert time.monotonic() - begun < _SECONDS, seen[-500:]
            if select.select([master], [], [], 0.05)[0]:
                seen += os.read(master, 65536)
        return time.monotonic() - begun
    finally:
        process.kill()
        process.wait()
        os.close(master)


def help_text(pairs: int = 31) -> Paired:
    """Return `tunelock --help` beside the import of click."""
    program = shutil.which("tunelock", path=str(Path(sys.executable).parent))
    assert program, "tunelock is not installed beside this Python"
    return paired(lambda: whole([program, "--help"]), lambda: whole(["-c", "import click"]), pairs)


def wizard(pairs: int = 25) -> Paired:
    """Return the wizard's first screen beside the first one of an empty Textual app.

    The wizard's counts as painted once its last line, the keys, is there; the empty app's once
    its last line is begun.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        return paired(
            lambda: first_paint(["-P", "-c", _MAIN], folder, b"save and leave"),
            lambda: first_paint(["-P", "-c", _EMPTY], folder, b"\x1b[24;1H"),
            pairs,
        )


if __name__ == "__main__":
    for name, found in (("--help / import click", help_text()), ("first paint", wizard())):
        print(
            f"{name:<24}{found.ours_seconds:.3f} s / {found.theirs_seconds:.3f} s "
            f"= {found.ratio:.2f}"
        )
