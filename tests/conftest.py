"""In CI nothing is passed over: a skipped test is a failure, but for those of a GPU.

`.ci/run` installs the programs that tests need, so a skip there is a hole that nobody sees.
"""

import os
import re
from collections.abc import Generator

import pytest

for _name in ("COLUMNS", "LINES"):  # set by the readline of pytest-xdist's parent process
    os.environ.pop(_name, None)

GPU = re.compile(r"\bGPUs?\b|\bcards?\b|\bCUDA\b|\bnvidia", re.IGNORECASE)
"""In the reasons of tests that need a GPU, or a machine without one."""


def _must_run(longrepr: object) -> str:
    """Return the reason of a skip that is none of a GPU's; empty for those."""
    reason = str(longrepr[2] if isinstance(longrepr, tuple) else longrepr)
    return "" if GPU.search(reason) else reason


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the journeys first: they are the longest, and no process should end with one alone."""
    items.sort(key=lambda item: "journeys" not in item.path.parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of one test into a failure where `CI` is `true`."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
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
    if os.environ.get("CI") == "true" and report.skipped and (why := _must_run(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"in CI no file is skipped: {why}"
    return report
