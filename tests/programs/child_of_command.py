"""A command with a child and an unfinished file: `child_of_command.py FOLDER`.

It prints the child's number. The child alone is `child_of_command.py child`, on a lifeline.
"""

import subprocess
import sys
import tempfile
import time

from runner.environments.lifeline import end_with_parent, lifeline
from tui.terminal import output


def command() -> None:
    """Wait for a child that does not end by itself."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1]), lifeline() as line:
        child = subprocess.Popen([sys.executable, "-P", __file__, "child"], stdin=line)
        print(child.pid, flush=True)
        child.wait()


if __name__ == "__main__":
    if sys.argv[1] == "child":
        end_with_parent(1)
        time.sleep(60)
    output.guarded(command)
