"""The `[exactness]` of a lock: bit-exact results are promised only where they were verified."""

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer
from planner.interview.answers import Answers
from planner.machines.facts import MachineFacts
from planner.search.choose import Choice

_CERTIFIED = frozenset([("cpu", "lora"), ("cpu", "qlora"), ("cpu", "full")])
"""Device and method whose results are bit-exact, both run twice and when killed and resumed.

Verified by `tests/runner/training/test_sft.py`.
"""

ON_CUDA = {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
"""The environment of every stage on a card: torch's allocator grows its segments, which avoids
fragmentation (https://docs.pytorch.org/docs/stable/notes/cuda.html)."""


def table(answers: Answers, choice: Choice, machine: MachineFacts) -> dict[str, object]:
    """Return the `[exactness]` table. Raises DoesNotFit where exactness is not verified."""
    exact = answers.flag("train.exact")
    device = "cpu" if answers.text("machine.device") == "cpu" else machine.kind
    if exact and (device, choice.kind) not in _CERTIFIED:
        name = machine.gpus[0].name if machine.gpus else device
        raise DoesNotFit(
            f"Bit-exact training with `{choice.kind}` is not verified on `{name}`.",
            fix=Answer("train.exact", False),
        )
    if exact and choice.profile.ranks > 1:
        raise DoesNotFit(
            f"Bit-exact training is not verified for {choice.profile.ranks} processes.",
            fix=Answer("train.exact", False),
        )
    environment = ON_CUDA if device == "cuda" else {}
    return {"exact": exact, "threads": choice.threads, "environment": environment}
