"""`python -m tests.gpu.speed OUT.jsonl [--table TABLE] [--seconds BUDGET] [--steps STEPS] [--cpu]`.

Runs a table's lines one after another, each in a process of its own that is forked from this one,
and adds a JSON line of each to OUT; lines that OUT has are not run again. A line is
`SIDE MODEL METHOD ROWS [KEY=VALUE ...]` (see `sides.txt` and `line.py`) or a plan by its settings
(see `plans.txt` and `plans.py`). `--cpu` runs tiny models. `--summary OUT.jsonl` prints what a file
has found. Unsloth may need other releases: `UNSLOTH_PATHS` is the `PYTHONPATH` of its process.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.gpu.lines import added, every
from tests.gpu.speed import rows as same
from tests.gpu.speed.line import Line, lines
from tests.gpu.speed.summary import summary

HERE = Path(__file__).parent
TABLE = HERE / "sides.txt"
SIDES = {
    "guide": ("guide", "guide"),
    "trl": ("guide", "defaults"),
    "chosen": ("chosen", "chosen"),
    "hand": ("hand", "hand"),
    "unsloth": ("with_unsloth", "unsloth"),
    "card": ("card", "card"),
}
"""Of each side its file and function."""
ALONE = frozenset(["unsloth"])
"""Sides that change transformers when they are imported, before anything else is."""
ALONE_PATHS = "UNSLOTH_PATHS"
"""The environment variable with the `PYTHONPATH` of their packages, where they need others."""
MOST = 2.5
"""By what a line may exceed its estimate."""
LATE = "took too long"


def main() -> None:
    """Run a table, or one line of it."""
    given = argparse.ArgumentParser()
    given.add_argument("out", type=Path)
    given.add_argument("--table", type=Path, default=TABLE)
    given.add_argument("--seconds", type=float, default=1e9, help="time for all lines")
    given.add_argument("--each", type=float, default=0.0, help="time for each line")
    given.add_argument("--steps", type=int, default=20)
    given.add_argument("--only", default="", help="run lines with this text")
    given.add_argument("--skip", type=Path, nargs="*", default=[], help="files of lines that ran")
    given.add_argument("--line", default="", help="run this one in this process")
    given.add_argument("--list", action="store_true", help="print the lines and their times")
    given.add_argument("--cpu", action="store_true", help="run tiny models")
    given.add_argument("--summary", action="store_true", help="print what OUT has")
    asked = given.parse_args()
    if asked.summary:
        print("\n".join(summary(every(asked.out))))
    elif asked.list:
        _listed(asked)
    elif asked.line:
        _measure(asked.line, asked.steps, asked.out)
    else:
        _run(asked)


def _run(asked: argparse.Namespace) -> None:
    ends = time.monotonic() + asked.seconds
    _prepared()
    for text in _due(asked):
        line = Line(text)
        if line.side in ("chosen", "hand"):
            same.rows(line, same.lengths(line))  # once for all forks
        if time.monotonic() + line.seconds(asked.steps) > ends:
            print("no time for", text, flush=True)
            continue
        began = time.monotonic()
        problem = _one(text, asked)
        if problem and text not in {one["line"] for one in every(asked.out)}:
            added(asked.out, {"line": text, "missing": problem})
        print(f"{time.monotonic() - began:6.1f} s", text, problem, flush=True)
    print("\n".join(summary(every(asked.out))), flush=True)


def _due(asked: argparse.Namespace) -> list[str]:
    """Return the lines of a table that have not been run."""
    ran = [one for path in (asked.out, *asked.skip) for one in every(path)]
    done = {one["line"] for one in ran if "missing" not in one}
    due = [text for text in lines(asked.table) if asked.only in text]
    if asked.cpu:
        due = [f"{text} tiny" for text in due if text.split()[0] in SIDES]
    return [text for text in due if text not in done]


def _listed(asked: argparse.Namespace) -> None:
    total = 0.0
    for text in _due(asked):
        total += Line(text).seconds(asked.steps)
        print(f"{total:6.0f} s  {text}")


def _one(text: str, asked: argparse.Namespace) -> str:
    """Run a line in a process of its own, and return what went wrong."""
    most = asked.each or 30 + MOST * Line(text).seconds(asked.steps)
    if text.split()[0] in ALONE:
        own = [sys.executable, "-m", "tests.gpu.speed", str(asked.out), "--line", text]
        own += ["--steps", str(asked.steps)]
        paths = os.environ.get(ALONE_PATHS, os.environ.get("PYTHONPATH", ""))
        environment = os.environ | {"PYTHONPATH": paths}
        try:
            ended = subprocess.run(own, timeout=most, check=False, env=environment)
        except subprocess.TimeoutExpired:
            return LATE
        return f"ended with {ended.returncode}" if ended.returncode else ""
    process = multiprocessing.get_context("fork").Process(
        target=_measure, args=(text, asked.steps, asked.out)
    )
    process.start()
    process.join(most)
    if process.is_alive():
        process.kill()
        process.join()
        return LATE
    return f"ended with {process.exitcode}" if process.exitcode else ""


def _measure(text: str, steps: int, out: Path) -> None:
    file, name = SIDES.get(text.split()[0], ("plans", "plan"))
    measured: Callable[[Line, int], dict[str, Any]]
    measured = getattr(import_module(f"tests.gpu.speed.{file}"), name)
    try:
        found = measured(Line(text), steps)
    except Exception as problem:
        added(out, {"line": text, "missing": f"{type(problem).__name__}: {problem}"[:300]})
        raise
    added(out, found)
    lists = ("tokens", "step_seconds", "losses", "line")
    print({key: value for key, value in found.items() if key not in lists}, flush=True)


def _prepared() -> None:
    """Import what all sides need, without touching a card.

    The allocator has torch's own settings unless a side changes them.
    """
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:False")
    from tests.gpu.forked import prepared

    prepared()
    for name in ("datasets", "trl.trainer.sft_trainer", "runner.training.make"):
        import_module(name)
    import_module("transformers.utils.logging").disable_progress_bar()
    import_module("datasets.utils.logging").disable_progress_bar()


if __name__ == "__main__":
    main()
