"""The values that are tried for what is asked, and the plans that they make."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Literal

from planner.machines.facts import MachineFacts
from planner.memory import Sized
from planner.memory.family_quirks import habits
from planner.models import layers
from planner.objectives.objective import Objective
from planner.objectives.registry import objective_of
from planner.parallelism.layouts import Layout, layouts, may_offload, on_cpu
from planner.search.request import Optimizer, Request
from planner.setup.setup import Kind, Profile

AUTOCAST = True
"""Whether the trainer computes float32 adapters in bfloat16 (its `bf16`)."""
CPU_BATCH_TOKENS = 2048
"""Tokens from which a larger micro-batch on CPU takes memory and saves no time."""
NF4_BLOCK = 64
"""Narrowest layer that bitsandbytes quantises on CPU."""
METHODS: tuple[Kind, ...] = ("lora", "qlora", "full")
"""Every method, in the order of preference; full fine-tuning is never chosen unasked."""


@dataclass(frozen=True)
class Space:
    """The values that are tried for one request, one model and one machine.

    The faces look for contradictions in a request first: nothing here raises for them.
    """

    request: Request
    """What is asked."""
    model: Sized
    """The base model."""
    machine: MachineFacts
    """The machine, with the cards that count."""

    def of(self, kind: Kind, layout: Layout) -> Iterator[Profile]:
        """Yield the plans of a method whose processes share the work in one way, in the order of
        preference where no speed is known."""
        for packing, checkpointing in product(self.packings, self.checkpointings):
            for micro_batch in self.micro_batches:
                yield self.profile(kind, micro_batch, checkpointing, packing, layout)

    @cached_property
    def narrowest(self) -> int:
        """Width of the narrowest linear layer."""
        return min(min(p.inputs, p.outputs) for p in layers.linears(self.model.architecture))

    @cached_property
    def no_qlora(self) -> str:
        """Why QLoRA cannot be done, as a sentence; empty where it can."""
        family = self.model.architecture.family
        if habits(family).own_linears:
            return (
                f"transformers leaves the layers of `{family}` unquantised, and QLoRA would be "
                "LoRA."
            )
        if self.machine.kind == "cpu" and self.narrowest < NF4_BLOCK:
            return (
                f"QLoRA on CPU needs layers of {NF4_BLOCK} or wider, and this model's narrowest "
                f"is {self.narrowest}."
            )
        return ""

    @cached_property
    def possible(self) -> tuple[Kind, ...]:
        """Every method that can be done, in the order of preference."""
        return tuple(kind for kind in METHODS if not (kind == "qlora" and self.no_qlora))

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Methods to choose from, the best first."""
        if self.request.method:
            return (self.request.method,)
        return tuple(kind for kind in self.possible if kind != "full")

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """How the processes may share the work, what costs least time first; empty where no way
        does what is set."""
        asked = self.request
        if self.machine.kind == "cpu":
            return on_cpu(asked.processes, asked.parallel)
        return layouts(asked.processes, asked.parallel, asked.offload)

    @cached_property
    def unmoved(self) -> tuple[Layout, ...]:
        """Those of the layouts that offload nothing, unless that is set."""
        kept = self.request.offload or "none"
        return tuple(at for at in self.layouts if at[1] == kept)

    def layouts_of(self, kind: Kind) -> tuple[Layout, ...]:
        """Return those of the layouts that a method may choose."""
        asked = self.request.offload
        return tuple(at for at in self.layouts if may_offload(kind, at[1], asked))

    @cached_property
    def checkpointings(self) -> tuple[bool, ...]:
        """Whether to compute activations again: not where it fits without, or as it was set."""
        given = self.request.checkpointing
        return (False, True) if given is None else (given,)

    @cached_property
    def packings(self) -> tuple[bool, ...]:
        """Whether to join rows: not where padding costs nothing, or as it was set."""
        asked = self.request
        if asked.packing is not None:
            return (asked.packing,)
        able = self.packs and self.spec.packs and asked.processes == 1
        choice = able and self.differ and self.machine.kind == "cuda"
        return (False, True) if choice else (False,)

    @cached_property
    def spec(self) -> Objective:
        """The record of the objective."""
        return objective_of(self.request.objective)

    @property
    def packs(self) -> bool:
        """Whether the model's family keeps packed rows apart."""
        return habits(self.model.architecture.family).packs

    @cached_property
    def differ(self) -> bool:
        """Whether the rows are of several lengths."""
        return bool(self.request.lengths) and min(self.request.lengths) < self.request.longest

    @cached_property
    def share(self) -> int:
        """Rows that one process gets of a step, where accumulation is not set."""
        return max(1, self.request.effective_batch // self.request.processes)

    @cached_property
    def micro_batches(self) -> tuple[int, ...]:
        """Divisors of what one process gets of a step, falling, or the one that was set."""
        if self.request.micro_batch:
            return (self.request.micro_batch,)
        most = min(self.share, self.most)
        return tuple(n for n in range(most, 0, -1) if self.share % n == 0)

    @cached_property
    def most(self) -> int:
        """Most rows at once that make sense in one process."""
        asked = self.request
        rows = self.share if asked.rows is None else asked.rows // asked.processes
        on_cpu = self.machine.kind == "cpu"
        return max(1, min(rows, CPU_BATCH_TOKENS // asked.longest if on_cpu else rows))

    def accumulation(self, micro_batch: int) -> int:
        """Return the micro-batches of a step."""
        return self.request.accumulation or -(-self.share // micro_batch)

    @cached_property
    def dtype(self) -> Literal["float32", "bfloat16"]:
        """bfloat16 where every card computes it, from compute capability 8.0."""
        capable = [gpu.computes_bfloat16 for gpu in self.machine.gpus]
        return "bfloat16" if self.machine.kind == "cuda" and all(capable) else "float32"

    @cached_property
    def optimizer(self) -> Optimizer:
        """The one that was set, or AdamW as the device computes it fastest."""
        on_card = self.machine.kind == "cuda"
        return self.request.optimizer or ("adamw_torch_fused" if on_card else "adamw_torch")

    def profile(
        self,
        kind: Kind,
        micro_batch: int,
        checkpointing: bool,
        packing: bool | None = None,
        layout: Layout | None = None,
    ) -> Profile:
        """Return the plan with these values and the request's others.

        `packing` and `layout` are the first of those to choose from, where they are None.
        """
        asked, adapted = self.request, kind != "full"
        parallel, offload = layout or self.layouts[0]
        return Profile(
            device=self.machine.kind,
            method=kind,
            rank=asked.rank if adapted else 0,
            targets=asked.targets if adapted else (),
            bias=asked.bias if adapted else "none",
            length=asked.longest,
            micro_batch=micro_batch,
            checkpointing=checkpointing,
            dtype=self.dtype,
            dropout=asked.dropout if adapted else 0.0,
            packing=self.packings[0] if packing is None else packing,
            autocast=AUTOCAST and self.dtype == "bfloat16",
            fused=self.optimizer == "adamw_torch_fused",
            objective=asked.objective,
            optimizer=self.optimizer,
            parallel=parallel,
            ranks=asked.processes,
            offload=offload,
            padded=self._padded(micro_batch),
            accumulates=self.accumulation(micro_batch) > 1,
        )

    def other(self, profile: Profile, **changes: object) -> Profile:
        """Return a plan with other values, and with what follows from them."""
        micro_batch = changes.get("micro_batch", profile.micro_batch)
        assert isinstance(micro_batch, int)
        changes["padded"] = self._padded(micro_batch)
        changes["accumulates"] = self.accumulation(micro_batch) > 1
        return replace(profile, **changes)  # type: ignore[arg-type]

    def _padded(self, micro_batch: int) -> bool:
        """Return whether rows at once may differ in length, as the two of a pair do."""
        return micro_batch > 1 or self.spec.pairs
