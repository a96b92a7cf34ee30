"""The demo's files in a folder, cut down so that a whole run takes seconds."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from lockfiles import intent
from planner.interview.answers import check, given
from runner.demo import files
from tests import forked
from tests.planned import thinned

ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "100"}


ADAPTER_ONLY: Mapping[str, object] = {
    "results__gguf": [], "results__merge": False, "results__evaluate": False, "results__samples": 0,
}  # fmt: skip
"""Changes for `small` that leave out all stages between training and the report."""


def small(folder: Path, every: int = 5, /, **changes: object) -> Path:
    """Write the demo with a few rows of each intent and return the folder.

    Of the training rows one in `every` is kept, of the test rows half as many. `changes` are
    answers with `__` for the dot: `train__epochs=2`.
    """
    files.write(folder)
    thinned(folder, train=every, test=2 * every)
    answers = files.ANSWERS | {"train.epochs": 2}
    answers |= {key.replace("__", "."): value for key, value in changes.items()}
    (folder / "run.toml").write_text(intent.write(given(check(answers, {}))), "utf-8")
    return folder


def command(*arguments: str) -> list[str]:
    """Return the command line of `tunelock` with these arguments."""
    return [sys.executable, "-P", "-c", "from tui.cli import main; main()", *arguments]


def tunelock(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `tunelock` in a folder to its end, with further environment variables."""
    environment = ENVIRONMENT | variables
    if forked.forks(*arguments, **variables):
        return forked.run(*arguments, folder=folder, environment=environment)
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment, capture_output=True, text=True
    )
