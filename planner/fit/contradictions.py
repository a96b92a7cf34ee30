"""What a person set for `tunelock fit` that contradicts itself, the machine or the model."""

from collections.abc import Iterator

from lockfiles.errors import UsageProblem
from planner.fit.request import FitRequest


def check(request: FitRequest) -> None:
    """Raise UsageProblem for the first contradiction."""
    for contradicts, sentence, hint in (*_machine(request), *_wish(request)):
        if contradicts:
            raise UsageProblem(sentence, hint=hint)


def _machine(request: FitRequest) -> Iterator[tuple[bool, str, str]]:
    wish, found = request.wish, request.candidates
    on_cpu = not request.machine.gpus
    yield (
        on_cpu and bool(wish.parallel or wish.offload not in (None, "none")),
        "`--parallel` and `--offload` are about cards, and this machine has none.",
        "add `--gpu NAME:COUNT`",
    )
    yield (
        on_cpu and found.optimizer.endswith("8bit"),
        f"`--optimizer {wish.optimizer}` needs a card, and this machine has none.",
        "use `--optimizer adamw_torch`, or add `--gpu NAME`",
    )
    yield (
        wish.method == "qlora" and bool(found.no_qlora),
        found.no_qlora,
        "use `--method lora`",
    )


def _wish(request: FitRequest) -> Iterator[tuple[bool, str, str]]:
    wish, found = request.wish, request.candidates
    family, processes = request.model.architecture.family, found.request.processes
    yield (
        wish.packing and wish.objective != "sft",
        f"`--packing` joins rows of text, and `--objective {wish.objective}` compares pairs.",
        "leave `--packing` out",
    )
    yield (
        wish.packing and not found.packs,
        f"Packed rows of `{family}` would see each other.",
        "leave `--packing` out",
    )
    yield (
        wish.packing and processes > 1,
        f"Rows are packed in one process only, and {processes} cards are {processes} processes.",
        "leave `--packing` out",
    )
    yield (
        not found.layouts,
        f"`--offload {wish.offload}` does not go with `--parallel {wish.parallel}`.",
        "use `--parallel zero3`",
    )
