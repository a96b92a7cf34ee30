"""A screen that breaks says so in a sentence, in which nothing acts."""

import subprocess
import sys

_BREAKS = """
from lockfiles.errors import TunelockError
from tui.terminal import output
from tui.terminal.screen import Sentenced

class Screen(Sentenced[int]):
    def on_mount(self):
        if {worker}:
            self.run_worker(self.work())
        else:
            raise ValueError("a\\x1b[2J\\nerror: b")

    async def work(self):
        raise ValueError("a\\x1b[2J\\nerror: b")

def command():
    screen = Screen()
    screen.run(headless=True)
    raise TunelockError("It broke.", details=[output.said(screen.fault)])

output.guarded(command)
"""


def test_a_fault_of_a_screen_or_of_its_worker_is_one_sentence() -> None:
    for worker in (False, True):
        code = _BREAKS.format(worker=worker)
        done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
        assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
        first, second = done.stderr.splitlines()[-2:]
        assert first == "error: It broke." and second.startswith("  ") and r"\x1b[2J" in second
        assert "\x1b[2J" not in done.stdout + done.stderr
