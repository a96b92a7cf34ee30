"""The finalists of a search: the plans that are worth timing on the device itself."""

from collections.abc import Iterator

from planner.search.candidates import Candidates
from planner.search.ranking import seconds
from planner.search.tuned import MOST
from planner.setup.setup import Profile

FAR = 2.0
"""Plans are not timed that are estimated to take this many times as long as the chosen one: hosts
of one kind of card differ by up to 1.8 times."""
_Way = tuple[bool, bool, bool, str, bool, int]


def finalists(candidates: Candidates, chosen: Profile) -> tuple[Profile, ...]:
    """Return the chosen plan and at most two others of its method that fit, the likeliest first.

    Each computes its steps in a way of its own: padded or in passes, with the micro-batch, with or
    without checkpointing, compiled layers and recorded passes. Where the device's speed is unknown,
    those that are preferred next, without checkpointing more than the chosen one.
    """
    known = seconds(candidates, chosen) is not None
    best = {_way(chosen): chosen}
    for plan in _fitting(candidates, chosen):
        way, took = _way(plan), seconds(candidates, plan) or 0.0
        before = best.get(way)
        if before is None or (before != chosen and took < (seconds(candidates, before) or 0.0)):
            best[way] = plan
    others = [plan for plan in best.values() if plan != chosen]
    if known:
        limit = FAR * (seconds(candidates, chosen) or 0.0)
        others = [plan for plan in others if (seconds(candidates, plan) or 0.0) < limit]
        others.sort(key=lambda plan: seconds(candidates, plan) or 0.0)
    else:
        others = [plan for plan in others if plan.checkpointing == chosen.checkpointing]
    return (chosen, *others[: MOST - 1])


def _fitting(candidates: Candidates, chosen: Profile) -> Iterator[Profile]:
    layout = chosen.parallel, chosen.offload
    return filter(candidates.fits, candidates.of(chosen.method, layout))


def _way(plan: Profile) -> _Way:
    """Return how a plan computes a step; passes have as many tokens as fit."""
    flows, recorded = plan.pass_tokens > 0, plan.graph_sizes > 0
    rows = 0 if flows else plan.micro_batch
    return plan.packing, flows, plan.checkpointing, plan.kernels, recorded, rows
