"""The one way to a trainer: that of a run, of a rehearsal and of a trace."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback

from planner.data.tokens.example import Example
from planner.objectives.registry import objective_of
from runner.training import arguments
from runner.training.adapter import freeze, lora
from runner.training.compressed import use_all_weights
from runner.training.job import Job
from runner.training.kind import TrainerKind
from runner.training.loading import load, padding_of


def kind_of(name: str) -> TrainerKind:
    """Return the runner's record of an objective."""
    found: TrainerKind = import_module(f"runner.training.{name}").KIND
    return found


def dataset(name: str, rows: Sequence[Example]) -> Dataset:
    """Return examples as the trainer of an objective takes them."""
    return Dataset.from_dict(dict(kind_of(name).columns(rows)))


def make_trainer(job: Job, model: PreTrainedModel, callbacks: Sequence[TrainerCallback]) -> Any:
    """Return TRL's trainer of a job, around a model in the form that `loading.loaded_as` gives."""
    freeze(model)
    use_all_weights(model)
    name = job.objective.name
    kind, spec = kind_of(name), objective_of(name)
    settings = arguments.arguments(job) | dict(kind.fixed) | kind.options(job)
    second = {"ref_model": _reference(job)} if spec.second_model(job.method.kind) else {}
    trainer = kind.trainer(
        job=job,
        model=model,
        args=kind.settings(**settings),
        train_dataset=dataset(name, job.rows),
        eval_dataset=dataset(name, job.validation) if job.validation else None,
        processing_class=job.padding or padding_of(job.base, job.pad_id),
        peft_config=lora(job.method, model, scalar=spec.head == "scalar"),
        callbacks=list(callbacks),
        **second,
    )
    freeze(trainer.model)
    return trainer


def _reference(job: Job) -> PreTrainedModel:
    return job.reference() if job.reference else load(job.base, job.method, job.train)
