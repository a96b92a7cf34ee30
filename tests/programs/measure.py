"""Runs a command and measures it: `measure.py FILE WORD ...`.

The file gets its exit code, seconds of wall and of processor, and the most bytes resident, as JSON.
This program is small because the most memory of a process counts what its parent had when it was
forked.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    start = time.monotonic()
    child = subprocess.Popen(sys.argv[2:])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    with open(sys.argv[1], "w") as told:
        json.dump([child.returncode, time.monotonic() - start, cpu, used.ru_maxrss * 1024], told)


if __name__ == "__main__":
    main()
