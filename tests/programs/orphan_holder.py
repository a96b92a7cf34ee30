"""Holds a run folder, and leaves a child that holds it too; prints the child's number."""

import subprocess
import sys
import time
from pathlib import Path

from runner.runs.folder import Held


def main() -> None:
    held = Held(Path(sys.argv[1]))
    child = subprocess.Popen(["sleep", "60"], pass_fds=[held.descriptor])
    print(child.pid, flush=True)
    time.sleep(60)


if __name__ == "__main__":
    main()
