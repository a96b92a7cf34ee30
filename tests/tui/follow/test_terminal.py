"""`tunelock watch` at a real terminal: what it sends, how it is left, and what stays behind."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from runner.runs.holders import is_held
from tests.few import few
from tests.tui.follow.test_follow import DONE, FAILED, held, write
from tests.tui.snapshot.test_snapshot import BEGUN, Told, step

STYLES = re.compile(rb"\x1b\[([0-9;]*)m")


@pytest.mark.parametrize("variable", ["TERM=dumb", "ACCESSIBLE=1"])
def test_a_terminal_that_cannot_draw_gets_lines(variable: str, tmp_path: Path) -> None:
    run = write(tmp_path / "demo", DONE)
    with Terminal(run, variable) as terminal:
        assert terminal.ends() == 0
    assert b"\x1b" not in terminal.shown
    assert b"train  step 10/10" in terminal.shown


def test_no_color_leaves_the_terminals_own(tmp_path: Path) -> None:
    run = write(tmp_path / "demo", [*BEGUN, step(3)])
    with held(run), Terminal(run, "NO_COLOR=1") as terminal:
        terminal.reads_until(b"leave (run continues)")
    styles = {number for found in STYLES.findall(terminal.shown) for number in found.split(b";")}
    assert styles <= {b"", b"0", b"1", b"2", b"4", b"7", b"39", b"49"}


@pytest.mark.parametrize("leave", few([b"\x03", b"q", signal.SIGTERM]))
def test_leaving_the_dashboard_lets_the_run_go_on(
    leave: bytes | signal.Signals, tmp_path: Path
) -> None:
    run = write(tmp_path / "demo", [*BEGUN, step(3)])
    with held(run), Terminal(run, "TERM=xterm-256color") as terminal:
        terminal.reads_until(b"leave (run continues)")
        terminal.reads_for(0.5)
        assert terminal.reads_for(1.5) == b"", "nothing is sent while nothing changes"
        if isinstance(leave, bytes):
            os.write(terminal.ours, leave)
        else:
            terminal.process.send_signal(leave)
        assert terminal.ends() == 130
        assert terminal.is_restored()
        assert b"left; the run continues" in terminal.shown
        assert is_held(run)
    assert b"\x1b[?1049l" in terminal.shown


@pytest.mark.parametrize(
    ("last", "code", "wanted"),
    few(
        [
            (FAILED[-1:], 4, ("demo  failed", "hint: df -h")),
            (DONE[-1:], 0, ("demo  done", "✓ train")),
        ]
    ),
)
def test_the_dashboard_ends_with_the_run(
    last: list[Told], code: int, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    run = write(tmp_path / "demo", [*BEGUN, step(3)])
    with Terminal(run, "TERM=xterm-256color") as terminal:
        with held(run):
            terminal.reads_until(b"leave (run continues)")
            write(run, last)
        assert terminal.ends() == code
    after = terminal.shown.rpartition(b"\x1b[?1049l")[2].decode()
    assert all(words in after for words in wanted), after


class Terminal:
    """`tunelock watch` at a terminal of 80 by 24."""

    def __init__(self, run: Path, variable: str) -> None:
        name, _, value = variable.partition("=")
        self.ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self._before = termios.tcgetattr(self._theirs)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from tui.cli import main; main()", "watch", str(run)],
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", name: value},
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self._theirs)

    def reads_for(self, seconds: float) -> bytes:
        """What is sent to the terminal in some time."""
        read, until = b"", time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.ours], [], [], left)[0]:
                read += os.read(self.ours, 1 << 16)
        self.shown += read
        return read

    def reads_until(self, wanted: bytes) -> None:
        until = time.monotonic() + 30
        while wanted not in self.shown:
            assert time.monotonic() < until, self.shown
            self.reads_for(0.1)

    def ends(self) -> int:
        until = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < until, self.shown
            self.reads_for(0.1)
        self.reads_for(0.1)
        return self.process.returncode

    def is_restored(self) -> bool:
        return termios.tcgetattr(self._theirs) == self._before
