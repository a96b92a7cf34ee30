"""A stage process that is started before its turn.

`python -P -m runner.stages.ahead RUN MODULE ...` imports the modules, which takes seconds where
torch is among them, and waits for a line on stdin: an object with the path of the `job`, and the
`variables` that only a started stage has. The rest is as in `python -P -m runner.stages JOB`. It
ends where stdin is closed without a line. RUN, the run's folder, only shows which run a process
belongs to. `-NAME` instead of a module is a package that the stage does not use.
"""

import json
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from runner.environments.collecting import importing
from runner.environments.unused import hide
from runner.runs.heartbeat import heartbeat
from runner.runs.pipe import Line
from runner.stages import __main__ as stages
from runner.stages import context


def main(modules: list[str]) -> int:
    """Import modules, wait for the stage's turn, run it and return its exit code."""
    imported, turn = threading.Event(), list[Path]()
    waiting = threading.Thread(target=_wait, args=(imported, turn), daemon=True)
    waiting.start()
    hide(name[1:] for name in modules if name.startswith("-"))
    with importing():
        for name in modules:
            if name.startswith("-"):
                continue
            with suppress(Exception):  # the stage imports it again, and reports why that fails
                import_module(name)
    imported.set()
    waiting.join()
    return stages.main(turn[0]) if turn else 1


def _wait(imported: threading.Event, turn: list[Path]) -> None:
    """Wait for the stage's turn and append its job; send heartbeats during the imports."""
    line = sys.stdin.readline()
    if not line:
        os._exit(0)
    given: dict[str, Any] = json.loads(line)
    os.environ.update(given["variables"])
    job = Path(given["job"])
    turn.append(job)
    if not imported.is_set():
        with heartbeat(Line.from_environment().beat, context.beat_seconds(job)):
            imported.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[2:]))
