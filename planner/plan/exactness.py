"""What a plan promises about bits, and only where that was measured."""

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer
from planner.interview.answers import Answers
from planner.machines.facts import MachineFacts
from planner.search.choose import Choice

_CERTIFIED = frozenset([("cpu", "lora"), ("cpu", "qlora"), ("cpu", "full")])
"""Device and method that end with the same bits, run twice and killed and resumed.

Shown by `tests/runner/training/test_sft.py`. A GPU comes in by its model, driver and packages.
"""

ON_CUDA = {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
"""What every stage on a card gets: torch's allocator then grows the blocks it has, and hardly
any memory is lost between them (https://docs.pytorch.org/docs/stable/notes/cuda.html)."""


def table(answers: Answers, choice: Choice, machine: MachineFacts) -> dict[str, object]:
    """Return the `[exactness]` table. Raises DoesNotFit where exact bits were not shown."""
    exact = answers.flag("train.exact")
    device = "cpu" if answers.text("machine.device") == "cpu" else machine.kind
    if exact and (device, choice.kind) not in _CERTIFIED:
        name = machine.gpus[0].name if machine.gpus else device
        raise DoesNotFit(
            f"Exact repetition of `{choice.kind}` was not certified on `{name}`.",
            fix=Answer("train.exact", False),
        )
    if exact and choice.profile.ranks > 1:
        raise DoesNotFit(
            f"Exact repetition was not certified for {choice.profile.ranks} processes.",
            fix=Answer("train.exact", False),
        )
    environment = ON_CUDA if device == "cuda" else {}
    return {"exact": exact, "threads": choice.threads, "environment": environment}
