"""Commands of `tunelock`, and programs, as forked processes, for tests that run many of them.

A process that has imported what they need forks for each, which costs a fifth of a start from
nothing. What a command imports, and when, is tested by others (`tests/tui/test_cli.py`).
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock

from tests.programs import path, words

COMMANDS = frozenset(["check", "data", "diff", "export", "fit", "plan", "run", "status", "stop"])
"""Those that run so; stages of a run are still processes of their own."""
_FIXED = ("PYTHON", "LANG", "LC_")
"""Variables that an interpreter reads once, by how they begin."""
_ONE = Lock()
"""Held by the thread whose command runs."""


def forks(*arguments: str, **variables: str) -> bool:
    """Return whether a command runs so, with some variables set."""
    own = any(name.startswith(_FIXED) for name in variables)
    return bool(arguments) and arguments[0] in COMMANDS and not own


def run(
    *arguments: str,
    folder: Path | None,
    environment: Mapping[str, str],
    timeout: float | None = None,
    program: str = "",
    options: tuple[str, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a command, or one of `tests/programs`, to its end, with nothing on stdin.

    `options` are those of the interpreter. Raises TimeoutExpired after so many seconds.
    """
    request = {
        "arguments": arguments, "folder": str(folder or Path.cwd()),
        "environment": dict(environment), "program": str(path(program)) if program else "",
    }  # fmt: skip
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        outputs = (out.fileno(), err.fileno())
        with _ONE:
            code = _ended(json.dumps(request).encode(), outputs, timeout, options)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def _ended(
    request: bytes, outputs: tuple[int, int], timeout: float | None, options: tuple[str, ...]
) -> int:
    """Return how the fork ended, as `subprocess` says it."""
    asked = _server(options)
    asked.settimeout(None)
    socket.send_fds(asked, [request], outputs)
    answer = asked.makefile("r")
    child = int(answer.readline())
    asked.settimeout(timeout)
    try:
        return int(answer.readline())
    except TimeoutError:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(child, signal.SIGKILL)
        _server.cache_clear()
        raise subprocess.TimeoutExpired(request, timeout or 0) from None


@cache
def _server(options: tuple[str, ...]) -> socket.socket:
    """Return the connection to a process that forks, which ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            [sys.executable, *options, *words("fork_commands", theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours
