"""What the trainers of all objectives share: order of rows, packing, several processes.

In a class, `Ordered` is the base before the trainer of TRL.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch.utils.data import DataLoader, Sampler

from runner.engines.ranks import Alone
from runner.environments.collecting import running
from runner.training import states
from runner.training.adapter import check_adapter
from runner.training.ahead import Ahead
from runner.training.job import Job
from runner.training.packing import Packed
from runner.training.padding_free import PaddingFree
from runner.training.saving import Saving
from runner.training.shares import COUNTED, Losses, Shares, is_blank, loader, with_blank
from runner.training.spread import Spread
from runner.training.stored import is_shared


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


class Ordered(Ahead, Saving, Spread):
    """A trainer with the rows in the lock's order. With packing, a step is one batch of its
    dataloader, which is split into several passes."""

    data_collator: Any

    def __init__(self, *, job: Job, **arguments: Any) -> None:
        self._order = job.order
        self._micro_batch, self._capacity = job.train.micro_batch, job.longest
        self._accumulation = job.train.accumulation
        self._packing = job.packing
        self._joined: Packed | PaddingFree | None = None
        self._uncounted = 0
        """Tokens of this process's micro-batches, before those of a step are added up."""
        super().__init__(job=job, **arguments)

    def train(self, *given: Any, **named: Any) -> Any:
        """Train as transformers does, with nothing collected of what was there before."""
        with running():
            return super().train(*given, **named)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> _Order:
        return _Order(self._order)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of training: rows, or with packing steps."""
        padding = self.data_collator
        if self._pass_tokens and self._ranks.count > 1:
            joined = self._joined = self.passes_of_training()
            return self._whole_steps(self.train_dataset, self._order, self._accumulation, joined)
        if self._ranks.count > 1:
            rows = with_blank(self.train_dataset)
            shares = Shares(self._order, self._micro_batch, self._ranks)
            return self._loader(rows, shares, self.counted(padding))
        if self._packing:
            self.data_collator = self._joined = self._joining(padding.pad_token_id)
        else:
            self.data_collator = self.counted(padding)
        try:
            found: DataLoader[Any] = super().get_train_dataloader()
        finally:
            self.data_collator = padding
        return found

    def _whole_steps(
        self, rows: Any, order: Any, accumulation: int, joined: Any
    ) -> DataLoader[Any]:
        """Return all rows of each step, of which each process lays out its own passes."""
        each = self._micro_batch * accumulation * self._ranks.count
        return self._loader(rows, Shares(order, each, Alone()), joined)

    def _loader(self, rows: Dataset, shares: Shares, joined: Any) -> DataLoader[Any]:
        return loader(rows, shares, joined, self.args.device)

    def counted(self, padding: Any) -> Any:
        """Return what joins the rows of a micro-batch, with their `COUNTED` tokens where this
        trainer does not leave counting to TRL."""
        return padding

    def _joining(self, pad_id: int) -> Packed | PaddingFree:
        """Return what joins the rows of a step."""
        if self._pass_tokens:
            return self.passes_of_training()
        return Packed(pad_id, self._capacity, self._micro_batch)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return the batches of evaluation, or this process's share of them."""
        if self._pass_tokens and self._ranks.count > 1:
            self.gather_function, held = self.accelerator.gather, range(len(self.eval_dataset))
            joined = self.passes_of_evaluation()
            return self._whole_steps(self.eval_dataset, lambda _: held, 1, joined)
        if self._ranks.count > 1:
            rows, padding = self.eval_dataset, self.data_collator
            shares = Shares(lambda _: range(len(rows)), self._micro_batch, self._ranks)
            self.gather_function = Losses(self.accelerator.gather, shares)
            return self._loader(with_blank(rows), shares, padding)
        padding = self.data_collator
        if self._pass_tokens:
            self.data_collator = self.passes_of_evaluation()
        try:
            found: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = padding
        return found

    def training_step(
        self, model: Any, inputs: Any, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch: with packing the sum over its micro-batches, since TRL
        divides each by the scored tokens of the complete step."""
        loss = self._computed(model, inputs, num_items_in_batch)
        self.collect_next()
        return loss

    def _computed(self, model: Any, inputs: Any, num_items_in_batch: Any) -> torch.Tensor:
        joined = self._joined
        if joined is None:
            return self._in_micro_batches(model, inputs, num_items_in_batch)
        if isinstance(joined, PaddingFree):
            return self.in_passes(joined, model, inputs, num_items_in_batch)
        total = self._total_train_tokens + joined.tokens(inputs)
        self.set_to_training(model)
        parts = list(joined.passes(inputs))
        self.current_gradient_accumulation_steps = len(parts)
        losses = [super(Ordered, self).training_step(model, p, num_items_in_batch) for p in parts]
        self._total_train_tokens = total  # TRL counts padding too
        self._metrics["train"]["num_tokens"] = [total]
        return torch.stack(losses).sum()

    def _in_micro_batches(self, model: Any, inputs: Any, scored: Any) -> torch.Tensor:
        """Return the loss of a micro-batch, and count its tokens on all processes."""
        self.set_to_training(model)
        several, total = self._ranks.count > 1, self._total_train_tokens
        counted = inputs.pop(COUNTED, None)
        blanks = counted is None and several and self._ranks.gathered([int(is_blank(inputs))])
        loss: torch.Tensor = super().training_step(model, inputs, scored)
        if counted is not None:
            self._uncounted += counted
            self._total_train_tokens = total
            if self.accelerator.gradient_state.sync_gradients:
                every = self._ranks.gathered([self._uncounted])
                self._total_train_tokens += sum(own for (own,) in every)
                self._uncounted = 0
        if blanks:
            self._total_train_tokens -= sum(own for (own,) in blanks)
        if several or counted is not None:
            self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return loss

    def floating_point_ops(self, inputs: Any) -> int:
        """Count nothing: no event has the count, and counting takes milliseconds of every step."""
        return 0

    def store_flos(self) -> None:
        """Add up nothing: processes would exchange what they counted, and wait, in every step."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no model card: TRL's would name this machine's folders, and links to nothing."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load a checkpoint and keep each parameter's dtype.

        TRL trains a QLoRA adapter in bf16; PEFT's `load_adapter` casts what it loads to fp32, so
        that a resumed run would round differently from an uninterrupted one.
        """
        self._loaded_from = Path(resume_from_checkpoint)
        kept = {name: value.dtype for name, value in self.model.named_parameters()}
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self._sharding is not None or is_shared(self._loaded_from):
            return  # it is loaded once the model and its optimizer are prepared
        for name, value in self.model.named_parameters():
            value.data = value.data.to(kept[name])
        if isinstance(self.model, PeftModel):
            check_adapter(self.model, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        self._loaded_from = Path(self.state.best_model_checkpoint)
        super()._load_best_model()

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Raise RunFailed if a checkpoint lacks a trained parameter: transformers only warns, and
        training would continue from the base model's."""
        missing, every = set(load_result.missing_keys), states.trained(self.model)
        tied = defaultdict(set)
        for name, one in self.model.named_parameters(remove_duplicate=False):
            tied[id(one)].add(name)
        lost = [name for name, one in every.items() if tied[id(one)] <= missing]
        if lost:
            raise states.lacking(self._loaded_from, lost, len(every))
