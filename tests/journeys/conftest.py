"""The demo, run once for all journeys that look at it."""

import json
import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from filelock import FileLock

from tests.journeys.demo_folder import tunelock


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """The folder of a whole `tunelock demo`, and what it said.

    Test processes that run side by side share it: the first makes it, the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder, said = shared / "shared-demo", shared / "shared-demo.json"
    with FileLock(shared / "shared-demo.lock"):
        if not said.exists():
            folder.mkdir()
            done = tunelock(folder, "demo", "--into", "demo")
            said.write_text(json.dumps([done.args, done.returncode, done.stdout, done.stderr]))
    return folder / "demo", CompletedProcess(*json.loads(said.read_text()))
