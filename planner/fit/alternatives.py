"""What would fit where a plan does not: other options, or other cards."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from lockfiles import limits
from planner.catalogue.lookup import Accelerator, accelerators
from planner.fit.machines import cards
from planner.fit.request import FitRequest
from planner.search import alternatives
from planner.search.alternatives import Change
from planner.search.plan import Plan
from planner.search.reasons import MEASURED
from planner.search.wording import gib
from planner.setup.setup import Kind, Profile

_COUNTS = (2, 4, 8, 16)
"""Numbers of cards to try."""
_USUAL = 8
"""Cards of a machine of which several are tried."""
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
    method, other cards, offloading to main memory.
    """
    found = request.candidates
    ways = _first(alternatives.settings(found, plan)) or _first(alternatives.lengths(found, plan))
    ways += _first(alternatives.engines(found, plan)) + _first(alternatives.methods(found))
    ways += (f"`--gpu {name}`" for name in _cards(request, plan.method))
    return ", or ".join(ways + _first(alternatives.offloads(found, plan)))


def _first(changes: Iterator[Change]) -> list[str]:
    return [_options(change) for change in islice((one for one in changes if one.fits), 1)]


def _options(change: Change) -> str:
    typed = [
        _OPTIONS[key] if value == "on" else f"{_OPTIONS[key]} {value}"
        for key, value in change.answers
    ]
    if change.answers[0][0] != "machine.offload":
        return f"`{' '.join(typed)}`"
    host = change.candidates.plan(change.plan).estimate.host_bytes
    room = gib(change.plan.ranks * host)
    return f"`{' '.join(typed)}` with {room} of main memory"


def _cards(request: FitRequest, method: Kind) -> Iterator[str]:
    """Yield the smallest single card, larger than the machine's own, on which a method fits, and
    the smallest number of its own; where neither exists, the smallest number of the largest card.
    """
    own = request.candidates.card
    room = own.usable_bytes if own else 0
    known = [
        one
        for one in accelerators()
        if one.vendor == MEASURED and not one.built_in and one.usable_bytes > room
    ]
    by_size = sorted(known, key=lambda card: (card.usable_bytes, -card.bf16_flops))
    holds = _Holds(request, method)
    single = list(islice((card.name for card in by_size if holds(card, 1)), 1))
    yield from map(_typed, single)
    counted = own or (None if single else by_size[-1])
    if counted and not counted.built_in:
        here = request.candidates.request.processes
        more = [n for n in _COUNTS if n > here and holds(counted, n)][:1]
        yield from (f"{_typed(counted.name)}:{count}" for count in more)
        if not single and not more and (nodes := _machines(holds, counted)):
            yield f"{_typed(counted.name)}:{_USUAL} --nodes {nodes}"


def _typed(name: str) -> str:
    """Return a card's name in the form that `--gpu` accepts without quotes."""
    return name.lower().replace(" ", "-")


def _machines(holds: "_Holds", card: Accelerator) -> int:
    """Return the fewest machines with the usual number of cards on which a method fits; 0 if more
    than a training can have would be needed."""
    low, high = 1, limits.MOST_PROCESSES // _USUAL
    if not holds(card, high * _USUAL):
        return 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(card, middle * _USUAL) else (middle, high)
    return high


class _Holds:
    """Whether a method fits on some cards. Caches its need by what it depends on."""

    def __init__(self, request: FitRequest, method: Kind) -> None:
        self._request, self._method = request, method
        self._least: dict[tuple[int, str, bool], Plan] = {}

    def __call__(self, card: Accelerator, count: int) -> bool:
        found = replace(self._request, machine=cards(card, count)).candidates
        key = count, found.dtype, found.bounded
        if found.layouts and key not in self._least:
            self._least[key] = found.plan(found.least(self._method))
        if key not in self._least:
            return False
        room, host = found.budget_bytes, found.host_budget_bytes
        return replace(self._least[key], budget_bytes=room, host_budget_bytes=host).fits
