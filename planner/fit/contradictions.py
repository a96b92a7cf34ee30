"""What a person set for `tunelock fit` that contradicts itself, the machine or the model."""

from collections.abc import Iterator

from lockfiles.errors import UsageProblem
from planner.fit.search import Search


def check(search: Search) -> None:
    """Raise UsageProblem for the first contradiction."""
    for contradicts, sentence, hint in (*_machine(search), *_wish(search)):
        if contradicts:
            raise UsageProblem(sentence, hint=hint)


def _machine(search: Search) -> Iterator[tuple[bool, str, str]]:
    wish, on_cpu = search.wish, not search.machine.gpus
    yield (
        on_cpu and bool(wish.parallel or wish.offload not in (None, "none")),
        "`--parallel` and `--offload` are about cards, and this machine has none.",
        "add `--gpu NAME:COUNT`",
    )
    yield (
        on_cpu and search.optimizer.endswith("8bit"),
        f"`--optimizer {wish.optimizer}` needs a card, and this machine has none.",
        "use `--optimizer adamw_torch`, or add `--gpu NAME`",
    )
    yield (
        wish.method == "qlora" and bool(search.no_qlora),
        search.no_qlora,
        "use `--method lora`",
    )


def _wish(search: Search) -> Iterator[tuple[bool, str, str]]:
    wish = search.wish
    yield (
        wish.packing and wish.objective != "sft",
        f"`--packing` joins rows of text, and `--objective {wish.objective}` compares pairs.",
        "leave `--packing` out",
    )
    yield (
        not search.layouts,
        f"`--offload {wish.offload}` does not go with `--parallel {wish.parallel}`.",
        "use `--parallel zero3`",
    )
