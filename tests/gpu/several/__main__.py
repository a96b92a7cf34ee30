"""Trainings on several cards of one host: memory of each rank, step times and losses.

    python -m tests.gpu.several OUT.jsonl [--ranks 2] [--only TEXT] [--seconds BUDGET] [--cpu]
    python -m tests.gpu.several OUT.jsonl --summary

Each line of the table (`lines.txt`, in the form that `line.py` describes) is one training by the
runner's own `train`, with random weights at a real shape and rows of random tokens, in processes
of its own; `single` lines use one card. A line is added to OUT when it ends, and lines that OUT has
are not run again. With `bare=N`, a plain script with the same engine is timed beside it.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.gpu.lines import added, every
from tests.gpu.queue import LEFT
from tests.gpu.several.bases import written
from tests.gpu.several.here import here
from tests.gpu.several.line import Line, lines
from tests.gpu.several.measured import measured, told
from tests.gpu.several.summary import summary

TABLE = Path(__file__).with_name("lines.txt")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lines that are due; the exit code is 1 where one failed, and `LEFT` where time was
    over before."""
    given = argparse.ArgumentParser(prog="tests.gpu.several")
    given.add_argument("out", type=Path)
    given.add_argument("--table", type=Path, default=TABLE)
    given.add_argument("--ranks", type=int, default=2)
    given.add_argument("--only", nargs="*", default=[], help="run lines with one of these texts")
    given.add_argument("--seconds", type=float, default=1e9, help="start no line after this")
    given.add_argument("--bases", type=Path, default=Path(tempfile.gettempdir()) / "several")
    given.add_argument("--cpu", action="store_true", help="train tiny models in float32")
    given.add_argument("--summary", action="store_true", help="print a table of what OUT has")
    asked = given.parse_args(arguments)
    if asked.summary:
        print("\n".join(summary(every(asked.out))))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that processes are ended
    asked.bases.mkdir(parents=True, exist_ok=True)
    return run_all(list(_due(asked)), asked.out, asked.bases, asked.seconds)


def run_all(
    due: Sequence[Line], out: Path, bases: Path, seconds: float,
    run: Callable[[Line, Path, Path], dict[str, Any]] = measured,
) -> int:  # fmt: skip
    """Run lines, add each to a file, and return the exit code of `main`."""
    ends, machine, failed = time.monotonic() + seconds, here() if due else {}, 0
    for line in due:
        if time.monotonic() > ends:
            print("no time for", line.text, flush=True)
            return LEFT
        with tempfile.TemporaryDirectory(dir=bases) as work:
            try:
                found = run(line, written(line, bases), Path(work))
            except AssertionError as problem:
                found, failed = {"line": line.text, "missing": str(problem)[-3000:]}, 1
        added(out, found | {"ranks": line.processes, "machine": machine, "tiny": line.tiny})
        print(told(found), flush=True)
    return failed


def _due(asked: argparse.Namespace) -> Iterator[Line]:
    ran = (one for one in every(asked.out) if "missing" not in one)
    done = {(one["line"], one["ranks"]) for one in ran}
    for line in lines(asked.table, asked.ranks, tiny=asked.cpu):
        wanted = not asked.only or any(one in line.text for one in asked.only)
        if wanted and (line.text, line.processes) not in done:
            yield line


if __name__ == "__main__":
    sys.exit(main())
