"""What a person set for `tunelock fit` that contradicts itself, the machine or the model."""

from collections.abc import Iterator

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Fixes, Option
from planner.fit.search import Search


def check(search: Search) -> None:
    """Raise UsageProblem for the first contradiction."""
    for contradicts, sentence, fix in (*_machine(search), *_wish(search)):
        if contradicts:
            raise UsageProblem(sentence, fix=fix)


def _machine(search: Search) -> Iterator[tuple[bool, str, Fixes]]:
    wish, on_cpu = search.wish, not search.machine.gpus
    yield (
        on_cpu and bool(wish.parallel or wish.offload not in (None, "none")),
        "`--parallel` and `--offload` are about cards, and this machine has none.",
        Option("--gpu NAME:COUNT"),
    )
    yield (
        on_cpu and search.optimizer.endswith("8bit"),
        f"`--optimizer {wish.optimizer}` needs a card, and this machine has none.",
        (Option("--optimizer adamw_torch", to="use"), Option("--gpu NAME")),
    )
    yield (
        wish.method == "qlora" and bool(search.no_qlora),
        search.no_qlora,
        Option("--method lora", to="use"),
    )


def _wish(search: Search) -> Iterator[tuple[bool, str, Fixes]]:
    wish = search.wish
    yield (
        wish.packing and wish.objective != "sft",
        f"`--packing` joins rows of text, and `--objective {wish.objective}` compares pairs.",
        Option("--packing", to="leave out"),
    )
    yield (
        not search.layouts,
        f"`--offload {wish.offload}` does not go with `--parallel {wish.parallel}`.",
        Option("--parallel zero3", to="use"),
    )
