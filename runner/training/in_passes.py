"""Training and evaluation in padding-free passes, without what costs the host time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from planner.data.tokens.example import IGNORED
from runner.engines.ranks import Alone, Ranks
from runner.training.accelerated import Accelerated
from runner.training.exchange import Exchange
from runner.training.greatest import greatest_passes, most_rows
from runner.training.job import Job
from runner.training.padding_free import PaddingFree, Row
from runner.training.routed import share
from runner.training.unwalked import Unwalked


def chooses() -> bool:
    """Return whether the positions to score are chosen here: on a card. On a CPU TRL scores all."""
    return torch.cuda.is_available()


class InPasses(Unwalked):
    """The part of a trainer for a lock with `train.pass_tokens`."""

    _total_train_tokens: float
    _ranks: Ranks = Alone()
    _pass_tokens = 0
    """Of a trainer that was made without its constructor, as a trace makes it."""

    def __init__(self, *, job: Job, **arguments: Any) -> None:
        self._pass_tokens, self._longest = job.train.pass_tokens, job.longest_of_all
        self._ranks = job.ranks
        self._bounded = job.train.attention == "varlen"
        self._greatest: Callable[[], Sequence[Sequence[Row]]] = lambda: greatest_passes(job)
        self._sizes = tuple(job.train.graph_sizes)
        self._most_rows = most_rows(job) if self._sizes else 0
        self._fast = Accelerated()
        self._exchange: Exchange | None = None
        self._warm = False
        self._replicated = self._pass_tokens > 0 and job.parallel.engine == "ddp"
        """Whether each process adds up the gradients of its passes by itself, and exchanges them
        with the last one: what is recorded as CUDA graphs would not be seen by torch's DDP."""
        super().__init__(**arguments)
        self._backward = {"scale_wrt_gas": False} if self.is_deepspeed_enabled else {}
        if self._pass_tokens:
            routed = getattr(self, "aux_loss_enabled", False)  # then TRL computes the loss
            choose = chooses() and not routed
            self._fast = Accelerated.of(self.model, job.train, choose=choose)

    def passes_of_training(self) -> PaddingFree:
        """Return what joins the rows of a step."""
        return PaddingFree(
            self._pass_tokens, self._longest, self._bounded, self._sizes, self._most_rows,
            chosen=self._fast.chosen, rank=self._ranks.rank, ranks=self._ranks.count,
        )  # fmt: skip

    def passes_of_evaluation(self) -> PaddingFree:
        """Return what joins rows of an evaluation, which may be longer than a pass of training."""
        most = max(self._pass_tokens, self._longest)
        return PaddingFree(
            most, self._longest, self._bounded, chosen=self._fast.chosen, rank=self._ranks.rank,
            ranks=self._ranks.count,
        )  # fmt: skip

    def in_passes(
        self, joined: PaddingFree, model: Any, inputs: Any, scored: torch.Tensor | int | None
    ) -> torch.Tensor:
        """Return the loss of a step, the sum over its passes.

        It leaves out what transformers does around each pass and what takes time on the host:
        counting operations, setting every module to training, and reading metrics from the card.
        """
        self.set_to_training(model)
        if not self._warm:
            self._warm_up(joined, model)
        total = self._total_train_tokens + joined.tokens(inputs)
        losses = []
        for at, one in enumerate(joined.passes(inputs), 1):
            last = at == len(inputs["cuts"])
            if last and self._exchange and not self._fast.graphs:  # a replay runs no hooks
                self._exchange.begin()
            self._share_router(inputs, at - 1)
            losses.append(self._passed(model, one, scored, sync=last))
        if self._exchange:
            self._exchange.finish()
        self._total_train_tokens = total  # TRL counts them too where a router has a loss
        self._metrics["train"]["num_tokens"] = [total]
        return torch.stack(losses).sum()

    def _passed(self, model: Any, inputs: Any, scored: Any, *, sync: bool = True) -> torch.Tensor:
        """Return the loss of a pass, after its backward pass; DeepSpeed makes its step with the
        last one, for which `sync` is true."""
        with self.compute_loss_context_manager():
            loss: torch.Tensor = self.compute_loss(model, inputs, num_items_in_batch=scored)
        self.accelerator.gradient_state._set_sync_gradients(sync)
        self.accelerator.backward(loss, **self._backward)
        return loss.detach()

    def _share_router(self, step: Any, at: int) -> None:
        """Let TRL take the mean of a router's loss over the passes of a step that have rows."""
        self.current_gradient_accumulation_steps = share(
            step["with_rows"], self._ranks.count, blank=step["blank"][at]
        )

    def _warm_up(self, joined: PaddingFree, model: Any) -> None:
        """Compute the greatest pass of the run, record one of each size, and forget the gradients.

        A run without enough memory ends here, before its first step. The allocator has its largest
        blocks from here on. Random numbers continue as if nothing had happened.
        """
        self._warm = True
        if self._replicated:
            self._exchange = Exchange(self._trained, self._ranks.count)
        if not torch.cuda.is_available() or self.is_deepspeed_enabled:
            return
        joined = replace(joined, rank=0, ranks=1)
        kept: torch.Tensor = torch.get_rng_state()
        drawn = torch.cuda.get_rng_state()
        total, graphs = self._total_train_tokens, self._fast.graphs
        greatest, *others = self._greatest()
        self._compute(joined, model, [greatest])
        if graphs:
            torch.cuda.empty_cache()  # memory is kept for each stream
            for graphs.recording in ("try", "record"):
                self._compute(joined, model, others)
            graphs.recording = ""
        self._clear()
        self._total_train_tokens = total
        self._metrics["train"].clear()
        torch.set_rng_state(kept)
        torch.cuda.set_rng_state(drawn)

    def _compute(self, joined: PaddingFree, model: Any, every: Iterable[Sequence[Row]]) -> None:
        """Compute a pass of each group of rows."""
        for rows in every:
            step = self._prepare_inputs(joined(rows))
            for one in joined.passes(step):
                self._passed(model, one, joined.tokens(step))

    def _clear(self, set_to_none: bool = True) -> None:
        """Clear the gradients, where they are if passes are recorded."""
        if not self._fast.graphs:
            super()._clear(set_to_none)
        elif found := [one.grad for one in self._trained if one.grad is not None]:
            torch._foreach_zero_(found)

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, *given: Any, **named: Any
    ) -> Any:
        """Return the loss of a batch of evaluation, and nothing else."""
        if not self._pass_tokens:
            return super().prediction_step(model, inputs, prediction_loss_only, *given, **named)
        step = self._prepare_inputs(inputs)
        joined = self.passes_of_evaluation()
        own = (step["labels"] != IGNORED).sum()
        scored = self.accelerator.gather(own[None]).sum()
        losses = []
        with torch.no_grad(), self.compute_loss_context_manager(), self._fast.evaluating():
            for at, one in enumerate(joined.passes(step)):
                self._share_router(step, at)
                some = scored.clamp(min=1)
                losses.append(self.compute_loss(model, one, num_items_in_batch=some))
        loss = torch.stack(losses).sum() / self._ranks.count
        self._evaluated.append((float(loss * scored), int(own)))
        return loss, None, None

    def evaluation_loop(self, *given: Any, **named: Any) -> Any:
        """Return transformers' result, in padding-free passes with the mean over scored tokens."""
        self._evaluated: list[tuple[float, int]] = []
        found = super().evaluation_loop(*given, **named)
        if self._evaluated:
            own = torch.tensor(self._evaluated, dtype=torch.float64, device=self.args.device)
            every = self.accelerator.gather(own.sum(dim=0, keepdim=True))
            losses, scored = every.sum(dim=0).tolist()
            prefix = named.get("metric_key_prefix", "eval")
            found.metrics[f"{prefix}_loss"] = losses / scored
        return found
