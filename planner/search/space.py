"""The search space: which values are tried for a request, and the plans that they make."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Literal

from planner.machines.facts import MachineFacts
from planner.memory import Sized
from planner.memory.family_quirks import habits, takes_bounds
from planner.memory.widths import stream_width
from planner.models import layers
from planner.objectives.objective import Objective
from planner.objectives.registry import objective_of
from planner.parallelism.engine import of_engine
from planner.parallelism.layouts import Layout, layouts, may_offload, may_share, on_cpu
from planner.search.buckets import buckets
from planner.search.passes import Steps, steps_of
from planner.search.request import Optimizer, Request
from planner.setup.setup import Kind, Profile

AUTOCAST = True
"""Whether the trainer computes float32 adapters in bfloat16 (its `bf16`)."""
CPU_BATCH_TOKENS = 2048
"""Tokens per micro-batch beyond which a CPU does not get faster."""
NF4_BLOCK = 64
"""Width of the narrowest input of a layer that bitsandbytes quantizes on CPU."""
METHODS: tuple[Kind, ...] = ("lora", "qlora", "full")
"""Every method, in order of preference; full fine-tuning is chosen only on request."""


@dataclass(frozen=True)
class Space:
    """The values that are tried for one request, one model and one machine.

    Callers check a request for contradictions first; nothing here raises for them.
    """

    request: Request
    """What is asked."""
    model: Sized
    """The base model."""
    machine: MachineFacts
    """The machine, with the cards that count."""

    @cached_property
    def used(self) -> MachineFacts:
        """The machine with the cards only that train; its main memory is all that there is."""
        return self.machine.training(self.request.processes // self.request.nodes)

    def of(self, kind: Kind, layout: Layout) -> Iterator[Profile]:
        """Yield the plans of a method in one layout, in the order of preference that applies where
        the device's speed is unknown."""
        for packing, checkpointing in product(self.packings, self.checkpointings):
            sizes = (self.share,) if packing and self.flows else self.micro_batches
            for micro_batch in sizes:
                yield self.profile(kind, micro_batch, checkpointing, packing, layout)

    @cached_property
    def narrowest(self) -> int:
        """Width of the narrowest input of a linear layer that QLoRA quantizes."""
        parts = layers.linears(self.model.architecture)
        return min(part.inputs for part in parts if part.quantized)

    @cached_property
    def no_qlora(self) -> str:
        """Why QLoRA is not possible, as a sentence; empty where it is."""
        family = self.model.architecture.family
        if habits(family).own_linears:
            return (
                f"transformers does not quantize the layers of `{family}`, so QLoRA would be "
                "plain LoRA."
            )
        if self.machine.kind == "cpu" and self.narrowest < NF4_BLOCK:
            return (
                f"QLoRA on CPU needs layers at least {NF4_BLOCK} wide, but this model's narrowest "
                f"is {self.narrowest}."
            )
        return ""

    @cached_property
    def possible(self) -> tuple[Kind, ...]:
        """Every possible method, in order of preference."""
        return tuple(kind for kind in METHODS if not (kind == "qlora" and self.no_qlora))

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Methods to choose from, the best first."""
        if self.request.method:
            return (self.request.method,)
        if self.request.base_products == "fp8":
            return ("lora",)
        return tuple(kind for kind in self.possible if kind != "full")

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """How the processes may share the work, in order of preference; empty where no layout
        satisfies the request.

        Where layers must be compiled or passes recorded, they are those of engines that can, if
        there are any.
        """
        asked = self.request
        if self.machine.kind == "cpu":
            return on_cpu(asked.processes, asked.parallel)
        found = layouts(asked.processes, asked.parallel, asked.offload)
        able = found
        if asked.compiled or asked.base_products == "fp8":
            able = tuple(at for at in able if of_engine(at[0]).compiles)
        if asked.recorded:
            able = tuple(at for at in able if not of_engine(at[0]).shards)
        return able or found

    def unmoved(self, kind: Kind) -> tuple[Layout, ...]:
        """Return the layouts of a method that offload nothing, unless the request asks for it."""
        kept = self.request.offload or "none"
        return tuple(at for at in self.layouts_of(kind) if at[1] == kept)

    def layouts_of(self, kind: Kind) -> tuple[Layout, ...]:
        """Return the layouts that a method may use."""
        asked = self.request
        return tuple(
            layout
            for layout in self.layouts
            if may_offload(kind, layout[1], asked.offload)
            and may_share(kind, layout, asked.parallel, asked.offload)
        )

    @cached_property
    def checkpointings(self) -> tuple[bool, ...]:
        """The settings of checkpointing to try: off before on, only off for passes that must be
        recorded, or only what was set."""
        given = self.request.checkpointing
        if given is None and self.request.recorded:
            return (False,)
        return (False, True) if given is None else (given,)

    @cached_property
    def packings(self) -> tuple[bool, ...]:
        """The settings of packing to try: on before off, only off where there is no gain, only on
        for layers that must be compiled or passes that must be recorded, or only what was set."""
        asked = self.request
        if asked.packing is not None:
            return (asked.packing,)
        able = self.packs and self.spec.packs and (asked.processes == 1 or self.flows)
        choice = able and self.differ and self.machine.kind == "cuda"
        if choice and (asked.compiled or asked.recorded or asked.base_products == "fp8"):
            return (True,)
        return (True, False) if choice else (False,)

    @cached_property
    def spec(self) -> Objective:
        """The record of the objective."""
        return objective_of(self.request.objective)

    @property
    def packs(self) -> bool:
        """Whether the model's family keeps packed rows separate."""
        return habits(self.model.architecture.family).packs

    @cached_property
    def flows(self) -> bool:
        """Whether packed rows are concatenated in passes of as many tokens as fit: on a card, and
        if the rows at once were not set."""
        asked = self.request
        able = self.packs and self.spec.packs
        given = asked.micro_batch is not None or asked.accumulation is not None
        return able and self.differ and self.machine.kind == "cuda" and not given

    @cached_property
    def steps(self) -> Steps:
        """The rows of each step, where `flows`."""
        asked = self.request
        rows = self.share * asked.processes
        return steps_of(asked.lengths, rows, asked.seed, asked.epochs, asked.processes)

    @cached_property
    def bounded(self) -> bool:
        """Whether attention can read the bounds of such rows on every card; the kernel for them has
        no dropout."""
        cards = self.used.gpus
        able = all(card.vendor == "NVIDIA" for card in cards)
        capabilities = [card.compute_capability for card in cards]
        drops = getattr(self.model, "drops_scores", False)
        return able and not drops and takes_bounds(self.model.architecture, capabilities)

    @cached_property
    def differ(self) -> bool:
        """Whether rows differ in length."""
        return bool(self.request.lengths) and min(self.request.lengths) < self.request.longest

    @cached_property
    def share(self) -> int:
        """Rows of a step per process, where accumulation is not set."""
        return max(1, self.request.effective_batch // self.request.processes)

    @cached_property
    def micro_batches(self) -> tuple[int, ...]:
        """The micro-batches to try, largest first: divisors of `share`, or the one that was set."""
        if self.request.micro_batch:
            return (self.request.micro_batch,)
        most = min(self.share, self.most)
        return tuple(n for n in range(most, 0, -1) if self.share % n == 0)

    @cached_property
    def most(self) -> int:
        """The largest micro-batch worth trying."""
        asked = self.request
        rows = self.share if asked.rows is None else asked.rows // asked.processes
        on_cpu = self.machine.kind == "cpu"
        return max(1, min(rows, CPU_BATCH_TOKENS // asked.longest if on_cpu else rows))

    def accumulation(self, micro_batch: int) -> int:
        """Return the micro-batches of a step."""
        return self.request.accumulation or -(-self.share // micro_batch)

    @cached_property
    def dtype(self) -> Literal["float32", "bfloat16"]:
        """bfloat16 where every card supports it (compute capability 8.0), else float32."""
        capable = [gpu.computes_bfloat16 for gpu in self.used.gpus]
        return "bfloat16" if self.machine.kind == "cuda" and all(capable) else "float32"

    @cached_property
    def optimizer(self) -> Optimizer:
        """The optimizer that was set, or the fastest AdamW on the device."""
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
        """Return the plan with these values and those of the request.

        None is the first choice of `packings` or `layouts`. Attention reads bounds only where the
        queries are bfloat16: flash attention would round those of a float32 residual stream.
        """
        asked, adapted = self.request, kind != "full"
        packs = self.packings[0] if packing is None else packing
        flows = packs and self.flows
        parallel, offload = layout or self.layouts[0]
        on_cpu = self.machine.kind == "cpu"
        found = Profile(
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
            packing=packs,
            pass_tokens=asked.longest if flows else 0,
            autocast=AUTOCAST and self.dtype == "bfloat16",
            fused=self.optimizer == "adamw_torch_fused",
            objective=asked.objective,
            optimizer=self.optimizer,
            parallel=parallel,
            ranks=asked.processes,
            offload=offload,
            padded=self._padded(micro_batch),
            accumulates=self.accumulation(micro_batch) > 1,
            process_bytes=self.machine.process_bytes if on_cpu else 0,
            held_tokens=asked.tokens if on_cpu else 0,
        )
        if found.engine.shards == "deepspeed":
            found = replace(found, bucket=buckets(self.model, found)[0])
        if not (flows and self.bounded and self.dtype == "bfloat16"):
            return found
        narrow = stream_width(self.model.architecture, found) == found.width
        return replace(found, attention="varlen") if narrow else found

    def other(self, profile: Profile, **changes: object) -> Profile:
        """Return a plan with other values, and the values that depend on them updated."""
        micro_batch = changes.get("micro_batch", profile.micro_batch)
        assert isinstance(micro_batch, int)
        changes["padded"] = self._padded(micro_batch)
        changes["accumulates"] = self.accumulation(micro_batch) > 1
        if micro_batch < self.share:
            changes |= {"pass_tokens": 0, "attention": "own"}
        found = replace(profile, **changes)  # type: ignore[arg-type]
        if "parallel" in changes and found.engine.shards == "deepspeed":
            found = replace(found, bucket=buckets(self.model, found)[0])
        return found

    def _padded(self, micro_batch: int) -> bool:
        """Return whether a micro-batch may hold rows of different lengths, as a pair does."""
        return micro_batch > 1 or self.spec.pairs
