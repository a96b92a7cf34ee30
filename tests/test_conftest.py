"""A skip is a failure in CI, and only there; a GPU's stays a skip."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FILE = 'import pytest\npytest.importorskip("no_such_package_at_all")\ndef test_none(): ...\n'


@pytest.mark.parametrize(
    ("ci", "counted"),
    [("true", "1 passed, 1 skipped, 2 errors"), ("", "1 passed, 3 skipped")],
)
def test_a_skip_in_ci_is_a_failure(ci: str, counted: str, tmp_path: Path) -> None:
    shutil.copyfile(Path(__file__).with_name("conftest.py"), tmp_path / "conftest.py")
    skipped = Path(__file__).with_name("programs") / "skipped_tests.py"
    shutil.copyfile(skipped, tmp_path / "test_cases.py")
    (tmp_path / "test_file.py").write_text(FILE, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null",
         "--continue-on-collection-errors", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, env=os.environ | {"CI": ci},
    )  # fmt: skip
    told = done.stdout.splitlines()[-1]
    assert told.startswith(counted), done.stdout
