"""The plans of a wish in the order of preference, scored by `planner.memory`'s closed form.

The order is that of `planner.search.candidates` and `planner.search.ranking`: the fastest,
and where speed is not known without checkpointing before with it, and a larger micro-batch before
a smaller one; of several cards the ways to share come before all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from planner.catalogue.lookup import Accelerator
from planner.fit.models import FitModel
from planner.fit.request import Optimizer, Plan, Wish
from planner.machines.facts import MachineFacts
from planner.memory import estimate
from planner.models import layers
from planner.parallelism.layouts import Layout, Offload, Parallel, layouts, may_offload
from planner.search.candidates import (
    AUTOCAST,
    CPU_BATCH_TOKENS,
    CPU_MARGIN,
    NF4_BLOCK,
    RANKS,
    budget,
    no_qlora,
)
from planner.search.lora_targets import preset
from planner.search.ranking import fastest
from planner.setup.setup import Kind, Profile
from planner.speed import step_seconds
from planner.speed.host import accelerator

LENGTH = 2048
"""Tokens of the longest row where nothing says so, unless the model's context is shorter."""
EFFECTIVE_BATCH = 16
"""Rows of a step where accumulation is not set, as in the interview."""
DROPOUT = 0.05
"""Of the adapters, as in the interview."""

_METHODS: tuple[Kind, ...] = ("full", "lora", "qlora")


@dataclass(frozen=True)
class Search:
    """The plans of a wish for one model on one machine; `contradictions.check` it first."""

    model: FitModel
    """The base model."""
    machine: MachineFacts
    """The machine, here or elsewhere."""
    wish: Wish
    """What was set."""

    @cached_property
    def ranks(self) -> int:
        """Processes, one on each card, at least 1."""
        return max(1, len(self.machine.gpus))

    @cached_property
    def length(self) -> int:
        """Longest row, in tokens."""
        return self.wish.length or min(LENGTH, self.model.architecture.context)

    @cached_property
    def budget_bytes(self) -> int:
        """What a plan may need on each card."""
        return budget(self.machine)

    @cached_property
    def host_budget_bytes(self) -> int | None:
        """What each process may offload; None for cards of which only the name is known."""
        memory = self.machine.ram_bytes
        return int(memory * (1 - CPU_MARGIN)) // self.ranks if memory else None

    @cached_property
    def narrowest(self) -> int:
        """Width of the narrowest linear layer."""
        return min(min(p.inputs, p.outputs) for p in layers.linears(self.model.architecture))

    @cached_property
    def no_qlora(self) -> str:
        """Why QLoRA cannot be done, as a sentence; empty where it can."""
        narrow = self.machine.kind == "cpu" and self.narrowest < NF4_BLOCK
        return no_qlora(self.model.architecture.family, self.narrowest if narrow else 0)

    @cached_property
    def methods(self) -> tuple[Kind, ...]:
        """Methods to try."""
        if self.wish.method:
            return (self.wish.method,)
        return tuple(kind for kind in _METHODS if not (kind == "qlora" and self.no_qlora))

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """How the cards may share the work, what costs least time first; empty where no way
        does what is set."""
        return layouts(self.ranks, self.wish.parallel, self.wish.offload)

    def layouts_of(self, method: Kind) -> tuple[Layout, ...]:
        """Return those of the layouts that a method may choose."""
        return tuple(at for at in self.layouts if may_offload(method, at[1], self.wish.offload))

    @cached_property
    def checkpointings(self) -> tuple[bool, ...]:
        """Whether to compute activations again: not where it fits without, or as it was set."""
        return (False, True) if self.wish.checkpointing is None else (self.wish.checkpointing,)

    @cached_property
    def share(self) -> int:
        """Rows that one card gets of a step, where accumulation is not set."""
        return max(1, EFFECTIVE_BATCH // self.ranks)

    @cached_property
    def micro_batches(self) -> tuple[int, ...]:
        """Divisors of what one card gets of a step, falling, or what was set."""
        if self.wish.micro_batch:
            return (self.wish.micro_batch,)
        share = EFFECTIVE_BATCH if self.wish.accumulation else self.share
        most = share if self.machine.gpus else max(1, CPU_BATCH_TOKENS // self.length)
        return tuple(n for n in range(min(share, most), 0, -1) if share % n == 0)

    @cached_property
    def optimizer(self) -> Optimizer:
        """The one that was set, or AdamW as the device computes it fastest."""
        fastest: Optimizer = "adamw_torch_fused" if self.machine.gpus else "adamw_torch"
        return self.wish.optimizer or fastest

    @cached_property
    def dtype(self) -> Literal["float32", "bfloat16"]:
        """bfloat16 where every card computes it."""
        capable = [gpu.computes_bfloat16 for gpu in self.machine.gpus]
        return "bfloat16" if capable and all(capable) else "float32"

    def plans(self, method: Kind, layout: Layout) -> Iterator[Plan]:
        """Every plan of a method whose cards share the work in one way."""
        for checkpointing in self.checkpointings:
            for micro_batch in self.micro_batches:
                yield self.plan(method, micro_batch, checkpointing, *layout)

    def best(self, method: Kind) -> Plan:
        """Return the plan to prefer of a method's that fit, or the one that needs least."""
        for layout in self.layouts_of(method):
            fitting = (plan for plan in self.plans(method, layout) if plan.fits)
            if found := fastest(fitting, self.row_seconds, lambda plan: plan.allocated_bytes):
                return found
        return self.least(method)

    def row_seconds(self, plan: Plan) -> float | None:
        """Return how long a plan takes for each row of a step; None where that is not known."""
        step = step_seconds(self.model, plan.profile, self.card, plan.accumulation)
        return step / (plan.accumulation * plan.profile.micro_batch) if step else None

    @cached_property
    def card(self) -> Accelerator | None:
        """What the catalogue knows of the cards."""
        return accelerator(self.machine)

    def least(self, method: Kind) -> Plan:
        """Return the plan that needs least on a card, without offloading unless that is set."""
        micro_batch, checkpointing = self.micro_batches[-1], self.checkpointings[-1]
        allowed = [at for at in self.layouts if at[1] == (self.wish.offload or "none")]
        every = [self.plan(method, micro_batch, checkpointing, *at) for at in allowed]
        return min(every, key=lambda plan: plan.allocated_bytes)

    def plan(
        self, method: Kind, micro_batch: int, checkpointing: bool, parallel: Parallel,
        offload: Offload,
    ) -> Plan:  # fmt: skip
        """Return the plan with these values and the wish's others."""
        wish, adapted = self.wish, method != "full"
        dropout = DROPOUT if wish.dropout is None else wish.dropout
        targets = preset(self.model.architecture, "all-linear")
        profile = Profile(
            device=self.machine.kind,
            method=method,
            rank=(wish.rank or RANKS["behaviour"]) if adapted else 0,
            targets=targets if adapted else (),
            length=self.length,
            micro_batch=micro_batch,
            checkpointing=checkpointing,
            dtype=self.dtype,
            dropout=dropout if adapted else 0.0,
            padded=False,
            autocast=AUTOCAST and self.dtype == "bfloat16",
            fused=self.optimizer == "adamw_torch_fused",
            objective=wish.objective,
            optimizer=self.optimizer,
            packing=wish.packing,
            parallel=parallel,
            ranks=self.ranks,
            offload=offload,
        )
        return self.other(profile)

    def other(self, profile: Profile, **changes: object) -> Plan:
        """Return a profile as a plan, with other values and what follows from them."""
        micro_batch = changes.get("micro_batch", profile.micro_batch)
        assert isinstance(micro_batch, int)
        accumulation = self.wish.accumulation or -(-self.share // micro_batch)
        several = micro_batch > 1 or self.wish.objective != "sft"
        changes |= {
            "padded": several,
            "accumulates": accumulation > 1,
        }
        changed = replace(profile, **changes)  # type: ignore[arg-type]
        needed = estimate(self.model, changed)
        return Plan(changed, accumulation, needed, self.budget_bytes, self.host_budget_bytes)
