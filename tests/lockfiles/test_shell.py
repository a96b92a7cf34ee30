"""A path in a hint can be pasted into a shell, whatever its characters."""

import subprocess
from pathlib import Path

import pytest

from lockfiles.harmless import is_harmless
from lockfiles.shell import typed


@pytest.mark.parametrize(
    "name",
    ["plain.toml", "two words", "it's", "$(touch owned)", "a\nb", "\x1b[2J\x07", "a\\'\t`x`"],
)
def test_bash_reads_what_was_meant(tmp_path: Path, name: str) -> None:
    command = f"printf %s {typed(name)}"
    assert is_harmless(command)
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (name, "")
    assert not list(tmp_path.iterdir())
