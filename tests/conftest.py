"""What is run: in CI everything, and with `--quick` what needs neither training nor commands.

In CI a skipped test is a failure, but for those of a GPU: `.ci/run` installs the programs that
tests need, so a skip there is a hole that nobody sees.
"""

import gc
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from tests.kept import seed

for _name in ("COLUMNS", "LINES"):  # set by the readline of pytest-xdist's parent process
    os.environ.pop(_name, None)

os.environ.setdefault("HF_HOME", str(Path.home() / ".cache" / "huggingface"))
CACHE = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="tunelock-tests-")
"""A cache of the tests' own, in which the memory of a training process is known.

Measurements of earlier runs must not change their plans, nor theirs those of a person. It is set
before a test module copies the environment.
"""
seed(Path(CACHE))

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""One thread for torch in each test process: threads of processes that run side by side wait for
each other, and small tensors gain nothing from a second one."""

TESTS = Path(__file__).parent
GPU = re.compile(r"\bGPUs?\b|\bcards?\b|\bCUDA\b|\bnvidia", re.IGNORECASE)
"""In the reasons of tests that need a GPU, or a machine without one."""

TRAINING = {"accelerate", "bitsandbytes", "datasets", "peft", "torch", "transformers", "trl"}
"""The training stack. With `--quick` a test, or a whole file, that imports any of it is skipped.

A test that trains in a process of its own says so with `pytest.importorskip("trl")`.
"""

WHOLE = {"journeys", "trust", "fuzz", "gpu"}
"""Folders of tests that run whole commands again and again. `--quick` does not collect them."""

FIRST = (
    "journeys", "wizard", "terminal", "commands", "test_what_is_trained.py", "test_cli.py",
)  # fmt: skip
"""Folders and files that take longest, in the order in which they are run before all others."""

HUB = "hub"
"""The fixture of a stand-in of the Hub, whose client starts in a process of its own each time."""

COMMANDS = {"tests.journeys", "tests.tui.wizard.drive"}
"""What runs `tunelock` as a person does, in a terminal of its own too. With `--quick` a file that
imports any of it is skipped."""


class _NotQuick(MetaPathFinder, Loader):
    """Skips the test or the file that imports the training stack, or what runs commands."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in {*TRAINING, *COMMANDS} else None

    def exec_module(self, module: ModuleType) -> None:
        pytest.skip(f"`--quick` does not import {module.__name__}", allow_module_level=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only tests without training or commands")


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(lambda: shutil.rmtree(CACHE, ignore_errors=True))
    if config.option.quick:
        asked = config.option.markexpr or "not slow"
        config.option.markexpr = f"({asked}) and not slow and not gpu"
        sys.meta_path.insert(0, _NotQuick())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, with `--quick`, the folders of `WHOLE`; None leaves it to the other rules."""
    inside = collection_path.relative_to(TESTS).parts if TESTS in collection_path.parents else ()
    return True if config.option.quick and WHOLE.intersection(inside[:1]) else None


def _must_run(longrepr: object) -> str:
    """Return the reason of a skip that is none of a GPU's; empty for those."""
    reason = str(longrepr[2] if isinstance(longrepr, tuple) else longrepr)
    return "" if GPU.search(reason) else reason


def _in_ci(config: pytest.Config) -> bool:
    """Return whether nothing may be skipped."""
    return os.environ.get("CI") == "true" and not config.option.quick


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest files first: no process should end with one of them alone.

    With `--quick`, leave out the tests that have the stand-in of the Hub.
    """
    if config.option.quick:
        online = {item for item in items if HUB in getattr(item, "fixturenames", ())}
        config.hook.pytest_deselected(items=list(online))
        items[:] = [item for item in items if item not in online]
    items.sort(key=lambda item: [name not in item.path.parts for name in FIRST])


def pytest_collection_finish() -> None:
    """Keep the collector of garbage from looking again and again at what was imported."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of one test into a failure where `CI` is `true`."""
    report = yield
    if _in_ci(item.config) and report.skipped and not hasattr(report, "wasxfail"):
        reason = _must_run(report.longrepr)
        if reason and item.get_closest_marker("gpu") is None:
            report.outcome, report.longrepr = "failed", f"in CI no test is skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole file into a failure where `CI` is `true`."""
    report = yield
    if _in_ci(collector.config) and report.skipped and (why := _must_run(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"in CI no file is skipped: {why}"
    return report
