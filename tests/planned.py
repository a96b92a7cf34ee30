"""The demo's answers and a machine to plan them for, shared by the tests of plans and runs."""

from collections.abc import Mapping
from pathlib import Path

from lockfiles.lock import TrainingLock
from planner.interview.answers import Answers, check
from planner.machines.facts import MachineFacts
from planner.plan.integrity import integrity
from runner.demo import files

GIB = 1 << 30
MACHINE = MachineFacts("cpu", (), 2, 16 * GIB, 12 * GIB, 100 * GIB, "")


def few_rows(folder: Path) -> Path:
    """Write the demo's files into a folder, every fifth of their rows, and return it."""
    files.write(folder)
    return thinned(folder, train=5, test=5)


def thinned(folder: Path, **every: int) -> Path:
    """Leave of each named file of rows one row in so many, and return the folder."""
    for name, step in every.items():
        path = folder / "rows" / f"{name}.jsonl"
        path.write_text("".join(path.read_text("utf-8").splitlines(True)[::step]), "utf-8")
    return folder


def answers(**changes: object) -> Answers:
    """Return the demo's answers with some changed: `train__epochs=2`."""
    named = {key.replace("__", "."): value for key, value in changes.items()}
    return check(files.ANSWERS | named, {})


def resealed(made: TrainingLock, changes: Mapping[str, object]) -> TrainingLock:
    """Return the lock that a plan with these values would have been."""
    other = made.model_copy(update=changes)
    return other.model_copy(update={"integrity": integrity(other.model_dump())})
