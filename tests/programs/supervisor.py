"""Supervises one stage in a run folder: `supervisor.py FOLDER WORD ...`, the words after `python`.

It is never asked to stop.
"""

import sys
from pathlib import Path

from runner.runs.events import Writer
from runner.runs.folder import Held
from runner.supervisor.launch import Program, Supervision, launch


def main() -> None:
    folder = Path(sys.argv[1])
    held = Held(folder)
    with Writer(folder / "events.jsonl") as writer:
        stage = Program("train", tuple(sys.argv[2:]), {})
        launch(stage, Supervision(writer, folder / "log.txt", held.folder, lambda: False))


if __name__ == "__main__":
    main()
