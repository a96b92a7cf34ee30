"""Plans of a run on a few rows."""

from pathlib import Path

from tests.cases import rows, seen
from tests.cases.command import Said

RESULTS = '\n[results]\ngguf = ["{}"]\n'


def planned(folder: Path, model: Path, level: str = "") -> Said:
    """Plan a run on a few rows, with a GGUF file of a level, and return what is said."""
    rows.jsonl(folder / "rows.jsonl", rows.made(rows.asked))
    results = RESULTS.format(level) if level else ""
    return seen.plan(folder, "rows.jsonl", model, results=results)


def check_refused(folder: Path, said: Said, *names: str) -> None:
    """Check that there is no lock, and that one of the names is given."""
    assert not (folder / seen.LOCK).exists(), "a lock was written"
    assert said.code in (2, 4, 6), said.err
    assert any(name in said.err for name in names), f"none of {names}: {said.err}"
    assert "hint: " in said.err


def check_accepted(folder: Path, said: Said) -> None:
    """Check that there is a lock."""
    assert said.code == 0 and (folder / seen.LOCK).exists(), said.err
