"""What would fit where a plan does not: other options, or other cards."""

from collections.abc import Iterator
from itertools import islice

from lockfiles.measured import tokens
from planner.fit import other_cards
from planner.fit.other_cards import OtherCards
from planner.fit.request import FitRequest
from planner.search import alternatives, ranking
from planner.search.alternatives import Change
from planner.search.candidates import Candidates
from planner.search.wording import gib
from planner.setup.setup import Profile

_OPTIONS = {
    "method.checkpointing": "--checkpointing",
    "method.micro_batch": "--micro-batch",
    "method.kind": "--method",
    "train.max_length": "--length",
    "machine.offload": "--offload",
    "machine.parallel": "--parallel",
}
"""The command-line option of each answer that `planner.search.alternatives` may change."""


def way_out(request: FitRequest, plan: Profile) -> str:
    """Return the options that would make the model fit; empty where none would.

    In this order: the smallest change of settings or a shorter row, another engine, another
    method, other cards, offloading to main memory. Where something would be offloaded, the speed
    of that and of the other cards is given.
    """
    if plan not in request.ways:
        request.ways[plan] = ", or ".join(_ways(request, plan))
    return request.ways[plan]


def _ways(request: FitRequest, plan: Profile) -> Iterator[str]:
    found = request.candidates
    yield from map(_options, _first(alternatives.settings(found, plan)) or _shorter(request, plan))
    yield from map(_options, _first(alternatives.engines(found, plan)))
    yield from map(_options, _first(alternatives.methods(found)))
    here = _first(alternatives.offloads(found, plan))
    larger = list(other_cards.holding(request, plan.method, offloads=not here))
    timed = bool(here) or any(one.offload != "none" for one in larger)
    yield from (_cards(request, one, timed) for one in larger)
    for change in here:
        yield f"{_options(change)} with {_moved(change.candidates, change.plan)}"


def _shorter(request: FitRequest, plan: Profile) -> list[Change]:
    return _first(alternatives.lengths(request.candidates, plan))


def _first(changes: Iterator[Change]) -> list[Change]:
    return list(islice((one for one in changes if one.fits), 1))


def _options(change: Change) -> str:
    typed = [
        _OPTIONS[key] if value == "on" else f"{_OPTIONS[key]} {value}"
        for key, value in change.answers
    ]
    return f"`{' '.join(typed)}`"


def _cards(request: FitRequest, found: OtherCards, timed: bool) -> str:
    """Return the option for other cards, with what they offload, and how fast they train."""
    typed = f"`{found.option(request.nodes)}`"
    if not timed:
        return typed
    plan = ranking.best_or_least(found.candidates, found.method)
    if plan.offload == "none":
        return f"{typed}{_speed(found.candidates, plan)}"
    what = "the optimizer" if plan.offload == "optimizer" else "all"
    return f"{typed} with {what} offloaded to {_moved(found.candidates, plan)}"


def _moved(candidates: Candidates, plan: Profile) -> str:
    """Return the main memory that a plan offloads to, and how fast it trains."""
    nodes = candidates.request.nodes
    room = plan.ranks // nodes * candidates.plan(plan).estimate.host_bytes
    each = " of each machine" if nodes > 1 else ""
    return f"{gib(room)} of main memory{each}{_speed(candidates, plan)}"


def _speed(candidates: Candidates, plan: Profile) -> str:
    found = ranking.timing(candidates, plan)
    return f" ({tokens(found[1].tokens_per_second)})" if found else ""
