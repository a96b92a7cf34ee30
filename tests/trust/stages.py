"""The stages `prepare` and `train` of a lock in this process, up to the trainer's first step."""

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from lockfiles.errors import Stopped, TunelockError
from lockfiles.lock import TrainingLock
from runner.inputs import locations
from runner.runs.folder import place
from runner.runs.pipe import Line
from runner.stages import prepare, train
from runner.stages.context import Context
from runner.training import arguments, loading, make
from runner.training import train as training
from runner.training.job import Job, Result
from tests.fuzz.bases import Base
from tests.trust.trainer_keys import Reached, differing, other_tensors


def carried(lock: TrainingLock, base: Base, folder: Path) -> list[str]:
    """Return each way in which what would be trained is not what the lock says.

    A refusal of a lock that `check` took is one.
    """
    found: list[str] = []
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    line = Line(os.open(os.devnull, os.O_WRONLY))
    here = locations.find(lock, folder / "case.lock", {})

    def instead(job: Job, line: Line) -> Result:
        found.extend(_compared(lock, job))
        raise Stopped("compared")

    training.train = instead
    try:
        for stage in (prepare, train):
            name = stage.__name__.rpartition(".")[2]
            at, digest = place(lock, run, name), lock.integrity[name]
            work = at.begin(digest)
            report = stage.run(Context(lock, name, run, work, here, line))
            at.finish(digest, report)
    except Stopped:
        return found
    except TunelockError as problem:
        return [*found, f"late: {problem.message}"]
    return [*found, "nothing was trained"]


def lose(key: str) -> None:
    """Let an argument of the trainer be lost on its way."""
    whole = arguments.arguments

    def lacking(job: Job) -> dict[str, Any]:
        return {name: value for name, value in whole(job).items() if name != key}

    arguments.arguments = lacking


def _compared(lock: TrainingLock, job: Job) -> list[str]:
    model = loading.load(job.base, job.method, job.train)
    plain = model
    if job.method.kind == "qlora":  # its tensors are packed; the same files, unpacked
        plain = loading.load(job.base, job.method.model_copy(update={"kind": "lora"}), job.train)
    dtype = getattr(torch, job.train.dtype)
    wrong = [f"tensor: {name}" for name in other_tensors(lock, job.base, plain, dtype)]
    trainer = make.make_trainer(job, model, [])
    loaded = loading.loaded_as(job.method, job.train, {})
    threads = torch.get_num_threads()
    exact = torch.are_deterministic_algorithms_enabled()
    return [*wrong, *differing(lock, Reached(job, trainer, loaded, threads, exact))]
