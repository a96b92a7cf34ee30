"""Supervised fine-tuning, from finished rows to an adapter (or full weights), top to bottom.

A thin layer over TRL's SFTTrainer, which adds what TRL does not do: seed before PEFT wraps the
model (otherwise the adapter's initial values are unseeded), take the rows in the order of the
lock, send events, mark each checkpoint as complete, and resume from the last complete one.
"""

import re
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, TaskType
from torch.utils.data import DataLoader, Sampler
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    TrainerCallback,
    set_seed,
)
from trl import SFTConfig, SFTTrainer

from lockfiles.errors import RunFailed, TunelockError
from lockfiles.fixes import Command
from lockfiles.lock import Method, Train
from planner.data.tokens.template import SPECIAL
from planner.models import config_json
from runner.engines.ranks import Alone, Ranks
from runner.runs.pipe import Line
from runner.training.callback import Watch, earlier_peak, is_whole
from runner.training.packing import Packed, passes, tokens
from runner.training.shares import Losses, Shares, is_blank, loader, with_blank

HERE = {"trust_remote_code": False, "local_files_only": True}
"""How anything is loaded: no code from a model's folder runs, and nothing is downloaded."""
SAFE = HERE | {"use_safetensors": True, "generation_config": GenerationConfig()}
"""How weights are loaded: never from pickles, which can run code. The folder's own
`generation_config.json` is not used, since it can change greedy answers or make them endless."""


@dataclass(frozen=True)
class Encoded:
    """Tokenized rows: what the model sees and what is scored."""

    input_ids: Sequence[Sequence[int]]
    labels: Sequence[Sequence[int]]
    """-100 where a token is not scored; as long as `input_ids`."""


@dataclass(frozen=True)
class SftJob:
    """Everything that the training of one lock needs."""

    base: Path
    """Folder of the base model."""
    rows: Encoded
    validation: Encoded | None
    order: Callable[[int], Sequence[int]]
    """Epoch (from 0) to the order of the row numbers."""
    method: Method
    train: Train
    work: Path
    """Where checkpoints are kept; training resumes from the last one that is already there."""
    packing: bool = False
    """Whether the rows of a step are packed."""
    predicted_bytes: int = 0
    """The peak memory that the plan predicts, reported next to the measured one."""
    pad_id: int | None = None
    """The padding token; None for the tokenizer's own."""
    ranks: Ranks = field(default_factory=Alone)
    """This process among those that train together."""

    @property
    def capacity(self) -> int:
        """Maximum tokens of a packed sequence, those of the longest row; 0 without packing."""
        return max(map(len, self.rows.input_ids)) if self.packing else 0


@dataclass(frozen=True)
class SftResult:
    """The result of a training."""

    folder: Path
    """The adapter's folder, or the full model's."""
    steps: int
    stopped: bool
    """True if a stop was requested before the end; a checkpoint was saved."""
    peak_bytes: int
    """Peak memory of the training: the greatest over all of its processes."""
    step_seconds: float
    """Median seconds of an optimizer step of this process; 0 if it made none."""


def train(job: SftJob, line: Line) -> SftResult:
    """Train to the end, or to a checkpoint if SIGTERM or a lost supervisor stops it."""
    line.send("progress", what="loading the model", done=0, total=1, unit="models")
    set_seed(job.train.seed)
    checkpoint = agreed_checkpoint(job.work, job.ranks)
    watch = Watch(line, job.predicted_bytes, earlier_peak(checkpoint), job.ranks)
    trainer = trainer_of(job, load(job.base, job.method, job.train), [watch])
    if job.ranks.rank:  # the initial adapter is the same in each process; its dropout differs
        torch.manual_seed(job.train.seed + job.ranks.rank)
    with _resuming(checkpoint, watch):
        trainer.train(resume_from_checkpoint=checkpoint)
    steps = int(trainer.state.global_step)
    watch.share()
    measured = watch.peak_bytes(), watch.median_step_seconds()
    if watch.stopping and steps < trainer.state.max_steps:
        return SftResult(job.work, steps, True, *measured)
    result = job.work / "result"
    trainer.save_model(str(result))
    return SftResult(result, steps, False, *measured)


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


def trainer_of(
    job: SftJob, model: PreTrainedModel, callbacks: Sequence[TrainerCallback]
) -> SFTTrainer:
    """Return TRL's trainer of a job, around a model that `load` returned."""
    return _Trainer(
        order=job.order,
        joins=(job.capacity, job.train.micro_batch),
        ranks=job.ranks,
        model=model,
        args=_sft_arguments(job),
        train_dataset=dataset(job.rows),
        eval_dataset=dataset(job.validation) if job.validation else None,
        processing_class=padding_of(job.base, job.pad_id),
        peft_config=lora(job.method, model),
        callbacks=list(callbacks),
    )


def padding_of(base: Path, pad_id: int | None = None) -> PreTrainedTokenizerFast:
    """Return the tokenizer that a trainer uses for padding only: rows are tokens already.

    It is read from `tokenizer.json`, with those special tokens of `tokenizer_config.json` that are
    in its vocabulary; the class and other settings there are ignored. `pad_id`, if given, pads.
    """
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(base / "tokenizer.json"))
    path, known = base / "tokenizer_config.json", tokenizer.get_vocab()
    named = config_json.read(path) if path.is_file() else {}
    for name in SPECIAL:
        value = named.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str) and text in known:
            setattr(tokenizer, name, text)
    if pad_id is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_id)
    return tokenizer


def load(base: Path, method: Method, settings: Train) -> PreTrainedModel:
    """Return the base model in the lock's dtype, in NF4 where the method is QLoRA."""
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        base, **SAFE, **loaded_as(method, settings)
    )
    keep_quantised_form(model)
    return model


def loaded_as(method: Method, settings: Train) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` for the base model: dtype, NF4, attention, device.

    On a GPU each tensor goes straight to the card: main memory never holds the complete model.
    """
    quantisation = None
    if method.kind == "qlora":
        quantisation = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, settings.dtype),
        )
    return {
        "dtype": getattr(torch, settings.dtype),
        "quantization_config": quantisation,
        "attn_implementation": settings.attention,
        "device_map": {"": torch.cuda.current_device()} if torch.cuda.is_available() else None,
    }


def keep_quantised_form(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from repacking 4-bit weights on CPU.

    It does so in the first evaluation, and unpacking is not exact: a run resumed after an
    evaluation would continue from different base weights than an uninterrupted one.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def last_whole_checkpoint(work: Path) -> str | None:
    """Return the newest complete checkpoint; remove the incomplete ones."""
    numbers: dict[int, Path] = {}
    for folder in work.glob("checkpoint-*"):
        if is_whole(folder):
            numbers[int(folder.name.removeprefix("checkpoint-"))] = folder
        else:
            shutil.rmtree(folder)
    return str(numbers[max(numbers)]) if numbers else None


def agreed_checkpoint(work: Path, ranks: Ranks) -> str | None:
    """Return the checkpoint that all processes resume from: the last complete one of rank 0."""
    if ranks.count == 1:
        return last_whole_checkpoint(work)
    newest = last_whole_checkpoint(work) if ranks.rank == 0 else None
    step = int(newest.rpartition("-")[2]) if newest else 0
    first = ranks.gathered([step])[0][0]
    return str(work / f"checkpoint-{first}") if first else None


def lora(method: Method, model: PreTrainedModel | None = None) -> LoraConfig | None:
    """Return the adapter of a lock, as PEFT takes it; None for full weights.

    If `model` is multimodal and wraps a decoder, only modules of the decoder are adapted.
    """
    if method.kind == "full":
        return None
    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=list(method.targets),
        exclude_modules=_outside_decoder(model) if model else None,
        bias=method.bias,
    )


def adapted(model: PreTrainedModel, folder: Path, method: Method) -> PeftModel:
    """Return a base model with the adapter whose tensors are in a folder.

    The adapter's configuration comes from the lock: `adapter_config.json` is not read.
    """
    found: PeftModel = PeftModel.from_pretrained(model, folder, config=lora(method, model))
    return found


def _outside_decoder(model: PreTrainedModel) -> str | None:
    """Return a pattern of the modules outside a wrapped decoder; None if it is not wrapped."""
    if model.config.get_text_config() is model.config:
        return None
    decoder = model.get_decoder()
    name = next(name for name, module in model.named_modules() if module is decoder)
    return rf"(?!{re.escape(name)}\.).*"


def arguments(job: SftJob) -> dict[str, Any]:
    """Return a lock's settings for any trainer, as fields of `transformers.TrainingArguments`."""
    settings, evaluated = job.train, job.validation is not None
    return {
        "output_dir": str(job.work),
        "per_device_train_batch_size": settings.micro_batch,
        "per_device_eval_batch_size": settings.micro_batch,
        "gradient_accumulation_steps": settings.accumulation,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup_ratio,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.gradient_clip,
        "optim": settings.optimizer,
        "bf16": settings.dtype == "bfloat16",
        "seed": settings.seed,
        "activation_checkpointing": settings.checkpointing,
        "eval_strategy": "steps" if evaluated else "no",
        "eval_steps": settings.evaluate_steps,
        "save_strategy": "steps",
        "save_steps": settings.evaluate_steps,
        "save_total_limit": 2,
        "load_best_model_at_end": evaluated and settings.keep == "best",
        "metric_for_best_model": "eval_loss" if evaluated else None,
        "greater_is_better": False if evaluated else None,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "use_cpu": not torch.cuda.is_available(),
    }


def _sft_arguments(job: SftJob) -> SFTConfig:
    """Return TRL's settings. `_Trainer` packs: TRL's own packing would join rows across steps."""
    found = arguments(job) | {"dataset_kwargs": {"skip_prepare_dataset": True}}
    if job.ranks.count > 1:
        found |= {"ddp_backend": "gloo", "ddp_find_unused_parameters": False}
    if job.packing:
        rows = job.train.micro_batch * job.train.accumulation
        found |= {"per_device_train_batch_size": rows, "gradient_accumulation_steps": 1}
    return SFTConfig(**found, max_length=None, packing=False)


def dataset(rows: Encoded) -> Dataset:
    """Return tokenized rows as a dataset for the trainer."""
    return Dataset.from_dict(
        {
            "input_ids": [list(ids) for ids in rows.input_ids],
            "labels": [list(labels) for labels in rows.labels],
        }
    )


class _Order(Sampler[int]):
    """The lock's order of the rows, epoch by epoch."""

    def __init__(self, order: Callable[[int], Sequence[int]]) -> None:
        self._order = order
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._order(self._epoch))

    def __iter__(self) -> Iterator[int]:
        return iter(self._order(self._epoch))


class _Trainer(SFTTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer with the rows in the lock's order. With packing, a step is one batch of its
    dataloader, which is split into several micro-batches."""

    data_collator: Any
    _total_train_tokens: float

    def __init__(
        self,
        *,
        order: Callable[[int], Sequence[int]],
        joins: tuple[int, int],
        ranks: Ranks,
        **arguments: Any,
    ) -> None:
        self._order, self._ranks = order, ranks
        self._capacity, self._micro_batch = joins
        super().__init__(**arguments)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> _Order:
        return _Order(self._order)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of training; those of evaluation are padded, never packed."""
        padding = self.data_collator
        if self._ranks.count > 1:
            rows = with_blank(self.train_dataset, padding.pad_token_id)
            return loader(rows, Shares(self._order, self._micro_batch, self._ranks), padding)
        if self._capacity:
            self.data_collator = Packed(padding.pad_token_id, self._capacity)
        try:
            found: DataLoader[Any] = super().get_train_dataloader()
        finally:
            self.data_collator = padding
        return found

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return the batches of evaluation, or this process's share of them."""
        if self._ranks.count > 1:
            rows, padding = self.eval_dataset, self.data_collator
            shares = Shares(lambda _: range(len(rows)), self._micro_batch, self._ranks)
            self.gather_function = Losses(self.accelerator.gather, shares)
            return loader(with_blank(rows, padding.pad_token_id), shares, padding)
        found: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        return found

    def training_step(
        self, model: Any, inputs: Any, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch: with packing the sum over its micro-batches, since TRL
        divides each by the scored tokens of the complete step."""
        if not self._capacity:
            blanks = self._ranks.gathered([int(is_blank(inputs))]) if self._ranks.count > 1 else []
            loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            if blanks:
                self._total_train_tokens -= sum(own for (own,) in blanks)
                self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
            return loss
        total = self._total_train_tokens + tokens(inputs)
        parts = list(passes(inputs, self._micro_batch))
        self.current_gradient_accumulation_steps = len(parts)
        losses = [super(_Trainer, self).training_step(model, p, num_items_in_batch) for p in parts]
        self._total_train_tokens = total  # TRL counts padding too
        self._metrics["train"]["num_tokens"] = [total]
        return torch.stack(losses).sum()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load a checkpoint and keep each parameter's dtype.

        TRL trains a QLoRA adapter in bf16; PEFT's `load_adapter` casts what it loads to fp32, so
        that a resumed run would round differently from an uninterrupted one.
        """
        kept = {name: value.dtype for name, value in self.model.named_parameters()}
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        for name, value in self.model.named_parameters():
            value.data = value.data.to(kept[name])
