"""What the finalists of a search took on the device, in a sentence."""

from collections.abc import Iterator

from planner.search.candidates import Candidates
from planner.setup.setup import Profile

UNTIMED = {
    "time": "no time was left",
    "memory": "memory ran out",
    "failed": "it failed",
}
"""Why a finalist was not timed."""


def of(candidates: Candidates, chosen: Profile) -> str:
    """Return what the chosen plan and the other finalists took; empty if it is not one of them."""
    tuned = candidates.tuned
    at = tuned.index(chosen) if tuned else None
    if not tuned or at is None or not tuned.steps:
        return ""
    others = [one for index, one in enumerate(tuned.finalists) if index != at]
    took = [
        f"{way(one.profile)} took {_seconds(tuned.step_seconds(one.profile))}"
        for one in others
        if not one.untimed
    ]
    own = tuned.step_seconds(chosen)
    said = f"Timed on the same rows: a step took {_seconds(own)}"
    if own is None:
        said = "Not timed, since no time was left; estimated to be faster than what was timed"
    parts = [f"{said}{'; ' if took else ''}{', '.join(took)}."]
    parts += [
        f"Not timed: {way(one.profile)} ({UNTIMED[one.untimed]})." for one in others if one.untimed
    ]
    return " ".join(parts)


def trouble(candidates: Candidates, plan: Profile | None) -> str:
    """Return what went wrong when a finalist was timed; empty for any other plan."""
    at = candidates.tuned.index(plan) if candidates.tuned and plan else None
    problem = candidates.tuned.finalists[at].untimed if candidates.tuned and at is not None else ""
    return UNTIMED[problem] if problem in ("memory", "failed") else ""


def way(plan: Profile) -> str:
    """Return how a plan computes its steps, in words."""
    return ", ".join(_ways(plan))


def _ways(plan: Profile) -> Iterator[str]:
    if plan.pass_tokens:
        yield f"passes of {plan.pass_tokens:,} tokens"
    else:
        yield f"micro-batch {plan.micro_batch}"
    if plan.packing and not plan.pass_tokens:
        yield "packing"
    if plan.checkpointing:
        yield "checkpointing"
    if plan.kernels == "compiled":
        yield "compiled layers"
    if plan.graph_sizes:
        yield "CUDA graphs"


def _seconds(seconds: float | None) -> str:
    return f"{seconds or 0.0:.2g} s"
