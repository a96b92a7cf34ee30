"""How long the whole check of many rows takes, and how much memory.

`python -m tests.planner.data.scale --rows 10000 100000 --model FOLDER`
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.data.rows.rows import Row, canonical_json
from tests import programs
from tests.planner.data.check_rows import REAL
from tests.planner.data.reworded_rows import Reworder, real

SIZES = (10_000, 100_000, 1_000_000)
COPIED, NEARLY = 0.01, 0.05
"""Shares of the rows that are copies, and nearly copies, of one of the last `_RECENT`."""
_RECENT, _LITTLE = 1_000, 0.03
_DONE = (0, 6)
"""Exit codes of a check that came to its end: good rows, and rows that are refused."""


@dataclass(frozen=True)
class Taken:
    """What one check took."""

    rows: int
    wall_seconds: float
    cpu_seconds: float
    """Of all threads, in the program and in the system."""
    peak_bytes: int
    """The most memory that was resident."""
    findings: dict[str, int]
    """Rows found by the finding's name."""

    def __str__(self) -> str:
        return (
            f"{self.rows:>9,} rows {self.wall_seconds:7.1f} s wall {self.cpu_seconds:7.1f} s CPU "
            f"{self.rows / self.wall_seconds:7,.0f} rows/s {self.peak_bytes / 1e6:7,.0f} MB"
        )


def made(count: int, rows: Sequence[Row] = REAL, seed: int = 7) -> Iterator[Row]:
    """Yield so many rows, most unlike each other, some copied or nearly so, all of real ones."""
    source, reworder = random.Random(seed), Reworder(rows, seed)
    recent: deque[Row] = deque(maxlen=_RECENT)
    for number in range(count):
        chance = source.random()
        if chance < COPIED + NEARLY and recent:
            row = source.choice(recent)
            row = row if chance < COPIED else reworder.reworded(row, _LITTLE)
        else:
            row = reworder.reworded(rows[number % len(rows)])
        recent.append(row)
        yield row


def write(path: Path, rows: Iterator[Row]) -> None:
    """Write rows as JSONL."""
    with path.open("wb") as file:
        file.writelines(canonical_json(row) + b"\n" for row in rows)


def check(path: Path, rows: int, model: Path | None = None) -> Taken:
    """Look through a file in a process of its own, as `tunelock data` does."""
    command = [sys.executable, "-c", "from tui.cli import main; main()", "data", str(path)]
    command += ["--json", *(["--model", str(model)] if model else [])]
    with tempfile.TemporaryFile() as out, tempfile.NamedTemporaryFile() as told:
        subprocess.run(programs.command("measure", told.name, *command), stdout=out, check=True)
        code, wall, cpu, peak = json.load(told)
        assert code in _DONE, code
        out.seek(0)
        report = json.load(out)
    assert report["rows"] == rows
    found = {one["id"]: one["count"] for one in report["checks"]}
    return Taken(rows, wall, cpu, peak, found)


def main() -> None:
    """Print a line for each size, and with a model another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=SIZES)
    parser.add_argument("--model", type=Path, help="count its tokens too, in a second check")
    parser.add_argument("--of", nargs="+", type=Path, help="files whose rows are edited")
    parser.add_argument("--into", type=Path, help="keep the files in this folder")
    options = parser.parse_args()
    rows = [row for path in options.of or () for row in real(path)] or REAL
    with tempfile.TemporaryDirectory() as temporary:
        for count in options.rows:
            path = (options.into or Path(temporary)) / f"rows-{count}.jsonl"
            if not path.exists():
                write(path, made(count, rows))
            print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB", flush=True)
            for model in [None, options.model] if options.model else [None]:
                taken = check(path, count, model)
                print(f"  {'with tokens' if model else 'rows only  '} {taken}", flush=True)
            print(f"  found: {taken.findings}", flush=True)


if __name__ == "__main__":
    main()
