"""`python -m tests.cpu [RUNS] [SHAPE ...]`: predicted against measured peaks and times, on a CPU.

Plans and rehearses each shape, runs it RUNS times (default 5), and prints a line for each run: the
peak and the time of training as planned before it. The first time follows from the rehearsal, those
after it from the run before.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockfiles import lock as locks
from tests.cpu.shapes import SHAPES, Shape, write
from tests.journeys.demo_folder import tunelock


@dataclass(frozen=True)
class Trial:
    """One run of a shape."""

    shape: str
    predicted_bytes: int
    measured_bytes: int
    predicted_seconds: float
    """Of training with its evaluations; 0 where it was not known."""
    measured_seconds: float

    @property
    def error(self) -> float:
        """The predicted peak relative to the measured one, minus one."""
        return self.predicted_bytes / self.measured_bytes - 1

    def __str__(self) -> str:
        off = self.predicted_seconds / self.measured_seconds - 1
        took = f"{self.predicted_seconds:7.1f} s of {self.measured_seconds:7.1f} s"
        peaks = f"{self.predicted_bytes / 1e6:8.1f} MB of {self.measured_bytes / 1e6:8.1f} MB"
        return f"{self.shape:6}  {peaks}  {self.error:+6.1%}  {took}  {off:+6.1%}"


def trials(
    shape: Shape, runs: int, folder: Path, *, rehearsed: bool = False, **variables: str
) -> Iterator[Trial]:
    """Write a shape into a folder, rehearse it if asked to, and yield each of its runs.

    `variables` are further environment variables of the commands.
    """
    write(shape, folder)
    if rehearsed:
        for step in ("plan", "rehearse"):
            done = tunelock(folder, step, **variables)
            assert done.returncode == 0, done.stderr
    for _ in range(runs):
        planned = tunelock(folder, "plan", **variables)
        assert planned.returncode == 0, planned.stderr
        lock = locks.read(folder / "run.lock").training()
        shutil.rmtree(folder / "runs", ignore_errors=True)
        ran = tunelock(folder, "run", "--foreground", **variables)
        assert ran.returncode == 0, ran.stderr
        (run,) = (folder / "runs").iterdir()
        yield Trial(
            shape.name,
            lock.prediction.peak_bytes,
            json.loads((run / "receipt.json").read_text("utf-8"))["measured"]["peak_bytes"],
            lock.prediction.seconds,
            _training_seconds(run),
        )


def _training_seconds(run: Path) -> float:
    """Return the seconds of a run's training: from the start of its first step to its last
    evaluation or checkpoint."""
    lines = (run / "events.jsonl").read_text("utf-8").splitlines()
    events = [one for one in map(json.loads, lines) if one["stage"] == "train"]
    steps = [one for one in events if one["kind"] == "step"]
    ends = ("step", "evaluation", "checkpoint")
    last = max(one["time"] for one in events if one["kind"] in ends)
    return float(last - steps[0]["time"] + steps[0]["step_seconds"])


def main(runs: int, names: list[str]) -> None:
    """Print the table, and each shape's extremes."""
    began = time.monotonic()
    for shape in SHAPES:
        if names and shape.name not in names:
            continue
        with tempfile.TemporaryDirectory() as place:
            found = []
            for trial in trials(shape, runs, Path(place) / shape.name, rehearsed=True):
                print(trial, flush=True)
                found.append(trial.error)
        print(f"{shape.name:6}  {min(found):+.1%} to {max(found):+.1%}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 5, sys.argv[2:])
