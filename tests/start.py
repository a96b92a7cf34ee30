"""`python -m tests.start [--runs RUNS] [--device cpu|cuda] [--base FOLDER]`: the first step.

Measures the seconds from `tunelock run` to the beginning of the first step, against those of a
plain TRL script with the same settings (`tests/programs/bare_training.py`): with digests that have
to be computed (cold), and with remembered ones. The base has the shape of a model of 0.5 billion
parameters (1 GB) unless a folder is given. Its files are in the page cache.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.gpu.shapes import write_base, write_intent
from tests.journeys.demo_folder import ENVIRONMENT, command

PROGRAM = Path(__file__).parent / "programs" / "bare_training.py"
ANSWERS: dict[str, object] = {"train__max_length": 64, "train__effective_batch": 1}


@dataclass(frozen=True)
class Start:
    """One start."""

    seconds: float
    """From the command to the beginning of its first step."""
    processor_seconds: float
    """Of all its processes, to the end of the first step."""
    parts: str = ""
    """Where the time went."""


def _paths() -> str:
    """Return the folders that Python imports from, this one first."""
    return os.pathsep.join(filter(None, (os.getcwd(), os.environ.get("PYTHONPATH", ""))))


def bare(folder: Path) -> Start:
    """Start the plain script."""
    arguments = [folder / "run.lock", folder / "base", folder / "rows" / "train.jsonl"]
    with tempfile.TemporaryDirectory() as out:
        began, spent = time.time(), _spent()
        ran = subprocess.run(
            [sys.executable, "-P", str(PROGRAM), *map(str, arguments), out],
            env=ENVIRONMENT | {"PYTHONPATH": _paths()}, check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        step = float(ran.stdout.split()[-1])
        return Start(time.time() - began - step, _spent() - spent)


def ours(folder: Path, cache: Path) -> Start:
    """Start `tunelock run`, and kill it after its first step."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    began, spent = time.time(), _spent()
    own = subprocess.Popen(
        command("run", "--foreground", "--json"), cwd=folder, stdout=subprocess.PIPE, text=True,
        env=ENVIRONMENT | {"XDG_CACHE_HOME": str(cache)},
    )  # fmt: skip
    assert own.stdout is not None
    marks, step = [], {}
    for line in own.stdout:
        event = json.loads(line)
        named = f"{event['stage']} {event.get('what') or event['kind']}"
        marks.append((named, event["time"] - began))
        if event["kind"] == "step":
            step = event
            break
    own.send_signal(signal.SIGINT)
    own.send_signal(signal.SIGINT)
    own.communicate()
    assert step, marks
    parts = {name: at for name, at in marks[:-1]}
    said = ", ".join(f"{name} {at:.1f}" for name, at in parts.items())
    return Start(step["time"] - step["step_seconds"] - began, _spent() - spent, said)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def starts(folder: Path, runs: int) -> Iterator[tuple[str, Start]]:
    """Yield what each start is called, and the start."""
    cache = folder / "cache"
    for _ in range(runs):
        yield "bare", bare(folder)
        shutil.rmtree(cache, ignore_errors=True)
        yield "cold", ours(folder, cache)
        yield "remembered", ours(folder, cache)


def main() -> None:
    """Print a line for each start, and the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--base", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, found = Path(place), dict[str, list[Start]]()
        if given.base:
            (folder / "base").symlink_to(given.base.resolve())
        else:
            write_base(folder / "base")
        write_intent(folder, Path("base"), 64, machine__device=given.device, **ANSWERS)
        subprocess.run(command("plan"), cwd=folder, env=ENVIRONMENT, check=True, stdout=2)
        for name, one in starts(folder, given.runs):
            found.setdefault(name, []).append(one)
            print(f"{name:10}  {one.seconds:6.1f} s, processor {one.processor_seconds:6.1f} s  "
                  f"{one.parts}", flush=True)  # fmt: skip
        usual = statistics.median(one.seconds for one in found["bare"])
        for name, all_of in found.items():
            seconds = statistics.median(one.seconds for one in all_of)
            print(f"{name:10}  {seconds:6.1f} s  {seconds / usual:.2f} times bare")


if __name__ == "__main__":
    main()
