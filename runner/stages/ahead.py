"""A stage process that is started before its turn: `python -P -m runner.stages.ahead MODULE ...`.

It imports the modules, which takes seconds where torch is among them, and then waits for a line on
stdin: an object with the path of the `job`, and the `variables` that only a started stage has. The
rest is as in `python -P -m runner.stages JOB`. It ends where stdin is closed without a line.
"""

import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from runner.stages import __main__ as stages


def main(modules: list[str]) -> int:
    """Import modules, wait for the stage's turn, run it and return its exit code."""
    for name in modules:
        with suppress(Exception):  # the stage imports it again, and reports why that fails
            import_module(name)
    line = sys.stdin.readline()
    if not line:
        return 0
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    given = json.loads(line)
    os.environ.update(given["variables"])
    return stages.main(Path(given["job"]))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
