"""Finds options of `tunelock fit` that contradict each other, the machine or the model."""

from collections.abc import Iterator
from math import prod

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command, Fixes, Option
from planner.fit.request import FitRequest
from planner.models.families import FAMILIES
from planner.models.tensors import table

MOST_8BIT = (1 << 31) - 1
"""Elements of a tensor with 8-bit states: bitsandbytes counts them in 32 bits, and larger ones end
the process (`csrc/ops.cu`, seen with Gemma-4-E4B on an H100)."""


def check(request: FitRequest) -> None:
    """Raise UsageProblem for the first contradiction."""
    for contradicts, sentence, fix in (*_machine(request), *_wish(request)):
        if contradicts:
            raise UsageProblem(sentence, fix=fix)


def _machine(request: FitRequest) -> Iterator[tuple[bool, str, Fixes]]:
    wish, found = request.wish, request.candidates
    on_cpu = not request.machine.gpus
    yield (
        on_cpu and bool(wish.parallel or wish.offload not in (None, "none")),
        "`--parallel` and `--offload` need a GPU, but this machine has none.",
        Option("--gpu NAME:COUNT"),
    )
    yield (
        on_cpu and found.optimizer.endswith("8bit"),
        f"`--optimizer {wish.optimizer}` needs a GPU, but this machine has none.",
        (Option("--optimizer adamw_torch", to="use"), Option("--gpu NAME")),
    )
    yield (
        wish.method == "qlora" and bool(found.no_qlora),
        found.no_qlora,
        Option("--method lora", to="use"),
    )


def _wish(request: FitRequest) -> Iterator[tuple[bool, str, Fixes]]:
    wish, found = request.wish, request.candidates
    family, processes = request.model.architecture.family, found.request.processes
    yield (
        found.spec.head == "scalar" and not FAMILIES[family].classifier,
        f"`--objective {wish.objective}` needs a class with a single output, and transformers has "
        f"none for `{family}`.",
        Command("tunelock fit --families", to="see which families have one"),
    )
    yield (
        bool(wish.packing) and not found.spec.packs,
        f"`--packing` does not work with `--objective {wish.objective}`, which compares pairs.",
        Option("--packing", to="leave out"),
    )
    yield (
        bool(wish.packing) and not found.packs,
        f"Packing does not work with `{family}`: attention would cross row boundaries.",
        Option("--packing", to="leave out"),
    )
    yield (
        bool(wish.packing) and processes > 1 and not found.flows,
        f"{processes} cards pack rows in passes only, whose size the plan chooses.",
        Option("--packing", to="leave out"),
    )
    eight = found.optimizer.endswith("8bit") and wish.method in (None, "full")
    largest = max(prod(one.shape) for one in table(request.model.architecture, {})) if eight else 0
    yield (
        largest > MOST_8BIT,
        f"`--optimizer {wish.optimizer}` cannot train all weights of this model: the 8-bit states "
        f"of bitsandbytes hold up to {MOST_8BIT:,} elements of a tensor, and one has {largest:,}.",
        (Option("--method lora", to="use"), Option("--optimizer adamw_torch_fused", to="use")),
    )
    yield (
        not found.layouts,
        f"`--offload {wish.offload}` does not work with `--parallel {wish.parallel}`.",
        Option("--parallel zero3", to="use"),
    )
