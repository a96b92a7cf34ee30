"""The demo with fewer rows, locked: fixtures for tests of the inputs of a run."""

import shutil
from pathlib import Path

import pytest

from lockfiles.lock import TrainingLock
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.inputs import verify
from tests.planned import MACHINE, answers, few_rows


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, with fewer rows."""
    return few_rows(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="module")
def lock(planned: Path) -> TrainingLock:
    return plan(answers(), gather(answers(), planned, machine=MACHINE))


@pytest.fixture
def folder(planned: Path, tmp_path: Path) -> Path:
    """A copy of what was locked, to change."""
    return Path(shutil.copytree(planned, tmp_path / "copy"))


def found(lock: TrainingLock, folder: Path) -> dict[str, Path]:
    """Return where the inputs of the lock lie in `folder`."""
    return {
        "model": folder / "base",
        "train": folder / "rows" / "train.jsonl",
        "test": folder / "rows" / "test.jsonl",
    }


def corpus(lock: TrainingLock, folder: Path) -> object:
    """Build and compare the rows."""
    return verify.corpus_of(lock, folder / "base", found(lock, folder))


def edit(path: Path, before: str, after: str) -> None:
    """Change the text of a file in one place."""
    content = path.read_text("utf-8")
    assert before in content
    path.write_text(content.replace(before, after, 1), "utf-8")
