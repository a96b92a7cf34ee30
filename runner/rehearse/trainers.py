"""The trainer of each objective, with a random model and the runner's own settings."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedModel, PreTrainedTokenizerFast, TrainerCallback

from lockfiles.objectives.objective import ObjectiveTable
from lockfiles.objectives.registry import OBJECTIVES
from runner.rehearse.case import Case
from runner.rehearse.rows import examples, held_out
from runner.rehearse.settings import method_of, train_of
from runner.training.job import Job
from runner.training.make import make_trainer

_PAD = "<pad>"


def trainer_of(
    case: Case,
    model: PreTrainedModel,
    reference: Callable[[], PreTrainedModel],
    work: Path,
    callbacks: Sequence[TrainerCallback],
) -> Any:
    """Return the trainer of a case; `reference` creates the reference model if it needs one."""
    rows = examples(case)
    train = train_of(case.profile, case.accumulation, str(case.config["model_type"]))
    if train.pass_tokens:
        train = train.model_copy(update={"micro_batch": len(rows) // case.steps})
    if case.graph_sizes:
        train = train.model_copy(update={"graph_sizes": list(case.graph_sizes)})
    job = Job(
        base=work,
        rows=rows,
        validation=held_out(case) if train.pass_tokens and case.evaluate else (),
        order=lambda _: range(len(rows)),
        method=method_of(case.profile),
        train=train,
        work=work,
        packing=case.profile.packing,
        objective=_objective(case),
        padding=padding(),
        reference=reference,
    )
    return make_trainer(job, model, callbacks)


def _objective(case: Case) -> ObjectiveTable:
    """Return the objective of a case; those that locks do not support have no settings."""
    name = case.profile.objective
    return OBJECTIVES.get(name, ObjectiveTable).model_construct(name=name, **case.objective)


def padding() -> PreTrainedTokenizerFast:
    """Return a tokenizer that can pad; rows come as tokens, and which one pads takes no memory."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({_PAD: 0}, unk_token=_PAD)),
        pad_token=_PAD,
        eos_token=_PAD,
    )
