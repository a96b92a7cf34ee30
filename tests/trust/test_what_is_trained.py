"""What is trained is what is read: for accepted changes of a lock, and key by key."""

import subprocess
import sys

import pytest

for package in ("trl", "peft", "bitsandbytes"):
    pytest.importorskip(package)

SHORT, LONG = 3, 600


def test_accepted_changes_are_trained_as_they_are_read() -> None:
    assert "differ 0" in _tried(SHORT)


@pytest.mark.slow
def test_many_accepted_changes_are_trained_as_they_are_read() -> None:
    """Many, and whether the comparison notices a setting that is not passed on."""
    assert "differ 0" in _tried(LONG, "--self-test")


def _tried(count: int, *more: str) -> str:
    words = ("-m", "tests.trust.what_is_trained", "--count", str(count), *more)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
