"""The `[exactness]` of a lock: bit-exact results are promised only where they were verified."""

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Answer
from planner.interview.answers import Answers
from planner.machines.facts import MachineFacts
from planner.search.choose import Choice

_CARDS = frozenset(["NVIDIA H100 80GB HBM3"])
"""Cards on which supervised fine-tuning by each method is bit-exact with deterministic algorithms,
both run twice and when stopped and resumed: padded, in padding-free passes, with compiled layers
and, but for QLoRA, with recorded passes.

Verified with torch 2.11 by `python -m tests.gpu.exact`; on a CPU, for all methods, by
`tests/runner/training/test_sft.py`.
"""

ON_CUDA = {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
"""The environment of stages on a card where memory is scarce: torch's allocator grows its segments,
which avoids fragmentation (https://docs.pytorch.org/docs/stable/notes/cuda.html) but takes time:
2.6 times as long on a 0.5B model on an H100."""
ROOM = 0.08
"""What segments of fixed sizes may fragment in padding-free passes, as a share of the peak: 3.7% on
an H100, since the greatest pass is computed first."""


def _verified(choice: Choice, machine: MachineFacts) -> bool:
    """Return whether training on these cards is bit-exact."""
    plan = choice.profile
    cards = machine.training(plan.ranks // choice.nodes)
    names = {gpu.name for gpu in cards.gpus}
    return bool(names) and names <= _CARDS and plan.objective == "sft"


def _records_qlora(choice: Choice) -> bool:
    return choice.profile.graph_sizes > 0 and choice.kind == "qlora"


def _scarce(choice: Choice) -> bool:
    """Return whether a plan needs segments that grow: padding-free passes leave room without."""
    if not choice.profile.pass_tokens:
        return True
    return choice.estimate.peak.peak_bytes * (1 + ROOM) > choice.budget_bytes


def table(answers: Answers, choice: Choice, machine: MachineFacts) -> dict[str, object]:
    """Return the `[exactness]` table. Raises DoesNotFit where exactness is not verified."""
    exact = answers.flag("train.exact")
    device = "cpu" if answers.text("machine.device") == "cpu" else machine.kind
    verified = device == "cpu" or _verified(choice, machine)
    if exact and verified and device != "cpu" and _records_qlora(choice):
        raise DoesNotFit(
            "Bit-exact training with `qlora` and CUDA graphs is not verified.",
            fix=Answer("method.cuda_graphs", "auto"),
        )
    if exact and not verified:
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
    environment = ON_CUDA if device == "cuda" and _scarce(choice) else {}
    return {"exact": exact, "threads": choice.threads, "environment": environment}
