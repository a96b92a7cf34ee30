"""The symbolic step: the real model class, PEFT and loss under fake tensors, at small depths.

What is allocated at each moment of a step grows evenly with the number of layers, so that two
depths give it for every depth. torch is imported in a child process alone (`python -m
runner.trace`).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.fixes import Command, Option
from planner.memory import Estimate
from planner.models.facts import Architecture
from planner.setup.setup import Profile
from runner.environments.variables import child_environment

_NEEDED = ("torch", "transformers", "trl", "peft", "bitsandbytes")
_MORE = 6
"""Layers, at least, between the two depths."""
_OUTSIDE = ("process", "model files", "workspace", "heap")
"""Components of the closed form that are no tensors, and that a trace so cannot see."""


@dataclass(frozen=True)
class Job:
    """One plan to trace."""

    config: Mapping[str, Any]
    """The model's `config.json`."""
    shape: Architecture
    """The same, as the closed form knows it."""
    profile: Profile
    """The plan."""
    estimate: Estimate
    """What the closed form says of it."""


@dataclass(frozen=True)
class Traced:
    """What a trace found."""

    allocated_bytes: int
    """The most that lives, in bytes, with what stands outside of tensors by the closed form."""
    moment: str
    """When, such as `backward: last layer`."""


def refusal(profile: Profile) -> str:
    """Return why a plan cannot be traced, as a sentence; empty where it can."""
    if profile.parallel != "single":
        return "Only a plan for one card can be traced so far."
    if profile.quantised_bits == 8:
        return "An LLM.int8 base cannot be traced: without values there are no outlier columns."
    return ""


def trace(jobs: Sequence[Job]) -> tuple[Traced, ...]:
    """Trace plans that `refusal` has nothing against, in one child process.

    Raises UsageProblem without the packages of the train extra, and RunFailed where the real
    class does not run under fake tensors.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UsageProblem(
            f"`--trace` needs {', '.join(f'`{name}`' for name in missing)}, not installed here.",
            fix=Command("pip install 'tunelock[train]'"),
        )
    asked = [
        {"config": job.config, "profile": asdict(job.profile), "depths": depths(job.shape)}
        for job in jobs
    ]
    return tuple(_traced(job, found) for job, found in zip(jobs, _run(asked), strict=True))


def depths(shape: Architecture) -> tuple[int, int]:
    """Return the depths to trace: 2 layers, or periods of layers, behind dense ones, and more.

    What lives is linear in them; what torch's allocator cannot use of its blocks is so only on
    average, which six layers more show.
    """
    period = max(1, shape.sliding_every)
    few = shape.dense_layers + 2 * period
    many = few + -(-_MORE // period) * period
    return few, min(many, shape.layers) if shape.layers > few else many


def _run(asked: object) -> list[list[dict[str, int]]]:
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(asked), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "runner.trace", str(job)],
            capture_output=True,
            text=True,
            env=child_environment() | {"CUDA_VISIBLE_DEVICES": ""},
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RunFailed(f"The trace failed: {last}", fix=Option("--trace", to="leave out"))
    found: list[list[dict[str, int]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _traced(job: Job, found: Sequence[Mapping[str, int]]) -> Traced:
    few, many = found
    at, then = depths(job.shape)
    outside = {
        phase.name: sum(phase.components.get(name, 0) for name in _OUTSIDE)
        for phase in job.estimate.phases
    }
    peaks = {
        moment: size
        + round((many[moment] - size) / (then - at) * (job.shape.layers - at))
        + outside[moment.partition(":")[0]]
        for moment, size in few.items()
    }
    moment = max(peaks, key=peaks.__getitem__)
    return Traced(peaks[moment], moment)
