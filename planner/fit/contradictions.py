"""What a person set for `tunelock fit` that contradicts itself, the machine or the model."""

from collections.abc import Iterator

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Fixes, Option
from planner.fit.request import FitRequest


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
        "`--parallel` and `--offload` are about cards, and this machine has none.",
        Option("--gpu NAME:COUNT"),
    )
    yield (
        on_cpu and found.optimizer.endswith("8bit"),
        f"`--optimizer {wish.optimizer}` needs a card, and this machine has none.",
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
        wish.packing and not found.spec.packs,
        f"`--packing` joins rows of text, and `--objective {wish.objective}` compares pairs.",
        Option("--packing", to="leave out"),
    )
    yield (
        wish.packing and not found.packs,
        f"Packed rows of `{family}` would see each other.",
        Option("--packing", to="leave out"),
    )
    yield (
        wish.packing and processes > 1,
        f"Rows are packed in one process only, and {processes} cards are {processes} processes.",
        Option("--packing", to="leave out"),
    )
    yield (
        not found.layouts,
        f"`--offload {wish.offload}` does not go with `--parallel {wish.parallel}`.",
        Option("--parallel zero3", to="use"),
    )
