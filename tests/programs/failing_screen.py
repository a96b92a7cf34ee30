"""Runs a screen that fails by itself or in a worker: `failing_screen.py mount|worker`."""

import sys

from lockfiles.errors import TunelockError
from tui.terminal import output
from tui.terminal.screen import Sentenced


class Screen(Sentenced[int]):
    def on_mount(self) -> None:
        if sys.argv[1] == "worker":
            self.run_worker(self.work())
        else:
            raise ValueError("a\x1b[2J\nerror: b")

    async def work(self) -> None:
        raise ValueError("a\x1b[2J\nerror: b")


def command() -> None:
    screen = Screen()
    screen.run(headless=True)
    assert screen.fault
    raise TunelockError("It broke.", details=[output.said(screen.fault)])


if __name__ == "__main__":
    output.guarded(command)
