"""Supervises one stage as `tunelock run` does, and can be stopped.

`stoppable_supervisor.py FOLDER deaf|heeding WORD ...`: the words after `python` of the stage; a
deaf one ignores SIGTERM.
"""

import signal
import sys
from pathlib import Path

from runner.runs.events import Writer
from runner.runs.folder import Held
from runner.runs.heartbeat import heartbeat
from runner.supervisor.launch import Limits, Program, Supervision, launch
from runner.supervisor.signals import stops


def main() -> int:
    folder, deaf = Path(sys.argv[1]), sys.argv[2] == "deaf"
    held = Held(folder)
    with (
        heartbeat(held.beat, 0.1),
        Writer(folder / "events.jsonl") as writer,
        stops() as asked,
    ):
        if deaf:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        asked.in_stage = True
        writer.append("run", "started", {"stages": ["train"]})
        supervision = Supervision(
            writer, folder / "log.txt", held.folder, asked.asked, lambda: asked.at_once,
            Limits(grace_seconds=20),
        )  # fmt: skip
        code = launch(Program("train", tuple(sys.argv[3:]), {}), supervision)
        writer.append("run", "failed", {"message": "stopped", "hint": "", "exit_code": 75})
    return 75 if code in (75, -9, -15) else 1


if __name__ == "__main__":
    sys.exit(main())
