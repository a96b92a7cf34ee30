"""The plans that are possible for a person's answers, the best first, and what they may need."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from lockfiles.errors import DoesNotFit, UsageProblem
from planner import layers
from planner.interview.answers import Answers
from planner.machine import MachineFacts
from planner.memory import estimate
from planner.models import ModelFacts
from planner.profile import Profile

Kind = Literal["lora", "qlora", "full"]

AUTOCAST = True
"""Whether the trainer computes float32 adapters in bfloat16 (its `bf16`)."""
CUDA_CONTEXT_BYTES = 600_000_000
"""What a process holds on a card outside torch's allocator."""
CUDA_RESERVE = 0.08
"""What torch reserves beyond what it has allocated, as a share of it."""
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
        raise DoesNotFit(
            "`machine.device` is `cuda`, and this machine has no NVIDIA GPU.",
            hint='write `device = "auto"` under `[machine]` in `run.toml`',
        )
    if device == "cpu" or not machine.gpus:
        return replace(machine, kind="cpu", gpus=())
    return replace(machine, kind="cuda")


def budget(machine: MachineFacts) -> int:
    """Return the bytes that a plan may need by its estimate, on a machine from `counted`."""
    memory = machine.counted_memory_bytes
    if machine.kind == "cpu":
        return int(memory * (1 - CPU_MARGIN))
    return max(0, int((memory - CUDA_CONTEXT_BYTES) / (1 + CUDA_RESERVE)))


def whole_card_bytes(peak_bytes: int) -> int:
    """Return what a process takes on a card, in bytes, whose allocator peaks at `peak_bytes`."""
    return int(peak_bytes * (1 + CUDA_RESERVE)) + CUDA_CONTEXT_BYTES


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

    @cached_property
    def budget_bytes(self) -> int:
        """What a plan may need."""
        return budget(self.machine)

    def need(self, plan: Profile) -> int:
        """Return the peak of a plan, in bytes."""
        return estimate(self.model, plan).peak.peak_bytes

    def fits(self, plan: Profile) -> bool:
        """Return whether a plan keeps to the budget."""
        return self.need(plan) <= self.budget_bytes

    def __iter__(self) -> Iterator[Profile]:
        """Every plan, in the order of preference."""
        for kind in self.kinds:
            for checkpointing in self.checkpointings:
                for micro_batch in self.micro_batches:
                    yield self.profile(kind, micro_batch, checkpointing)

    @cached_property
    def narrow(self) -> int:
        """Width of the narrowest layer where 4-bit weights cannot hold it, else 0."""
        shape = self.model.architecture
        least = min(shape.hidden, shape.kv_heads * shape.head_dim, shape.intermediate)
        return least if self.machine.kind == "cpu" and least < NF4_BLOCK else 0

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Methods to try, the best first. Raises UsageProblem where QLoRA is asked in vain."""
        given = self.answers.text("method.kind")
        if given == "qlora" and self.narrow:
            raise UsageProblem(
                f"QLoRA on CPU needs layers of {NF4_BLOCK} or wider, and this model's narrowest "
                f"is {self.narrow}.",
                hint='write `kind = "lora"` under `[method]` in `run.toml`',
            )
        order: tuple[Kind, ...] = ("lora", "qlora", "full")
        if given == "auto":
            return order[:1] if self.narrow else order[:2]
        return tuple(kind for kind in order if kind == given)

    @cached_property
    def checkpointings(self) -> tuple[bool, ...]:
        """Whether to recompute activations: not where it fits without, or as it was set."""
        given = self.answers.text("method.checkpointing")
        return (False, True) if given == "auto" else (given == "on",)

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
            f"`method.micro_batch` is {given}, which does not divide the {effective} of "
            "`train.effective_batch`.",
            hint=f"write `micro_batch = {near}` under `[method]` in `run.toml`",
        )

    @cached_property
    def most(self) -> int:
        """Most rows at once that make sense."""
        on_cpu = self.machine.kind == "cpu"
        return max(1, min(self.rows, CPU_BATCH_TOKENS // self.longest if on_cpu else self.rows))

    @cached_property
    def dtype(self) -> Literal["float32", "bfloat16"]:
        """bfloat16 where every card computes it, from compute capability 8.0."""
        capable = all(float(gpu.compute_capability) >= 8.0 for gpu in self.machine.gpus)
        return "bfloat16" if self.machine.kind == "cuda" and capable else "float32"

    def profile(self, kind: Kind, micro_batch: int, checkpointing: bool) -> Profile:
        """Return the plan with these values and the answers' others."""
        answers, adapted = self.answers, kind != "full"
        rank = answers.integer("method.rank") or RANKS[answers.text("goal.change")]
        shape = self.model.architecture
        targets = layers.attention_names(shape)
        if answers.text("method.targets") == "all-linear":
            targets = tuple(part.name for part in layers.linears(shape))
        return Profile(
            device=self.machine.kind,
            method=kind,
            rank=rank if adapted else 0,
            targets=targets if adapted else (),
            length=self.longest,
            micro_batch=micro_batch,
            checkpointing=checkpointing,
            dtype=self.dtype,
            dropout=answers.number("method.dropout") if adapted else 0.0,
            padded=micro_batch > 1,
            autocast=AUTOCAST and self.dtype == "bfloat16",
            fused=self.machine.kind == "cuda",
            accumulates=micro_batch < answers.integer("train.effective_batch"),
        )
