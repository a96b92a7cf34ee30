"""The trainer of each objective, with a random model and the runner's own settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

from runner.demo import files
from runner.rehearse.case import Case
from runner.rehearse.rows import columns, examples
from runner.rehearse.settings import method_of, train_of
from runner.training import sft

TOKENIZER = Path(files.__file__).parent / "base"
"""Any tokenizer will do: rows are tokens already, and it only pads them."""


def trainer_of(
    case: Case,
    model: PreTrainedModel,
    reference: Callable[[], PreTrainedModel],
    work: Path,
    callbacks: Sequence[TrainerCallback],
) -> Any:
    """Return the trainer of a case; `reference` creates DPO's reference model if it needs one."""
    job = sft.SftJob(
        base=TOKENIZER,
        rows=sft.Encoded([], []),
        validation=None,
        order=lambda _: range(case.profile.micro_batch * case.accumulation * case.steps),
        method=method_of(case.profile),
        train=train_of(case.profile, case.accumulation, str(case.config["model_type"])),
        work=work,
        packing=case.profile.packing,
    )
    rows = columns(examples(case))
    if case.profile.objective == "sft":
        encoded = sft.Encoded(rows["input_ids"], rows["labels"])
        return sft.trainer_of(replace(job, rows=encoded), model, callbacks)
    settings = sft.arguments(job) | {"max_length": None}
    adapter = sft.lora(job.method)
    shared = {
        "model": model,
        "train_dataset": Dataset.from_dict(rows),
        "processing_class": sft.padding_of(TOKENIZER),
        "peft_config": adapter,
        "callbacks": list(callbacks),
    }
    if case.profile.objective == "reward":
        if adapter:
            adapter.task_type = "SEQ_CLS"
        return _Reward(args=RewardConfig(**settings), **shared)
    second = reference() if adapter is None else None
    return _Preferences(args=DPOConfig(**settings), ref_model=second, **shared)


class _Preferences(DPOTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer for tokenized rows."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset


class _Reward(RewardTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer for tokenized rows."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset
