"""The plans that a rehearsal ran: their bounds, and how they may differ from a lock's."""

from dataclasses import replace

from lockfiles import limits
from planner.setup.setup import Profile

_UNREHEARSED = ("padded", "process_bytes", "held_tokens")
"""Fields of a plan that may differ from those of the rehearsed one: a rehearsal repeats one
micro-batch, and measures the process itself."""


def is_same(ran: Profile, plan: Profile) -> bool:
    """Return whether `plan` was rehearsed as `ran`; fused AdamW counts as one under either name.

    A rehearsal records passes of few sizes, so that their number may differ: a lock may have
    fewer sizes than its plan allows.
    """
    if ran.optimizer == "adamw_torch" and ran.fused:
        ran = replace(ran, optimizer="adamw_torch_fused")
    own = {name: getattr(plan, name) for name in _UNREHEARSED}
    if ran.graph_sizes and plan.graph_sizes:
        own["graph_sizes"] = plan.graph_sizes
    return replace(ran, **own) == plan


def is_plan(plan: Profile) -> bool:
    """Return whether a profile is within the bounds of a lock."""
    return (
        0 < plan.length <= limits.MOST_CONTEXT_TOKENS
        and 0 < plan.micro_batch <= limits.MOST_EFFECTIVE_BATCH
        and 0 <= plan.rank <= limits.MOST_RANK
        and 0 <= plan.dropout <= limits.MOST_DROPOUT
        and len(plan.targets) <= limits.MOST_TARGETS
        and 0 < plan.ranks <= limits.MOST_CARDS
        and 0 < plan.bucket <= limits.MOST_BYTES
        and 0 <= plan.scored <= 1
        and 0 <= plan.process_bytes <= limits.MOST_BYTES
        and 0 <= plan.held_tokens <= limits.MOST_TOKENS
        and plan.pass_tokens <= limits.MOST_TOKENS
        and (plan.pass_tokens == 0 or (plan.packing and plan.pass_tokens >= plan.length))
        and 0 <= plan.squares <= limits.MOST_TOKENS
        and 0 <= plan.graph_sizes <= (limits.MOST_GRAPHS if plan.pass_tokens else 0)
    )
