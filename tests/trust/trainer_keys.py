"""What of a lock reaches the trainer, key by key: what is trained must be what is read.

`TRAINED` says where each key ends; a key of a training table that is in neither map is a fault
(`forgotten`), so that none is added and then not used.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from trl import SFTTrainer

from lockfiles.lock import TrainingLock
from planner.data.tokens.example import IGNORED
from planner.data.tokens.order import order_sha256
from runner.training.job import Job

MOST_EPOCHS = 20
"""Orders that are drawn at most."""


@dataclass(frozen=True)
class Reached:
    """A trainer that was made of a lock and never started."""

    job: Job
    trainer: Any
    loaded: Mapping[str, Any]
    """What the base was loaded with, as `from_pretrained` takes it."""
    threads: int
    deterministic: bool

    @property
    def args(self) -> Any:
        """TRL's settings."""
        return self.trainer.args

    @property
    def adapter(self) -> Any:
        """PEFT's settings; None where all weights are trained."""
        return getattr(self.trainer.model, "peft_config", {}).get("default")

    @property
    def labels(self) -> list[list[int]]:
        """The labels of the rows in the trainer's own dataset."""
        return list(self.trainer.train_dataset["labels"])

    def orders(self, epochs: int) -> list[str]:
        """The digests of the rows' order in the first epochs, as the trainer draws it."""
        sampler, found = self.trainer._get_train_sampler(), []
        for epoch in range(min(epochs, MOST_EPOCHS)):
            sampler.set_epoch(epoch)
            found.append(order_sha256(list(sampler)))
        return found


def _kind(at: Reached) -> str:
    if at.adapter is None:
        return "full"
    return "qlora" if at.loaded["quantization_config"] is not None else "lora"


def _batch(at: Reached, lock: TrainingLock) -> tuple[int, int]:
    """The rows of a pass and the passes of a step; where rows are packed, their product."""
    found = (at.args.per_device_train_batch_size, at.args.gradient_accumulation_steps)
    if not lock.stream.packing:
        return found
    train = lock.train
    whole = train.micro_batch * train.accumulation
    held = at.trainer._micro_batch == train.micro_batch and found == (whole, 1)
    return (train.micro_batch, train.accumulation) if held else found


def _keep(at: Reached) -> str:
    return "best" if at.args.load_best_model_at_end else "last"


def _evaluations(at: Reached) -> Any:
    steps = {at.args.eval_steps, at.args.save_steps}
    return steps.pop() if len(steps) == 1 else steps


Found = Callable[[Reached, TrainingLock], Any]
TRAINED: Mapping[str, Found] = {
    "method.kind": lambda at, lock: _kind(at),
    "objective.name": lambda at, lock: "sft" if isinstance(at.trainer, SFTTrainer) else "",
    "method.rank": lambda at, lock: at.adapter.r if at.adapter else lock.method.rank,
    "method.alpha": lambda at, lock: at.adapter.lora_alpha if at.adapter else lock.method.alpha,
    "method.dropout": lambda at, lock: (
        at.adapter.lora_dropout if at.adapter else lock.method.dropout
    ),
    "method.targets": lambda at, lock: (
        sorted(at.adapter.target_modules) if at.adapter else sorted(lock.method.targets)
    ),
    "method.bias": lambda at, lock: at.adapter.bias if at.adapter else lock.method.bias,
    "train.micro_batch": lambda at, lock: _batch(at, lock)[0],
    "train.accumulation": lambda at, lock: _batch(at, lock)[1],
    "train.epochs": lambda at, lock: at.args.num_train_epochs,
    "train.learning_rate": lambda at, lock: at.args.learning_rate,
    "train.schedule": lambda at, lock: at.args.lr_scheduler_type.value,
    "train.warmup_ratio": lambda at, lock: at.args.warmup_steps,
    "train.weight_decay": lambda at, lock: at.args.weight_decay,
    "train.gradient_clip": lambda at, lock: at.args.max_grad_norm,
    "train.optimizer": lambda at, lock: getattr(at.args.optim, "value", at.args.optim),
    "train.dtype": lambda at, lock: str(at.loaded["dtype"]).removeprefix("torch."),
    "train.attention": lambda at, lock: at.trainer.model.config._attn_implementation,
    "train.checkpointing": lambda at, lock: bool(
        at.args.activation_checkpointing or at.args.gradient_checkpointing
    ),
    "train.keep": lambda at, lock: _keep(at) if at.job.validation else lock.train.keep,
    "train.evaluate_steps": lambda at, lock: _evaluations(at),
    "train.seed": lambda at, lock: at.args.seed,
    "stream.packing": lambda at, lock: at.job.packing and at.trainer._packing,
    "stream.rows": lambda at, lock: len(at.trainer.train_dataset),
    "stream.tokens": lambda at, lock: sum(map(len, at.trainer.train_dataset["input_ids"])),
    "stream.scored_tokens": lambda at, lock: sum(
        label != IGNORED for row in at.labels for label in row
    ),
    "stream.order_sha256": lambda at, lock: at.orders(lock.train.epochs),
    "exactness.exact": lambda at, lock: at.deterministic,
    "exactness.threads": lambda at, lock: at.threads if lock.exactness.threads else 0,
}
"""Dotted key of a lock to what the trainer has in its place."""
ELSEWHERE: Mapping[str, str] = {
    "stream.sha256": "the train stage compares it with the prepared rows before it loads",
    "stream.max_length_tokens": "rows were cut to it in `stream.sha256`; see `_lengths`",
    "parallel.engine": "of the processes, not of the trainer: see tests/runner/engines",
    "parallel.offload": "of an engine that this version has none of: `check` and `run` end with 4",
    "parallel.processes": "of the processes, not of the trainer: see tests/runner/engines",
    "exactness.environment": "of the processes, not of the trainer: see test_canary and apart",
}
"""Keys of the training tables that end in no argument, and where they are held instead."""
TABLES = ("objective", "method", "train", "stream", "parallel", "exactness")


def forgotten(lock: TrainingLock) -> list[str]:
    """Return the keys of the training tables of which nobody says where they end."""
    stated = lock.model_dump()
    keys = [f"{table}.{key}" for table in TABLES for key in stated[table]]
    return [key for key in keys if key not in TRAINED and key not in ELSEWHERE]


def differing(lock: TrainingLock, at: Reached) -> Iterator[str]:
    """Yield a sentence for each key whose value is not what the trainer has."""
    stated = lock.model_dump()
    for key, found in TRAINED.items():
        table, _, name = key.partition(".")
        wanted, got = stated[table][name], found(at, lock)
        if key == "method.targets":
            wanted = sorted(wanted)
        if key == "stream.order_sha256":
            wanted = wanted[:MOST_EPOCHS]
        if key == "train.dtype" and at.args.bf16 != (wanted == "bfloat16"):
            yield f"train.dtype: {wanted} in the lock, and bf16 is {at.args.bf16}"
        if not _equal(wanted, got):
            yield f"{key}: {wanted!r:.60} in the lock, {got!r:.60} in the trainer"
    yield from _lengths(lock, at)


def _equal(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, float) and isinstance(got, (int, float)):
        return math.isclose(wanted, got, rel_tol=0, abs_tol=0)
    return bool(wanted == got)


def _lengths(lock: TrainingLock, at: Reached) -> Iterator[str]:
    longest = max(map(len, at.trainer.train_dataset["input_ids"]))
    if longest > lock.stream.max_length_tokens:
        yield f"stream.max_length_tokens: {lock.stream.max_length_tokens}, and {longest} in a row"


def other_tensors(
    lock: TrainingLock, folder: Path, model: torch.nn.Module, dtype: torch.dtype
) -> list[str]:
    """Return the tensors of a loaded base that are not those of the files that the lock lists."""
    stored: dict[str, torch.Tensor] = {}
    for file in lock.model.files:
        if file.name.endswith(".safetensors"):
            stored |= load_file(folder / file.name)
    found = dict(model.named_parameters())
    wrong = [
        name for name, tensor in found.items()
        if name not in stored or not torch.equal(tensor.detach().cpu(), stored[name].to(dtype))
    ]  # fmt: skip
    return wrong + [name for name in stored if name not in model.state_dict()]
