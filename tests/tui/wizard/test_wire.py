"""What the wizard sends over a pseudo-terminal, and what it imports before it draws."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import command
from tests.tui.wizard.drive import ROOT

_SECONDS = 20.0
_COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8])(?:;\d+)*m")


class Line:
    """A wizard at the other end of a line of 80x24."""

    def __init__(self, folder: Path) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tui.wizard"]
        self.child = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=folder,
            env={**environment, "NO_COLOR": "1"}, start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def wait_for(self, text: bytes) -> bytes:
        """Return what came until a text did."""
        came, end = b"", time.monotonic() + _SECONDS
        while text not in came:
            assert time.monotonic() < end, came
            came += self.listen(0.05)
        return came

    def settle(self) -> None:
        """Listen until nothing has come for a while."""
        while self.listen(0.4):
            pass

    def listen(self, seconds: float) -> bytes:
        """Return what comes in a stretch of time."""
        came, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                came += os.read(self._master, 65536)
        return came

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self._master)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    ends = Line(tmp_path)
    yield ends
    ends.close()


def test_a_plain_line_comes_before_the_screen_and_no_colour_where_none_is_wanted(
    line: Line,
) -> None:
    came = line.wait_for(b"Verdict")
    assert came.startswith(b"tunelock: starting the wizard\r\n")
    assert not _COLOUR.search(came.replace(b"\x1b[39;49m", b"")), _COLOUR.findall(came)[:3]


def test_nothing_is_sent_when_idle_and_little_for_a_key(line: Line) -> None:
    line.wait_for(b"Verdict")
    line.settle()
    assert line.listen(1.5) == b""
    line.press(b"\x1b[B")
    assert 0 < len(line.listen(0.5)) < 2000


def test_the_entry_imports_no_textual_and_the_first_screen_no_planning() -> None:
    late = (
        "pydantic", "tokenizers", "jinja2", "torch", "huggingface_hub", "planner.plan.gather",
        "planner.plan.plan",
    )  # fmt: skip
    for module, others in (("tui.wizard.app", ("textual",)), ("tui.wizard.shell", late)):
        program = command("loaded_by_module", module, *others)
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"
