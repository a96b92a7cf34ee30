"""The job of a rehearsal: that of a run, with the rows of a case and a tokenizer that only pads."""

import json
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from lockfiles.lock import Parallel
from lockfiles.objectives.objective import ObjectiveTable
from lockfiles.objectives.registry import OBJECTIVES
from planner.models.folder import CONFIG
from runner.engines.ranks import Ranks
from runner.rehearse.case import Case
from runner.rehearse.rows import examples, held_out
from runner.rehearse.settings import method_of, train_of
from runner.training.job import ONE, Job

_PAD = "<pad>"


def job_of(case: Case, ranks: Ranks, reference: Callable[[], PreTrainedModel], work: Path) -> Job:
    """Return the job of a process, with the model's `config.json` in its folder `work`.

    `reference` creates the reference model if the objective needs one.
    """
    (work / CONFIG).write_text(json.dumps(dict(case.config)), "utf-8")
    rows, parallel = examples(case), Parallel.model_validate(case.parallel or ONE.model_dump())
    train = train_of(case.profile, case.accumulation, str(case.config["model_type"]))
    if train.pass_tokens:
        own = len(rows) // (case.steps * ranks.count)
        train = train.model_copy(update={"micro_batch": own})
    if case.graph_sizes:
        train = train.model_copy(update={"graph_sizes": list(case.graph_sizes)})
    evaluates = case.evaluate and (train.pass_tokens or ranks.count > 1)
    return Job(
        base=work,
        rows=rows,
        validation=held_out(case) if evaluates else (),
        order=lambda _: range(len(rows)),
        method=method_of(case.profile),
        train=train,
        work=work,
        packing=case.profile.packing,
        ranks=ranks,
        parallel=parallel,
        objective=_objective(case),
        padding=padding(),
        reference=reference,
    )


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
