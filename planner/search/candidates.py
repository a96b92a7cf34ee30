"""The possible plans for a request, and the memory they need."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Self

from planner.catalogue.lookup import Accelerator
from planner.memory import Estimate, estimate, recorded_passes
from planner.parallelism.layouts import Layout
from planner.search.buckets import buckets
from planner.search.budget import beyond_peak, budget, host_budget, with_room
from planner.search.kernels import variants
from planner.search.passes import laid_out
from planner.search.plan import Plan
from planner.search.ran import is_same
from planner.search.space import Space
from planner.setup.setup import Kind, Profile
from planner.speed.host import accelerator

if TYPE_CHECKING:
    from planner.search.rehearsal import Rehearsal
    from planner.search.tuned import Tuned

ROOM = 0.02
"""What passes of many sizes may fragment, as a share of their peak."""
LESS = 0.9
"""What passes may need where a rehearsed plan ran out of memory, as a share of its estimate: only a
few tokens less would run out again."""


@dataclass(frozen=True)
class Candidates(Space):
    """The plans for one request, with the memory that each of them needs."""

    rehearsal: "Rehearsal | None" = None
    """A rehearsal of this model on this machine, if there is one."""
    tuned: "Tuned | None" = None
    """What it timed of the finalists of a search, if it did."""

    def of(self, kind: Kind, layout: Layout) -> Iterator[Profile]:
        """Yield the plans of a method in one layout; passes have as many tokens as fit, and where
        their rows need a mask, also fewer."""
        for plan in super().of(kind, layout):
            if not plan.pass_tokens:
                yield self._with_bucket(plan, self.fits)
                continue
            for one in variants(self.request, self.model, plan):
                yield from self._laid_out(one)

    def _laid_out(self, plan: Profile) -> Iterator[Profile]:
        found = self._rehearsed(plan) or laid_out(plan, self.steps, self._has_room)
        yield found
        if found.accumulates and found.engine.shards == "deepspeed":
            yield from self._exchanging_less(found)
        if found.attention == "own":
            yield from self._shorter(found)

    def _exchanging_less(self, plan: Profile) -> Iterator[Profile]:
        """Yield a plan with larger passes, or that fits at all, thanks to a smaller bucket."""
        least = replace(plan, bucket=buckets(self.model, plan)[-1])
        found = laid_out(least, self.steps, self._has_room)
        if found.pass_tokens > plan.pass_tokens or not self.fits(plan):
            yield self._with_bucket(found, self._has_room)

    def _with_bucket(self, plan: Profile, fits: Callable[[Profile], bool]) -> Profile:
        """Return a plan with the largest bucket that fits, or with the smallest one where none
        does; the plan itself if its engine has none."""
        if plan.engine.shards != "deepspeed":
            return plan
        sized = [replace(plan, bucket=size) for size in buckets(self.model, plan)]
        return next(filter(fits, sized), sized[-1])

    def _has_room(self, plan: Profile) -> bool:
        """Return whether a plan fits, with some memory left if its steps are several passes."""
        most = self.budget_bytes / (1 + ROOM) if plan.accumulates else self.budget_bytes
        if self.rehearsal and not self.rehearsal.fitted:
            most = min(most, LESS * self.estimated(self.rehearsal.case.profile))
        return self.fits(plan) and self.need(plan) <= most

    def _rehearsed(self, plan: Profile) -> Profile | None:
        """Return a plan that was rehearsed or timed if it is this one but for its passes, steps of
        these rows have such passes, and it fits."""
        for ran in self._ran():
            if ran.pass_tokens and self.may_have(ran):
                own = replace(plan, pass_tokens=ran.pass_tokens, accumulates=ran.accumulates)
                if is_same(ran, own) and self.fits(own):
                    return own
        return None

    def _ran(self) -> Iterator[Profile]:
        """Yield the plans that ran in enough memory, and those that were timed."""
        if self.rehearsal and self.rehearsal.fitted:
            yield self.rehearsal.case.profile
        yield from self.tuned.profiles() if self.tuned else ()

    def may_have(self, plan: Profile) -> bool:
        """Return whether rows of these lengths may have the micro-batches or passes of a plan."""
        if not plan.pass_tokens:
            return plan.length == self.request.longest
        return self.flows and self.steps.may_have(plan.pass_tokens, several=plan.accumulates)

    def _shorter(self, plan: Profile) -> Iterator[Profile]:
        """Yield a plan with shorter passes: the pairs of tokens in a mask grow with the square."""
        most = plan.pass_tokens // 2
        while most > self.steps.longest:
            yield replace(plan, pass_tokens=most, accumulates=True)
            most //= 2
        yield replace(plan, pass_tokens=self.steps.longest, accumulates=True)

    @cached_property
    def budget_bytes(self) -> int:
        """Bytes available to each process."""
        return budget(self.used, self.rehearsal, self.request.processes)

    @cached_property
    def host_budget_bytes(self) -> int | None:
        """Bytes that each process may offload; None where main memory is unknown."""
        return host_budget(self.machine, self.request.processes)

    def need(self, plan: Profile) -> int:
        """Return the peak of a plan, in bytes: measured where it was rehearsed.

        Where the rehearsed plan ran out of memory, it and every plan that needs as much are over
        budget.
        """
        estimated = self.estimated(plan)
        if not self.rehearsal:
            return estimated
        if self.rehearsal.fitted:
            measured = self.rehearsal.measured.allocated_bytes + self._more(plan)
            return measured if self.rehearsal.is_of(plan) else estimated
        over = estimated >= self.estimated(self.rehearsal.case.profile)
        return max(estimated, self.budget_bytes + 1) if over else estimated

    def _more(self, plan: Profile) -> int:
        """Return what a plan needs besides what its rehearsal measured."""
        return recorded_passes.unrehearsed(self.model.architecture, plan)

    @property
    def host_seconds(self) -> float:
        """Seconds of a step of the host's model; 0 where it was not measured."""
        return self.rehearsal.measured.host_seconds if self.rehearsal else 0.0

    @cached_property
    def card(self) -> Accelerator | None:
        """The catalogue's entry for the cards, with the speed of their host."""
        return accelerator(self.used, self.host_seconds, self.request.nodes)

    def estimated(self, plan: Profile) -> int:
        """Return the peak of a plan by its estimate, in bytes."""
        return self._estimate(plan).peak.peak_bytes

    def fits(self, plan: Profile) -> bool:
        """Return whether a plan is within the budget, or ran in the free memory when rehearsed."""
        ran, free = self.rehearsal, self.used.least_free
        if ran and free and ran.fitted and ran.is_of(plan):
            return ran.measured.process_bytes + self._more(plan) <= free.free_bytes
        if self.wanted(plan) > self.budget_bytes:
            return False
        return plan.parallel == "single" or self.plan(plan).offload_fits

    def wanted(self, plan: Profile) -> int:
        """Return what must be available for a plan, in bytes: its peak, with what recorded passes
        may fragment, and what several cards need besides."""
        found = with_room(self.need(plan), plan)
        if plan.parallel == "single":
            return found
        return found + beyond_peak(self._estimate(plan), plan)

    def plan(self, profile: Profile) -> Plan:
        """Return a profile with its memory estimate."""
        return Plan(
            profile=profile,
            accumulation=self.accumulation(profile.micro_batch),
            estimate=self._estimate(profile),
            budget_bytes=self.budget_bytes,
            host_budget_bytes=self.host_budget_bytes,
        )

    def _estimate(self, plan: Profile) -> Estimate:
        found = self._estimates.get(plan)
        if found is None:
            found = self._estimates[plan] = estimate(self.model, plan)
        return found

    @cached_property
    def _estimates(self) -> dict[Profile, Estimate]:
        return {}

    @cached_property
    def timed(self) -> dict[Profile, float | None]:
        """A cache of `planner.search.ranking`: seconds per row of each plan."""
        return {}

    @cached_property
    def scale(self) -> list[float]:
        """A cache of `planner.search.ranking`: how much longer plans take than estimated."""
        return []

    def least(self, kind: Kind, *given: Layout) -> Profile:
        """Return the plan of a method that needs the least, in some layouts or in all that offload
        nothing unless it is set: of passes those with the longest row, with the smallest bucket."""
        every = chain.from_iterable(self._least(kind, one) for one in given or self.unmoved(kind))
        return min(every, key=lambda plan: (self.wanted(plan), plan.micro_batch))

    def _least(self, kind: Kind, layout: Layout) -> Iterator[Profile]:
        for plan in super().of(kind, layout):
            if plan.engine.shards == "deepspeed":
                plan = replace(plan, bucket=buckets(self.model, plan)[-1])
            if not plan.pass_tokens:
                yield plan
                continue
            several = self.steps.longest < self.steps.largest
            one = replace(plan, pass_tokens=self.steps.longest, accumulates=several)
            yield from variants(self.request, self.model, one)

    def switched(self, **changes: object) -> Self:
        """Return the candidates with other switches of the request (`compiled`, `recorded`,
        `base_products`), and with what is already known of plans."""
        found = replace(self, request=replace(self.request, **changes))  # type: ignore[arg-type]
        kept = ("_estimates", "timed", "scale", "steps")
        found.__dict__.update({name: getattr(self, name) for name in kept if name in vars(self)})
        return found
