"""The symbolic step: the real model class, PEFT and loss under fake tensors, with few layers.

Memory at each moment of a step is linear in the number of layers of each kind, so that a few of
them give it for all. torch is imported only in a child process (`python -m runner.trace`).
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
from planner.setup.setup import Profile
from runner.environments.lifeline import lifeline
from runner.environments.variables import child_environment

_NEEDED = ("torch", "transformers", "trl", "peft", "bitsandbytes")
OUTSIDE = ("process", "model files", "workspace", "heap")
"""Components of the closed form that are not tensors, which a trace cannot see."""


@dataclass(frozen=True)
class Job:
    """One plan to trace."""

    config: Mapping[str, Any]
    """The model's `config.json`."""
    profile: Profile
    """The plan."""
    estimate: Estimate
    """The closed form's estimate."""


@dataclass(frozen=True)
class Traced:
    """The result of a trace."""

    allocated_bytes: int
    """The peak in bytes: tensors as traced, everything else by the closed form."""
    moment: str
    """The moment of the peak, such as `backward: last layer`."""


def refusal(profile: Profile) -> str:
    """Return why a plan cannot be traced, as a sentence; empty if it can."""
    if profile.parallel != "single":
        return "Only a plan for a single card can be traced."
    if profile.quantised_bits == 8:
        return "An LLM.int8 base cannot be traced: fake tensors have no outlier columns."
    return ""


def trace(jobs: Sequence[Job]) -> tuple[Traced, ...]:
    """Trace plans for which `refusal` is empty, in one child process.

    Raises UsageProblem without the packages of the train extra, and RunFailed if the real model
    class does not run under fake tensors.
    """
    asked = [{"config": job.config, "profile": asdict(job.profile)} for job in jobs]
    return tuple(_traced(job, found) for job, found in zip(jobs, run(asked), strict=True))


def run(asked: object) -> Any:
    """Return what `python -m runner.trace` answers.

    Raises UsageProblem without the packages of the train extra, and for a model that its class
    refuses; RunFailed if the class does not run under fake tensors.
    """
    check_installed()
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(asked), encoding="utf-8")
        with lifeline() as line:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "runner.trace", str(job)],
                stdin=line,
                capture_output=True,
                text=True,
                env=child_environment() | {"CUDA_VISIBLE_DEVICES": ""},
            )
    if done.returncode:
        raise RunFailed(
            "This model's class could not be traced.", fix=Option("--trace", to="leave out")
        )
    return json.loads(done.stdout.splitlines()[-1])


def check_installed() -> None:
    """Raise UsageProblem without the packages of the train extra."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise UsageProblem(
            f"`--trace` needs {', '.join(f'`{name}`' for name in missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed.",
            fix=Command("pip install 'tunelock[train]'"),
        )


def _traced(job: Job, found: Mapping[str, int]) -> Traced:
    outside = {
        phase.name: sum(phase.components.get(name, 0) for name in OUTSIDE)
        for phase in job.estimate.phases
    }
    peaks = {moment: size + outside[moment.partition(":")[0]] for moment, size in found.items()}
    moment = max(peaks, key=peaks.__getitem__)
    return Traced(peaks[moment], moment)
