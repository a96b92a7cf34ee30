"""One training, from tokenized rows to an adapter (or full weights).

Adds what TRL does not do: seed before PEFT wraps the model (otherwise the adapter's initial values
are unseeded), send events, and resume from the last complete checkpoint.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import set_seed

from lockfiles.errors import RunFailed, TunelockError
from lockfiles.fixes import Command
from lockfiles.lock import Train
from planner.objectives.registry import objective_of
from planner.parallelism.engine import of_engine
from runner.runs.pipe import Line
from runner.runs.whole import earlier_peak
from runner.training import loading, zero
from runner.training.callback import Watch
from runner.training.checkpoints import agreed_checkpoint
from runner.training.job import Job, Result
from runner.training.make import make_trainer


def train(job: Job, line: Line) -> Result:
    """Train to the end, or to a checkpoint if SIGTERM or a lost supervisor stops it."""
    checkpoint = agreed_checkpoint(job.work, job.ranks)
    from_step = f"resuming from step {checkpoint.rpartition('-')[2]}: " if checkpoint else ""

    def say(what: str) -> None:
        line.send("progress", what=f"{from_step}{what}", done=0, total=1, unit="models")

    say("loading the model")
    set_seed(job.train.seed)
    watch = Watch(
        line,
        job.predicted_bytes,
        earlier_peak(checkpoint),
        job.ranks,
        objective_of(job.objective.name).health,
    )
    with zero.loading(job):
        model = loading.load(job.base, job.method, job.train, on_card=loads_on_card(job))
    shape = model.config.get_text_config()
    routes = getattr(shape, "output_router_logits", None)
    trainer = make_trainer(job, model, [watch])
    if job.ranks.rank:  # the initial adapter is the same in each process; its dropout differs
        torch.manual_seed(job.train.seed + job.ranks.rank)
    job.check_base()
    if what := before_steps(job.train):
        say(what)
    trainer.writer = watch.writer
    trainer.say = lambda text: line.send("warning", text=text)
    with watch.writer, _resuming(checkpoint, watch):
        trainer.train(resume_from_checkpoint=checkpoint)
    steps = int(trainer.state.global_step)
    watch.share()
    measured = watch.peak_bytes(), watch.median_step_seconds(), watch.times
    if watch.stopping and steps < trainer.state.max_steps:
        return Result(job.work, steps, True, *measured)
    result = job.work / "result"
    if routes is not None:  # TRL turns it on for the loss of a mixture's router
        shape.output_router_logits = routes
    trainer.save_model(str(result))
    return Result(result, steps, False, *measured)


def loads_on_card(job: Job) -> bool:
    """Return whether a process loads all of the base model on its card: not where weights are
    shared between cards, or are in main memory."""
    return of_engine(job.parallel.engine).zero_stage < 3


def before_steps(settings: Train) -> str:
    """Return what takes a while before the first step; empty where nothing does."""
    compiles = ["compiling layers"] * (settings.kernels == "compiled")
    return " and ".join([*compiles, *["recording passes"] * bool(settings.graph_sizes)])


@contextmanager
def _resuming(checkpoint: str | None, watch: Watch) -> Iterator[None]:
    """Name the checkpoint that cannot be loaded: otherwise every attempt to resume would fail."""
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
                "rm -r -- {}", checkpoint, note="then rerun to resume from the one before it"
            ),
        ) from None
