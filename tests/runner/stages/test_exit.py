"""How a stage process exits."""

import os
import subprocess
import sys

import pytest

from runner.engines.ddp import MEETING_VARIABLE

PROGRAM = """
import atexit
from runner.stages.__main__ import _exit
class Kept:
    def __del__(self):
        print("destroyed")
kept = Kept()
atexit.register(print, "at exit")
print("done", end=" ")
_exit(3)
"""


@pytest.mark.parametrize(("several", "destroyed"), [(False, True), (True, False)])
def test_one_of_several_processes_exits_without_destructors(several: bool, destroyed: bool) -> None:
    own = {MEETING_VARIABLE: "/"} if several else {}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | own, capture_output=True, text=True
    )
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout.startswith("done at exit\n")
    assert ("destroyed" in ended.stdout) == destroyed
