"""The options of `tunelock fit`, and the plans that are possible for them."""

from dataclasses import dataclass
from functools import cached_property

from planner.fit import assumed
from planner.fit.models import FitModel
from planner.machines.facts import MachineFacts
from planner.memory.family_quirks import habits
from planner.objectives.registry import ObjectiveName, objective_of
from planner.parallelism.layouts import Offload, Parallel
from planner.search.candidates import Candidates
from planner.search.dropout import DROPOUT
from planner.search.from_answers import RANKS
from planner.search.lora_targets import preset
from planner.search.plan import Plan
from planner.search.ranking import best_or_least
from planner.search.request import EFFECTIVE_BATCH, Optimizer, Request
from planner.setup.setup import Kind, Profile

LENGTH = 2048
"""Default tokens of the longest row; a shorter context of the model limits it."""


@dataclass(frozen=True)
class Wish:
    """The options that were set; None leaves a value to the search."""

    objective: ObjectiveName = "sft"
    """What the loss teaches."""
    method: Kind | None = None
    """What is trained; None tries every method."""
    rank: int | None = None
    """Adapter rank, at least 1."""
    length: int | None = None
    """Longest row, in tokens."""
    micro_batch: int | None = None
    """Rows per micro-batch on one card, at least 1; pairs for DPO and reward."""
    checkpointing: bool | None = None
    """Whether activations are recomputed in the backward pass."""
    optimizer: Optimizer | None = None
    """The optimizer, by its name in transformers."""
    dropout: float | None = None
    """Dropout of adapters, 0 to 1."""
    accumulation: int | None = None
    """Micro-batches per optimizer step, at least 1."""
    packing: bool | None = None
    """Whether rows are packed: concatenated in passes, or with a set micro-batch packed into rows
    of `length` tokens."""
    parallel: Parallel | None = None
    """How several cards share the work."""
    offload: Offload | None = None
    """What is offloaded to main memory: nothing, the optimizer states, or the weights too."""
    nodes: int = 1
    """Machines that train together."""
    ram_gib: float | None = None
    """Main memory of each, in GiB, where it was given."""


@dataclass(frozen=True)
class FitRequest:
    """A question to `tunelock fit`; call `contradictions.check` on it first."""

    model: FitModel
    """The base model."""
    machine: MachineFacts
    """The machine, local or not, or several of them; all of the cards train together."""
    wish: Wish
    """The options."""
    padded: bool = False
    """Whether every row counts as the longest, as in a trace."""

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The tokens of the rows that are assumed (`planner.fit.assumed`); empty where every row
        counts as the longest: where rows cannot be concatenated, or are not."""
        wish, gpus = self.wish, self.machine.gpus
        free = not (wish.micro_batch or wish.accumulation or self.padded)
        able = free and wish.packing is not False and bool(gpus)
        able = able and all(card.vendor in ("NVIDIA", "AMD") for card in gpus)
        packs = habits(self.model.architecture.family).packs and objective_of(wish.objective).packs
        step = self._processes * self._share
        return assumed.lengths(self.longest, step) if able and packs else ()

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return self.wish.length or min(LENGTH, self.model.architecture.context)

    @property
    def nodes(self) -> int:
        """Machines that train together."""
        return self.wish.nodes

    @cached_property
    def candidates(self) -> Candidates:
        """The plans that are possible."""
        return Candidates(self._request, self.model, self.machine)

    @cached_property
    def ways(self) -> dict[Profile, str]:
        """A cache of `planner.fit.alternatives`: what would fit instead of each plan."""
        return {}

    @cached_property
    def methods(self) -> tuple[Kind, ...]:
        """The methods that get an answer."""
        if self.wish.method:
            return (self.wish.method,)
        return tuple(kind for kind in _SHOWN if kind in self.candidates.possible)

    def best(self, method: Kind) -> Plan:
        """Return the best plan of a method; where none fits, the one that needs the least."""
        return self.candidates.plan(best_or_least(self.candidates, method))

    @property
    def _request(self) -> Request:
        wish = self.wish
        return Request(
            longest=self.longest,
            lengths=self.lengths,
            tokens=sum(self.lengths),
            rank=wish.rank or RANKS["behavior"],
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
            nodes=wish.nodes,
            parallel=wish.parallel,
            offload=wish.offload,
        )

    @property
    def _processes(self) -> int:
        return max(1, len(self.machine.gpus))

    @property
    def _share(self) -> int:
        """Rows of a step per process, so that the total is near `EFFECTIVE_BATCH`."""
        wish = self.wish
        if wish.accumulation:
            return wish.accumulation * wish.micro_batch if wish.micro_batch else EFFECTIVE_BATCH
        share = max(1, EFFECTIVE_BATCH // self._processes)
        return -(-share // wish.micro_batch) * wish.micro_batch if wish.micro_batch else share


_SHOWN: tuple[Kind, ...] = ("full", "lora", "qlora")
"""Every method, in the order of the output."""
