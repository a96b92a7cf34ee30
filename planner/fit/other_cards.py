"""Other cards on which a method fits: larger ones, and more of a machine's own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from lockfiles import limits
from planner.catalogue.lookup import Accelerator, accelerators
from planner.fit.machines import together
from planner.fit.request import FitRequest
from planner.parallelism.layouts import Offload
from planner.search.candidates import Candidates
from planner.search.plan import Plan
from planner.search.reasons import MEASURED
from planner.setup.setup import Kind

_COUNTS = (2, 4, 8, 16)
"""Numbers of cards of one machine to try."""
_USUAL = 8
"""Cards of a machine of which several are tried."""
_OFFLOADS: tuple[Offload, ...] = ("optimizer", "all")


@dataclass(frozen=True)
class OtherCards:
    """Cards of one kind on which a method fits."""

    card: Accelerator
    """Their kind."""
    count: int
    """Cards of each machine."""
    nodes: int
    """Machines."""
    offload: Offload
    """What must be offloaded to main memory."""
    method: Kind
    """The method."""
    candidates: Candidates
    """The plans for them."""

    @property
    def processes(self) -> int:
        """All cards."""
        return self.count * self.nodes

    def option(self, nodes: int) -> str:
        """Return the options for them where `--nodes` is `nodes` so far."""
        name = self.card.name.lower().replace(" ", "-")
        several = f":{self.count}" if self.processes > 1 else ""
        machines = f" --nodes {self.nodes}" if self.nodes != nodes else ""
        return f"--gpu {name}{several}{machines}"


def holding(request: FitRequest, method: Kind, *, offloads: bool) -> Iterator[OtherCards]:
    """Yield the smallest single card, larger than the machine's own, on which a method fits, and
    the smallest number of its own; where neither exists, the smallest number of the largest card.

    With `offloads`, fewer cards of the same kind follow, if they fit with something offloaded and
    the request leaves that open.
    """
    own, search = request.candidates.card, _Search(request, method)
    by_size = _by_size(own.usable_bytes if own else 0)
    single = list(islice(filter(None, (search.of(card, 1, 1) for card in by_size)), 1))
    yield from single
    counted = own or (None if single else by_size[-1])
    if not counted or counted.built_in:
        return
    more = search.fewest(counted, spread=not single)
    if more:
        yield more
    if offloads and not request.wish.offload:
        found = (
            search.fewest(counted, offload, spread=not single and (not more or more.nodes > 1))
            for offload in _OFFLOADS
        )
        fewer = [one for one in found if one and (not more or one.processes < more.processes)]
        yield from sorted(fewer, key=lambda one: one.processes)[:1]


def _by_size(room: int) -> list[Accelerator]:
    """Return the cards with more memory than `room` bytes, the smallest first."""
    known = [
        card
        for card in accelerators()
        if card.vendor == MEASURED and not card.built_in and card.usable_bytes > room
    ]
    return sorted(known, key=lambda card: (card.usable_bytes, -card.bf16_flops))


class _Search:
    """Finds cards on which a method fits. Caches its need by what it depends on."""

    def __init__(self, request: FitRequest, method: Kind) -> None:
        self._request, self._method = request, method
        self._least: dict[tuple[int, int, Offload, str, bool], list[Plan]] = {}

    def fewest(
        self, card: Accelerator, offload: Offload = "none", *, spread: bool
    ) -> OtherCards | None:
        """Return the fewest cards, more than the request has, that fit with this offloaded: on one
        machine, and with `spread` on several. Of several machines, only their number grows."""
        here, nodes = self._request.candidates.request.processes, self._request.nodes
        if nodes > 1:
            return self._machines(card, here // nodes, nodes, offload)
        counts = (count for count in _COUNTS if count > here)
        found = _first(self.of(card, count, 1, offload) for count in counts)
        return found or (self._machines(card, _USUAL, 1, offload) if spread else None)

    def _machines(
        self, card: Accelerator, count: int, low: int, offload: Offload
    ) -> OtherCards | None:
        """Return the fewest machines, more than `low`, that fit with so many cards each; None if
        more than a training can have would be needed."""
        high = limits.MOST_PROCESSES // count
        found = self.of(card, count, high, offload) if high > low else None
        while found and high - low > 1:
            middle = (low + high) // 2
            if fits := self.of(card, count, middle, offload):
                high, found = middle, fits
            else:
                low = middle
        return found

    def of(
        self, card: Accelerator, count: int, nodes: int, offload: Offload = "none"
    ) -> OtherCards | None:
        """Return these cards if the method fits on them with this offloaded."""
        asked = self._request
        machine = together(card, count, nodes, asked.wish.ram_gib, asked.machine.links)
        there = replace(asked, machine=machine, wish=replace(asked.wish, nodes=nodes))
        found = there.candidates
        room, host = found.budget_bytes, found.host_budget_bytes
        least = self._least_of(found, asked.wish.offload or offload)
        if not any(replace(one, budget_bytes=room, host_budget_bytes=host).fits for one in least):
            return None
        return OtherCards(card, count, nodes, offload, self._method, found)

    def _least_of(self, found: Candidates, offload: Offload) -> list[Plan]:
        """Return the plan of each engine that needs the least of a card with this offloaded: one
        that needs less of it than another may need more main memory."""
        asked = found.request
        key = asked.processes, asked.nodes, offload, found.dtype, found.bounded
        if key not in self._least:
            at = (one for one in found.layouts_of(self._method) if one[1] == offload)
            self._least[key] = [found.plan(found.least(self._method, one)) for one in at]
        return self._least[key]


def _first(found: Iterable[OtherCards | None]) -> OtherCards | None:
    return next(filter(None, found), None)
