"""What a person may set for `tunelock fit`, and the plans that are possible for it."""

from dataclasses import dataclass
from functools import cached_property

from planner.fit.models import FitModel
from planner.machines.facts import MachineFacts
from planner.objectives.registry import ObjectiveName
from planner.parallelism.layouts import Offload, Parallel
from planner.search.candidates import Candidates
from planner.search.from_answers import RANKS
from planner.search.lora_targets import preset
from planner.search.plan import Plan
from planner.search.ranking import best_or_least
from planner.search.request import EFFECTIVE_BATCH, Optimizer, Request
from planner.setup.setup import Kind

LENGTH = 2048
"""Tokens of the longest row where nothing says so, unless the model's context is shorter."""
DROPOUT = 0.05
"""Of the adapters, as in the interview."""


@dataclass(frozen=True)
class Wish:
    """What a person set; None leaves a value to be chosen."""

    objective: ObjectiveName = "sft"
    """What the loss teaches."""
    method: Kind | None = None
    """What is trained; None tries every method."""
    rank: int | None = None
    """Adapter rank, at least 1."""
    length: int | None = None
    """Longest row, in tokens."""
    micro_batch: int | None = None
    """Examples at once on one card, at least 1."""
    checkpointing: bool | None = None
    """Whether activations are computed again in the backward pass."""
    optimizer: Optimizer | None = None
    """The optimizer, by the name that transformers gives it."""
    dropout: float | None = None
    """Of the adapters, 0 to 1."""
    accumulation: int | None = None
    """Micro-batches in a step, at least 1."""
    packing: bool = False
    """Whether rows are joined up to `length`."""
    parallel: Parallel | None = None
    """How several cards share the work."""
    offload: Offload | None = None
    """What lies in main memory: nothing, the optimizer's states, or the weights too."""


@dataclass(frozen=True)
class FitRequest:
    """What is asked of `tunelock fit`; `contradictions.check` it first."""

    model: FitModel
    """The base model."""
    machine: MachineFacts
    """The machine, here or elsewhere; all of its cards train together."""
    wish: Wish
    """What was set."""

    @cached_property
    def candidates(self) -> Candidates:
        """The plans that are possible."""
        return Candidates(self._request, self.model, self.machine)

    @cached_property
    def methods(self) -> tuple[Kind, ...]:
        """Methods to answer for."""
        if self.wish.method:
            return (self.wish.method,)
        return tuple(kind for kind in _SHOWN if kind in self.candidates.possible)

    def best(self, method: Kind) -> Plan:
        """Return the plan to choose of a method, or the one that needs least where none fits."""
        return self.candidates.plan(best_or_least(self.candidates, method))

    @property
    def _request(self) -> Request:
        wish, context = self.wish, self.model.architecture.context
        return Request(
            longest=wish.length or min(LENGTH, context),
            rank=wish.rank or RANKS["behaviour"],
            targets=preset(self.model.architecture, "all-linear"),
            dropout=DROPOUT if wish.dropout is None else wish.dropout,
            objective=wish.objective,
            method=wish.method,
            optimizer=wish.optimizer,
            effective_batch=self._processes * self._share,
            micro_batch=wish.micro_batch,
            accumulation=wish.accumulation,
            checkpointing=wish.checkpointing,
            packing=wish.packing,
            processes=self._processes,
            parallel=wish.parallel,
            offload=wish.offload,
        )

    @property
    def _processes(self) -> int:
        return max(1, len(self.machine.gpus))

    @property
    def _share(self) -> int:
        """Rows of a step in each process: as many as come near the usual number of all."""
        wish = self.wish
        if wish.accumulation:
            return wish.accumulation * wish.micro_batch if wish.micro_batch else EFFECTIVE_BATCH
        share = max(1, EFFECTIVE_BATCH // self._processes)
        return -(-share // wish.micro_batch) * wish.micro_batch if wish.micro_batch else share


_SHOWN: tuple[Kind, ...] = ("full", "lora", "qlora")
"""Every method, in the order of the answers."""
