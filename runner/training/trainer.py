"""What the trainers of all objectives share: order of rows, packing, several processes.

In a class, `Ordered` is the base before the trainer of TRL.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch.utils.data import DataLoader, Sampler

from planner.data.tokens.example import IGNORED
from runner.training.adapter import check_adapter
from runner.training.greatest import greatest_pass
from runner.training.job import Job
from runner.training.packing import Packed
from runner.training.padding_free import PaddingFree, Row
from runner.training.shares import Losses, Shares, is_blank, loader, with_blank

if TYPE_CHECKING:
    from transformers import Trainer as _Base
else:
    _Base = object


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


class Ordered(_Base):  # type: ignore[misc]  # transformers ships no types that mypy follows
    """A trainer with the rows in the lock's order. With packing, a step is one batch of its
    dataloader, which is split into several passes."""

    data_collator: Any
    _total_train_tokens: float
    _pass_tokens = 0
    """Of a trainer that was made without its constructor, as a trace makes it."""

    def __init__(self, *, job: Job, **arguments: Any) -> None:
        self._order, self._ranks = job.order, job.ranks
        self._micro_batch, self._capacity = job.train.micro_batch, job.longest
        self._longest = job.longest_of_all
        self._pass_tokens, self._packing = job.train.pass_tokens, job.packing
        self._bounded = job.train.attention == "varlen"
        self._joined: Packed | PaddingFree | None = None
        self._greatest: Callable[[], Sequence[Row]] = lambda: greatest_pass(job)
        self._warm = False
        super().__init__(**arguments)

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> _Order:
        return _Order(self._order)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of training; those of evaluation are padded, never packed."""
        padding = self.data_collator
        if self._ranks.count > 1:
            rows = with_blank(self.train_dataset, padding.pad_token_id)
            return loader(rows, Shares(self._order, self._micro_batch, self._ranks), padding)
        if self._packing:
            self.data_collator = self._joined = self._joining(padding.pad_token_id)
        try:
            found: DataLoader[Any] = super().get_train_dataloader()
        finally:
            self.data_collator = padding
        return found

    def _joining(self, pad_id: int) -> Packed | PaddingFree:
        """Return what joins the rows of a step."""
        if self._pass_tokens:
            return PaddingFree(self._pass_tokens, self._longest, self._bounded)
        return Packed(pad_id, self._capacity, self._micro_batch)

    def _evaluating(self) -> PaddingFree:
        """Return what joins rows of an evaluation, which may be longer than a pass of training."""
        most = max(self._pass_tokens, self._longest)
        return PaddingFree(most, self._longest, self._bounded)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """Return the batches of evaluation, or this process's share of them."""
        if self._ranks.count > 1:
            rows, padding = self.eval_dataset, self.data_collator
            shares = Shares(lambda _: range(len(rows)), self._micro_batch, self._ranks)
            self.gather_function = Losses(self.accelerator.gather, shares)
            return loader(with_blank(rows, padding.pad_token_id), shares, padding)
        padding = self.data_collator
        if self._pass_tokens:
            self.data_collator = self._evaluating()
        try:
            found: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
        finally:
            self.data_collator = padding
        return found

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, *given: Any, **named: Any
    ) -> Any:
        """Return the loss of a batch of evaluation, and nothing else."""
        if not self._pass_tokens:
            return super().prediction_step(model, inputs, prediction_loss_only, *given, **named)
        step = self._prepare_inputs(inputs)
        joined = self._evaluating()
        scored = (step["labels"] != IGNORED).sum().clamp(min=1)
        self.current_gradient_accumulation_steps = len(step["cuts"])
        with torch.no_grad(), self.compute_loss_context_manager():
            losses = [
                self.compute_loss(model, one, num_items_in_batch=scored)
                for one in joined.passes(step)
            ]
        loss = torch.stack(losses).sum()
        self._evaluated.append((float(loss * scored), int(scored)))
        return loss, None, None

    def evaluation_loop(self, *given: Any, **named: Any) -> Any:
        """Return transformers' result, in padding-free passes with the mean over scored tokens."""
        self._evaluated: list[tuple[float, int]] = []
        found = super().evaluation_loop(*given, **named)
        if self._evaluated:
            losses, scored = zip(*self._evaluated, strict=True)
            prefix = named.get("metric_key_prefix", "eval")
            found.metrics[f"{prefix}_loss"] = sum(losses) / sum(scored)
        return found

    def training_step(
        self, model: Any, inputs: Any, num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Return the loss of a batch: with packing the sum over its micro-batches, since TRL
        divides each by the scored tokens of the complete step."""
        joined = self._joined
        if joined is None:
            blanks = self._ranks.gathered([int(is_blank(inputs))]) if self._ranks.count > 1 else []
            loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            if blanks:
                self._total_train_tokens -= sum(own for (own,) in blanks)
                self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
            return loss
        if isinstance(joined, PaddingFree):
            return self._in_passes(joined, model, inputs, num_items_in_batch)
        total = self._total_train_tokens + joined.tokens(inputs)
        parts = list(joined.passes(inputs))
        self.current_gradient_accumulation_steps = len(parts)
        losses = [super(Ordered, self).training_step(model, p, num_items_in_batch) for p in parts]
        self._total_train_tokens = total  # TRL counts padding too
        self._metrics["train"]["num_tokens"] = [total]
        return torch.stack(losses).sum()

    def _in_passes(
        self, joined: PaddingFree, model: Any, inputs: Any, scored: torch.Tensor | int | None
    ) -> torch.Tensor:
        """Return the loss of a step, the sum over its passes.

        It leaves out what transformers does around each pass and what takes time on the host:
        counting operations, setting every module to training, and reading metrics from the card.
        """
        if not model.training:
            model.train()
        if not self._warm:
            self._warm_up(joined, model)
        total = self._total_train_tokens + joined.tokens(inputs)
        self.current_gradient_accumulation_steps = len(inputs["cuts"])  # shares a router's loss
        losses = [self._passed(model, one, scored) for one in joined.passes(inputs)]
        self._total_train_tokens = total  # TRL counts them too where a router has a loss
        self._metrics["train"]["num_tokens"] = [total]
        return torch.stack(losses).sum()

    def _passed(self, model: Any, inputs: Any, scored: Any) -> torch.Tensor:
        with self.compute_loss_context_manager():
            loss: torch.Tensor = self.compute_loss(model, inputs, num_items_in_batch=scored)
        self.accelerator.backward(loss)
        return loss.detach()

    def _warm_up(self, joined: PaddingFree, model: Any) -> None:
        """Compute the greatest pass of the run, and forget its gradients.

        A run without enough memory ends here, before its first step. The allocator has its largest
        blocks from here on. Random numbers continue as if nothing had happened.
        """
        self._warm = True
        if not torch.cuda.is_available():
            return
        kept: torch.Tensor = torch.get_rng_state()
        drawn = torch.cuda.get_rng_state()
        total = self._total_train_tokens
        step = self._prepare_inputs(joined(self._greatest()))
        for one in joined.passes(step):
            self._passed(model, one, int((one["labels"] != IGNORED).sum()) or 1)
        model.zero_grad()
        self._total_train_tokens = total
        self._metrics["train"].clear()
        torch.set_rng_state(kept)
        torch.cuda.set_rng_state(drawn)

    def floating_point_ops(self, inputs: Any) -> int:
        """Count nothing: no event has the count, and counting takes milliseconds of every step."""
        return 0

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no model card: TRL's would name this machine's folders, and links to nothing."""

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load a checkpoint and keep each parameter's dtype.

        TRL trains a QLoRA adapter in bf16; PEFT's `load_adapter` casts what it loads to fp32, so
        that a resumed run would round differently from an uninterrupted one.
        """
        kept = {name: value.dtype for name, value in self.model.named_parameters()}
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        for name, value in self.model.named_parameters():
            value.data = value.data.to(kept[name])
        if isinstance(self.model, PeftModel):
            check_adapter(self.model, Path(resume_from_checkpoint))
