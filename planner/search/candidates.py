"""The plans that are possible for a person's answers, the best first, and what they may need."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product
from typing import TYPE_CHECKING, Literal

from lockfiles.errors import DoesNotFit, UsageProblem
from lockfiles.fixes import Advice, Answer, Key
from planner.interview.answers import Answers
from planner.machines.facts import MachineFacts
from planner.memory import estimate
from planner.memory.family_quirks import habits
from planner.models.facts import ModelFacts
from planner.search import lora_targets
from planner.setup.setup import Kind, Profile

if TYPE_CHECKING:
    from planner.search.rehearsal import Rehearsal

AUTOCAST = True
"""Whether the trainer computes float32 adapters in bfloat16 (its `bf16`)."""
CUDA_CONTEXT_BYTES = 600_000_000
"""What a process holds on a card outside torch's allocator."""
CUDA_RESERVE = 0.02
"""What torch reserves beyond what it has allocated, as a share of it, with segments that grow."""
CPU_MARGIN = 0.1
"""Share of main memory left to the rest of the machine."""
CPU_BATCH_TOKENS = 2048
"""Tokens from which a larger micro-batch on CPU takes memory and saves no time."""
NF4_BLOCK = 64
"""Narrowest layer that bitsandbytes quantises on CPU."""
RANKS: Mapping[str, int] = {"style": 8, "behaviour": 16, "domain": 64}
"""Adapter rank by what must change, from the guide's table of ranks."""


def counted(answers: Answers, machine: MachineFacts) -> MachineFacts:
    """Return the machine as the plan counts it: without its cards where the answer is `cpu`.

    Raises DoesNotFit where a card is asked for and there is none.
    """
    device = answers.text("machine.device")
    if device == "cuda" and not machine.gpus:
        if machine.problem:
            raise DoesNotFit(
                Key("machine.device"),
                " is `cuda`, and this machine's cards cannot be used.",
                fix=Advice(machine.problem),
            )
        raise DoesNotFit(
            Key("machine.device"),
            " is `cuda`, and this machine has no NVIDIA GPU.",
            fix=Answer("machine.device", "auto"),
        )
    if device == "cpu" or not machine.gpus:
        return replace(machine, kind="cpu", gpus=())
    return replace(machine, kind="cuda")


def budget(machine: MachineFacts, rehearsal: "Rehearsal | None" = None) -> int:
    """Return the bytes that a plan may need by its estimate, on a machine from `counted`.

    A rehearsal on it tells what a process holds outside torch's allocator, and may only add to
    what the allocator is trusted to keep in reserve: that depends on the plan.
    """
    memory = machine.counted_memory_bytes
    if machine.kind == "cpu":
        return int(memory * (1 - CPU_MARGIN))
    context, reserve = CUDA_CONTEXT_BYTES, CUDA_RESERVE
    if rehearsal and rehearsal.fitted:
        context = rehearsal.measured.context_bytes or context
        reserve = max(reserve, rehearsal.measured.reserve)
    return max(0, int((memory - context) / (1 + reserve)))


def whole_card_bytes(peak_bytes: int) -> int:
    """Return what a process takes on a card, in bytes, whose allocator peaks at `peak_bytes`."""
    return int(peak_bytes * (1 + CUDA_RESERVE)) + CUDA_CONTEXT_BYTES


def no_qlora(family: str, narrow: int) -> str:
    """Return why a family has no QLoRA, as a sentence; empty where it has.

    `narrow` is the width of a layer that 4-bit weights cannot hold, else 0.
    """
    if habits(family).own_linears:
        return f"transformers leaves the layers of `{family}` unquantised, and QLoRA would be LoRA."
    if narrow:
        return (
            f"QLoRA on CPU needs layers of {NF4_BLOCK} or wider, and this model's narrowest is "
            f"{narrow}."
        )
    return ""


@dataclass(frozen=True)
class Candidates:
    """The plans for one model, one set of rows and one machine."""

    answers: Answers
    """A person's answers."""
    model: ModelFacts
    """The base model."""
    machine: MachineFacts
    """From `counted`."""
    rows: int
    """Training rows."""
    longest: int
    """Longest row, in tokens."""
    lengths: Sequence[int] = ()
    """Tokens of each row; empty where all count as long as the longest."""
    rehearsal: "Rehearsal | None" = None
    """What was measured of this model on this machine, if anything."""

    @cached_property
    def budget_bytes(self) -> int:
        """What a plan may need."""
        return budget(self.machine, self.rehearsal)

    def need(self, plan: Profile) -> int:
        """Return the peak of a plan, in bytes: measured where it was rehearsed.

        Where the rehearsed plan ran out of memory, it and all that need as much are over budget.
        """
        estimated = self.estimated(plan)
        if not self.rehearsal:
            return estimated
        if self.rehearsal.fitted:
            measured = self.rehearsal.measured.allocated_bytes
            return measured if self.rehearsal.is_of(plan) else estimated
        over = estimated >= self.estimated(self.rehearsal.case.profile)
        return max(estimated, self.budget_bytes + 1) if over else estimated

    @property
    def host_seconds(self) -> float:
        """What a step of the host's model took on the machine; 0 where it was not measured."""
        return self.rehearsal.measured.host_seconds if self.rehearsal else 0.0

    def estimated(self, plan: Profile) -> int:
        """Return the peak of a plan by its estimate, in bytes."""
        return estimate(self.model, plan).peak.peak_bytes

    def fits(self, plan: Profile) -> bool:
        """Return whether a plan keeps to the budget, or was rehearsed in the memory there is."""
        free = self.machine.least_free
        if free and self.rehearsal and self.rehearsal.fitted and self.rehearsal.is_of(plan):
            return self.rehearsal.measured.process_bytes <= free.free_bytes
        return self.need(plan) <= self.budget_bytes

    @cached_property
    def timed(self) -> dict[Profile, float | None]:
        """What `planner.search.ranking` has found out of plans' times."""
        return {}

    def of(self, kind: Kind) -> Iterator[Profile]:
        """Yield the plans of a method, in the order of preference where no speed is known."""
        for packing, checkpointing in product(self.packings, self.checkpointings):
            for micro_batch in self.micro_batches:
                yield self.profile(kind, micro_batch, checkpointing, packing)

    def __iter__(self) -> Iterator[Profile]:
        """Every plan, method by method."""
        return chain.from_iterable(map(self.of, self.kinds))

    @cached_property
    def narrow(self) -> int:
        """Width of the narrowest layer where 4-bit weights cannot hold it, else 0."""
        shape = self.model.architecture
        least = min(shape.hidden, shape.kv_heads * shape.head_dim, shape.intermediate)
        return least if self.machine.kind == "cpu" and least < NF4_BLOCK else 0

    @cached_property
    def no_qlora(self) -> str:
        """Why QLoRA cannot be done, as a sentence; empty where it can."""
        return no_qlora(self.model.architecture.family, self.narrow)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Methods to try, the best first. Raises UsageProblem where QLoRA is asked in vain."""
        given = self.answers.text("method.kind")
        if given == "qlora" and self.no_qlora:
            raise UsageProblem(
                self.no_qlora,
                fix=Answer("method.kind", "lora"),
            )
        order: tuple[Kind, ...] = ("lora", "qlora", "full")
        if given == "auto":
            return order[:1] if self.no_qlora else order[:2]
        return tuple(kind for kind in order if kind == given)

    @cached_property
    def checkpointings(self) -> tuple[bool, ...]:
        """Whether to recompute activations: not where it fits without, or as it was set."""
        given = self.answers.text("method.checkpointing")
        return (False, True) if given == "auto" else (given == "on",)

    @cached_property
    def packings(self) -> tuple[bool, ...]:
        """Whether to join rows: not where padding costs nothing, or as it was set.

        Raises UsageProblem where it is asked of a family that cannot tell such rows apart.
        """
        given, packs = self.answers.text("method.packing"), self.packs
        if given == "on" and not packs:
            raise UsageProblem(
                f"Packed rows of `{self.model.architecture.family}` would see each other.",
                fix=Answer("method.packing", "off"),
            )
        if given != "auto":
            return (given == "on",)
        differ = bool(self.lengths) and min(self.lengths) < self.longest
        return (False, True) if packs and differ and self.machine.kind == "cuda" else (False,)

    @property
    def packs(self) -> bool:
        """Whether the model's family keeps packed rows apart."""
        return habits(self.model.architecture.family).packs

    @cached_property
    def micro_batches(self) -> tuple[int, ...]:
        """Divisors of the effective batch, falling, or the one that was set.

        Raises UsageProblem for one that divides nothing.
        """
        effective = self.answers.integer("train.effective_batch")
        given = self.answers.integer("method.micro_batch")
        divisors = [n for n in range(effective, 0, -1) if effective % n == 0]
        if not given:
            return tuple(n for n in divisors if n <= self.most)
        if given in divisors:
            return (given,)
        near = next((n for n in divisors if n <= given), 1)
        raise UsageProblem(
            Key("method.micro_batch"),
            f" is {given}, which does not divide the {effective} of ",
            Key("train.effective_batch"),
            ".",
            fix=Answer("method.micro_batch", near),
        )

    @cached_property
    def most(self) -> int:
        """Most rows at once that make sense."""
        on_cpu = self.machine.kind == "cpu"
        return max(1, min(self.rows, CPU_BATCH_TOKENS // self.longest if on_cpu else self.rows))

    @cached_property
    def dtype(self) -> Literal["float32", "bfloat16"]:
        """bfloat16 where every card computes it, from compute capability 8.0."""
        capable = all(gpu.computes_bfloat16 for gpu in self.machine.gpus)
        return "bfloat16" if self.machine.kind == "cuda" and capable else "float32"

    def profile(
        self, kind: Kind, micro_batch: int, checkpointing: bool, packing: bool | None = None
    ) -> Profile:
        """Return the plan with these values and the answers' others; `packing` is the one that
        was set, or off, where it is None."""
        answers, adapted = self.answers, kind != "full"
        rank = answers.integer("method.rank") or RANKS[answers.text("goal.change")]
        adapts = lora_targets.chosen(answers, self.model.architecture) if adapted else ()
        return Profile(
            device=self.machine.kind,
            method=kind,
            rank=rank if adapted else 0,
            targets=adapts,
            bias=lora_targets.bias(answers) if adapted else "none",
            length=self.longest,
            micro_batch=micro_batch,
            checkpointing=checkpointing,
            dtype=self.dtype,
            dropout=answers.number("method.dropout") if adapted else 0.0,
            padded=micro_batch > 1,
            packing=self.packings[0] if packing is None else packing,
            autocast=AUTOCAST and self.dtype == "bfloat16",
            fused=self.machine.kind == "cuda",
            accumulates=micro_batch < answers.integer("train.effective_batch"),
        )
