"""What would fit where a plan does not: other options, and other cards."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from planner.catalogue.lookup import Accelerator, accelerators
from planner.fit.machines import cards
from planner.fit.request import Plan
from planner.fit.search import Search
from planner.parallelism.layouts import Offload, may_offload
from planner.search.reasons import gib
from planner.setup.setup import Kind
from planner.speed.host import accelerator

MEASURED = "NVIDIA"
"""The maker of the cards that the estimate was measured on."""
_STEP = 256
"""Tokens between the lengths that are tried."""
_COUNTS = (2, 4, 8, 16)
"""Numbers of cards that are tried."""
_OFFLOADS: tuple[Offload, ...] = ("optimizer", "all")

_Change = tuple[str, Plan]
"""Options to type, and the plan that they lead to."""


def longest_row(search: Search, plan: Plan, micro_batch: int) -> int:
    """Return the longest row that fits, within the model's context; 0 where none does."""

    def fits(steps: int) -> bool:
        return search.other(plan.profile, micro_batch=micro_batch, length=_STEP * steps).fits

    low, high = 0, search.model.architecture.context // _STEP + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low * _STEP


def way_out(search: Search, plan: Plan) -> str:
    """Return what to type so that something fits; empty where nothing of one model does.

    These are the mildest of the settings, or a shorter row; another method; other cards; more
    main memory.
    """
    ways = _first(_settings(search, plan)) or _length(search, plan)
    ways += _first(_methods(search))
    ways += (f"`--gpu {name}`" for name in _cards(search, plan))
    return ", or ".join(ways + _first(_offloads(search, plan)))


def _first(changes: Iterator[_Change]) -> list[str]:
    return [options for options, plan in changes if plan.fits][:1]


def _settings(search: Search, plan: Plan) -> Iterator[_Change]:
    if not plan.profile.checkpointing:
        yield "`--checkpointing`", search.other(plan.profile, checkpointing=True)
    if plan.profile.micro_batch > 1:
        yield "`--micro-batch 1`", search.other(plan.profile, micro_batch=1)
        both = search.other(plan.profile, micro_batch=1, checkpointing=True)
        yield "`--micro-batch 1 --checkpointing`", both


def _length(search: Search, plan: Plan) -> list[str]:
    longest = longest_row(search, plan, plan.profile.micro_batch)
    return [f"`--length {longest}`"] if longest else []


def _methods(search: Search) -> Iterator[_Change]:
    wish = search.wish
    for kind in ("lora", "qlora"):
        if wish.method not in (None, kind) and not (kind == "qlora" and search.no_qlora):
            yield f"`--method {kind}`", replace(search, wish=replace(wish, method=kind)).best(kind)


def _offloads(search: Search, plan: Plan) -> Iterator[_Change]:
    for offload in () if search.wish.offload or not search.machine.gpus else _OFFLOADS:
        elsewhere = replace(search, wish=replace(search.wish, offload=offload))
        if elsewhere.layouts and may_offload(plan.profile.method, offload, search.wish.offload):
            found = elsewhere.best(plan.profile.method)
            room = gib(search.ranks * found.estimate.host_bytes)
            yield f"`--offload {offload}` in {room} of main memory", found


def _cards(search: Search, plan: Plan) -> Iterator[str]:
    """Yield the smallest single card that holds a method, and the fewest of the cards at hand;
    where neither is known, the fewest of the largest card."""
    method = plan.profile.method
    known = [card for card in accelerators() if card.vendor == MEASURED]
    by_size = sorted(known, key=lambda card: (card.memory_bytes, -card.bf16_flops))
    single = [card.name for card in by_size if _holds(search, card, 1, method)][:1]
    yield from map(_typed, single)
    counted = accelerator(search.machine) or (None if single else by_size[-1])
    if counted:
        more = (n for n in _COUNTS if n > search.ranks and _holds(search, counted, n, method))
        yield from (f"{_typed(counted.name)}:{count}" for count in islice(more, 1))


def _typed(name: str) -> str:
    """Return a card's name as `--gpu` takes it without quotes."""
    return name.lower().replace(" ", "-")


def _holds(search: Search, card: Accelerator, count: int, method: Kind) -> bool:
    elsewhere = replace(search, machine=cards(card, count))
    return bool(elsewhere.layouts) and elsewhere.least(method).fits
