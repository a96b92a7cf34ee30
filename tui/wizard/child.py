"""A process that works for the screen, seen from the screen: asked, heard, and ended."""

import contextlib
import pickle
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator

from runner.environments.variables import child_environment
from tui.session import background

_END_SECONDS = 1.0
"""The most that ending a process may hold the screen."""


class Child:
    """One process; what it is asked and what it answers are pickled values."""

    def __init__(self, work: str, first: object) -> None:
        """Start the module `work` of this folder and ask it the first thing."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"tui.session.children.{work}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(online=True),
        )
        self.ask(first)

    def ask(self, what: object) -> None:
        """Ask something; of a process that ended, the answers end too."""
        assert self._process.stdin
        with contextlib.suppress(OSError, ValueError):
            pickle.dump(what, self._process.stdin)
            self._process.stdin.flush()

    async def answers(self) -> AsyncGenerator[object, None]:
        """Yield what the process answers, until it ends; it is ended when this is left."""
        try:
            async with contextlib.aclosing(background.each(self._heard)) as heard:
                async for answer in heard:
                    yield answer
        finally:
            self.end()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it waits for a disk that does not answer
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
