"""Changes of the answers that make a plan fit where it does not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from planner.parallelism.layouts import Offload, may_offload
from planner.search.candidates import Candidates
from planner.search.ranking import best, best_or_least
from planner.setup.setup import Kind, Profile

_STEP, _SMALL_STEP = 256, 64
"""Step in tokens between the lengths that are tried; the small one below `_STEP`."""
_OFFLOADS: tuple[Offload, ...] = ("optimizer", "all")


@dataclass(frozen=True)
class Change:
    """Answers that differ from the given ones, and the plan that they lead to."""

    answers: tuple[tuple[str, str | int], ...]
    """Keys of `run.toml` with their values."""
    candidates: Candidates
    """The plans with those answers."""
    plan: Profile
    """The plan to choose; where none fits, the one that needs the least."""

    @property
    def fits(self) -> bool:
        """Whether the plan fits."""
        return self.candidates.fits(self.plan)


def settings(candidates: Candidates, plan: Profile) -> Iterator[Change]:
    """Yield the changes that keep the results: checkpointing and a micro-batch of 1, or before them
    no recorded passes, where they were set."""
    if candidates.request.recorded:
        free = replace(candidates, request=replace(candidates.request, recorded=None))
        found = best_or_least(free, plan.method)
        yield Change((("method.cuda_graphs", "auto"),), free, found)
        return
    on = ("method.checkpointing", "on")
    one = ("method.micro_batch", 1)
    if plan.pass_tokens:  # one of the longest row: a smaller micro-batch would need as much
        yield from _checkpointed(candidates, plan, on)
        return
    if not plan.checkpointing:
        yield Change((on,), candidates, candidates.other(plan, checkpointing=True))
    if plan.micro_batch > 1:
        yield Change((one,), candidates, candidates.other(plan, micro_batch=1))
        both = candidates.other(plan, micro_batch=1, checkpointing=True)
        yield Change((one, on), candidates, both)


def _checkpointed(candidates: Candidates, plan: Profile, on: tuple[str, str]) -> Iterator[Change]:
    """Yield the change to checkpointing for a plan with passes."""
    if not plan.checkpointing:
        free = replace(candidates, request=replace(candidates.request, checkpointing=True))
        yield Change((on,), free, best_or_least(free, plan.method))


def methods(candidates: Candidates) -> Iterator[Change]:
    """Yield the adapter methods other than the one that was set, or that FP8 products are for."""
    asked, kinds = candidates.request, tuple[Kind, ...](("lora", "qlora"))
    rounds = asked.base_products == "fp8"
    for kind in kinds if asked.method or rounds else ():
        if kind in candidates.kinds or kind not in candidates.possible:
            continue
        plain = replace(asked, method=kind, base_products="bf16")
        other = replace(candidates, request=plain)
        answers = (("method.kind", kind), *((("method.base_products", "bf16"),) * rounds))
        yield Change(answers, other, best_or_least(other, kind))


def engines(candidates: Candidates, plan: Profile) -> Iterator[Change]:
    """Yield the change to another engine than the one that was set for several cards."""
    asked = candidates.request
    if not asked.parallel or not candidates.machine.gpus:
        return
    free = replace(candidates, request=replace(asked, parallel=None))
    if plan.method not in free.kinds or not free.layouts_of(plan.method):
        return
    found = best_or_least(free, plan.method)
    other = replace(candidates, request=replace(asked, parallel=found.parallel))
    yield Change((("machine.parallel", found.parallel),), other, found)


def processes(candidates: Candidates) -> Iterator[Change]:
    """Yield the changes to more of the machine's cards that fit, those that offload nothing and the
    fewest first: a step has the same rows, and any of the possible methods."""
    found = list(_more_cards(candidates))
    yield from (change for change in found if change.plan.offload == "none")
    yield from (change for change in found if change.plan.offload != "none")


def _more_cards(candidates: Candidates) -> Iterator[Change]:
    asked, cards = candidates.request, len(candidates.machine.gpus)
    for count in range(asked.processes + 1, cards + 1) if asked.nodes == 1 else ():
        share, rest = divmod(asked.effective_batch, count)
        if rest or share % (asked.micro_batch or 1):
            continue
        more = replace(asked, processes=count)
        other = replace(candidates, request=more, rehearsal=None, tuned=None)
        if (other.flows or not asked.packing) and (plan := best(other)):
            yield Change((("machine.processes", count),), other, plan)


def lengths(candidates: Candidates, plan: Profile) -> Iterator[Change]:
    """Yield the change to the longest row that fits, if any does."""
    if longest := longest_row(candidates, plan):
        shorter = _of_length(candidates, plan, longest)
        yield Change((("train.max_length", longest),), candidates, shorter)


def _of_length(candidates: Candidates, plan: Profile, length: int) -> Profile:
    """Return a plan for rows of at most `length` tokens; with passes, one that holds such a row."""
    if plan.pass_tokens:
        return replace(plan, length=length, pass_tokens=length, accumulates=True)
    return candidates.other(plan, length=length)


def offloads(candidates: Candidates, plan: Profile) -> Iterator[Change]:
    """Yield what can be offloaded from a single card where the request leaves that open; with
    several, the search offloads without being asked."""
    asked = candidates.request
    alone = bool(candidates.machine.gpus) and asked.processes == 1
    for offload in _OFFLOADS if alone and not asked.offload else ():
        other = replace(candidates, request=replace(asked, offload=offload))
        if other.layouts and may_offload(plan.method, offload, asked.offload):
            found = best_or_least(other, plan.method)
            yield Change((("machine.offload", offload),), other, found)


def longest_row(candidates: Candidates, plan: Profile) -> int:
    """Return the most tokens of a row that fit, within the model's context; 0 where none do."""
    context = candidates.model.architecture.context

    def fits(length: int) -> bool:
        return candidates.fits(_of_length(candidates, plan, length))

    low, high = 0, context // _STEP + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(_STEP * middle) else (low, middle)
    if low:
        return low * _STEP
    small = range(_STEP - _SMALL_STEP, 0, -_SMALL_STEP)
    return next((length for length in small if length <= context and fits(length)), 0)
