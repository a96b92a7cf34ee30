"""A child process, seen from the screen: requests, answers, and its end."""

import contextlib
import pickle
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator

from runner.environments.variables import child_environment
from tui.session import background

_END_SECONDS = 1.0
"""Maximum seconds that ending a process may block the screen."""


class Child:
    """One process; requests and answers are pickled values."""

    def __init__(self, work: str, first: object) -> None:
        """Start the module `work` of `tui.session.children` with a first request."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"tui.session.children.{work}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(online=True),
        )
        self.ask(first)

    def ask(self, what: object) -> None:
        """Send a request; if the process has ended, its answers end too."""
        assert self._process.stdin
        with contextlib.suppress(OSError, ValueError):
            pickle.dump(what, self._process.stdin)
            self._process.stdin.flush()

    async def answers(self) -> AsyncGenerator[object, None]:
        """Yield the process's answers until it ends; leaving the generator ends the process."""
        try:
            async with contextlib.aclosing(background.each(self._heard)) as heard:
                async for answer in heard:
                    yield answer
        finally:
            self.end()

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it waits for a disk that does not respond
            return
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            with contextlib.suppress(OSError):
                pipe.close()

    def _heard(self) -> Iterator[object]:
        assert self._process.stdout
        while True:
            try:
                yield pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError, ValueError):
                return
