"""A skip is a failure in CI, and only there; a GPU's stays a skip. `--quick` trains nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILE = 'import pytest\npytest.importorskip("no_such_package_at_all")\ndef test_none(): ...\n'
TRAINS = "import torch\ndef test_none():\n    raise AssertionError(torch)\n"


def told(folder: Path, program: str, *options: str, ci: str) -> str:
    """Return the last line that pytest says of a folder's tests and those of a program."""
    shutil.copyfile(HERE / "conftest.py", folder / "conftest.py")
    shutil.copyfile(HERE / "programs" / f"{program}.py", folder / "test_cases.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null",
         "-W", "ignore::pytest.PytestUnknownMarkWarning", "--continue-on-collection-errors",
         "--rootdir", str(folder), str(folder), *options],
        capture_output=True, text=True, env=os.environ | {"CI": ci},
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("ci", "counted"),
    [("true", "1 passed, 1 skipped, 2 errors"), ("", "1 passed, 3 skipped")],
)
def test_a_skip_in_ci_is_a_failure(ci: str, counted: str, tmp_path: Path) -> None:
    (tmp_path / "test_file.py").write_text(FILE, "utf-8")
    assert told(tmp_path, "skipped_tests", ci=ci).startswith(counted)


@pytest.mark.parametrize("ci", ["true", ""])
def test_what_is_quick_trains_nothing(ci: str, tmp_path: Path) -> None:
    (tmp_path / "test_file.py").write_text(TRAINS, "utf-8")
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "test_whole.py").write_text("raise AssertionError\n", "utf-8")
    line = told(tmp_path, "quick_tests", "--quick", ci=ci)
    assert line.startswith("1 passed, 5 skipped, 2 deselected")
