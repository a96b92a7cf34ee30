"""One training, from finished rows to an adapter (or full weights).

What is done here that TRL does not do: seed before PEFT wraps the model (else an adapter's first
values are unseeded), send events, and resume from the last whole checkpoint.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import set_seed

from lockfiles.errors import RunFailed, TunelockError
from lockfiles.fixes import Command
from planner.objectives.registry import objective_of
from runner.runs.pipe import Line
from runner.training import loading
from runner.training.callback import Watch, earlier_peak
from runner.training.checkpoints import agreed_checkpoint
from runner.training.job import Job, Result
from runner.training.make import make_trainer


def train(job: Job, line: Line) -> Result:
    """Train to the end, or to a checkpoint where SIGTERM or a lost supervisor asks for it."""
    line.send("progress", what="loading the model", done=0, total=1, unit="models")
    set_seed(job.train.seed)
    checkpoint = agreed_checkpoint(job.work, job.ranks)
    watch = Watch(
        line,
        job.predicted_bytes,
        earlier_peak(checkpoint),
        job.ranks,
        objective_of(job.objective.name).health,
    )
    trainer = make_trainer(job, loading.load(job.base, job.method, job.train), [watch])
    if job.ranks.rank:  # the adapter began alike in each process; dropout is another in each
        torch.manual_seed(job.train.seed + job.ranks.rank)
    with _resuming(checkpoint, watch):
        trainer.train(resume_from_checkpoint=checkpoint)
    steps = int(trainer.state.global_step)
    watch.share()
    measured = watch.peak_bytes(), watch.median_step_seconds()
    if watch.stopping and steps < trainer.state.max_steps:
        return Result(job.work, steps, True, *measured)
    result = job.work / "result"
    trainer.save_model(str(result))
    return Result(result, steps, False, *measured)


@contextmanager
def _resuming(checkpoint: str | None, watch: Watch) -> Iterator[None]:
    """Name the checkpoint where it cannot be loaded: else each resumption would fail on it."""
    try:
        yield
    except (TunelockError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as problem:
        if checkpoint is None or watch.begun:
            raise
        traceback.print_exc()
        raise RunFailed(
            f"The checkpoint `{checkpoint}` cannot be loaded ({type(problem).__name__}).",
            fix=Command(
                "rm -r -- {}", checkpoint, note="the same command then resumes from the one before"
            ),
        ) from None
