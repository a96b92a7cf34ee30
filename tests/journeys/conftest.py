"""The demo, carried out once for all journeys that look at it."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.journeys.demo_folder import tunelock


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, CompletedProcess[str]]]:
    """The folder of a whole `tunelock demo`, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    yield folder / "demo", tunelock(folder, "demo", "--into", "demo")
